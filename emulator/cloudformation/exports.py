"""The exports of an account's stacks in one Region: each name once, and none goes while another stack imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.cloudformation.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.cloudformation.stack import Output, Stack


class Exports:
    """What stacks export and import.

    Args:
        stacks: gives the stacks that there are.
    """

    def __init__(self, stacks: Callable[[], Iterable[Stack]]) -> None:
        self._stacks = stacks

    def value(self, name: str) -> str:
        """Return the value of an export.

        Raises:
            ResourceError: there is none of this name.
        """
        for stack in self._stacks():
            if name in stack.exports:
                return stack.exports[name]
        raise ResourceError(f"No export named {name} found.")

    def check(self, stack: Stack, outputs: list[Output]) -> None:
        """Refuse outputs that a stack cannot have.

        Raises:
            ResourceError: another stack has an export's name, or imports one that would go or change.
        """
        exports = {one.export_name: one.output_value for one in outputs if one.export_name is not None}
        for other in self._stacks():
            for name in exports.keys() & other.exports.keys() if other is not stack else ():
                raise ResourceError(f"Export with name {name} is already exported by stack {other.name}")
        for name, value in stack.exports.items():
            if exports.get(name) != value and (importers := self._importers(name)):
                change = "updated" if name in exports else "deleted"
                raise ResourceError(f"Export {name} cannot be {change} as it is in use by {importers}")

    def kept_by(self, stack: Stack) -> str:
        """Return why a stack cannot be deleted; empty if it can."""
        for name in stack.exports:
            if importers := self._importers(name):
                return f"Export {name} cannot be deleted as it is in use by {importers}"
        return ""

    def _importers(self, name: str) -> str:
        return " and ".join(stack.name for stack in self._stacks() if name in stack.imports)
