"""How AWS names its quotas of instances."""

from __future__ import annotations


def quota_name(instance_type: str, use: str) -> str:
    """Name of a quota, as refusals and Service Quotas have it."""
    return f"{instance_type} for {use} job usage"
