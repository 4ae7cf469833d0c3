"""How CloudFormation writes a scalar of a template as text."""

from __future__ import annotations


def scalar_text(value: object) -> str:
    """`value` as text: `true` for a boolean, and else as it stands."""
    return str(value).lower() if isinstance(value, bool) else str(value)
