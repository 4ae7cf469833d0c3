"""A figure, what it is held against, and whether its goal is met."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class Goal:
    """A bound on a figure, or on its ratio to the reference.

    Attributes:
        bound: the figure's unit, or a plain number for a ratio.
        of: which of the two is bound.
        at_least: whether more is better; by default less is.
        give: for a figure that is right at the bound, how far from it may be either way.
    """

    bound: float
    of: Literal["ours", "ratio"]
    at_least: bool = False
    give: float | None = None

    def is_met_by(self, figure: float) -> bool:
        """Whether the figure, or the ratio, is on the right side of the bound, or near enough."""
        if self.give is not None:
            return self.bound - self.give <= figure <= self.bound + self.give
        return figure >= self.bound if self.at_least else figure <= self.bound

    def __str__(self) -> str:
        """The bound in signs."""
        if self.give is not None:
            return f"{self.bound:g} ± {self.give:g}"
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Other:
    """One of several that a figure is held against.

    Attributes:
        name: what it is called.
        figure: in the unit of the measure; None if it could not be taken.
        seconds: of the processor, that it took.
    """

    name: str
    figure: float | None
    seconds: float


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        name: what was measured.
        unit: of `ours` and `reference`.
        ours: the figure; None if it could not be taken, and then `note` says why.
        reference: the figure of what it is held against, taken in the same breath.
        goal: None if there is none.
        note: how it was taken.
        others: those among which the reference is the best.
        details: further figures, a line each, for build/bench.json alone.
    """

    name: str
    unit: str
    ours: float | None
    reference: float | None = None
    goal: Goal | None = None
    note: str = ""
    others: tuple[Other, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return self.ours / self.reference if self.ours is not None and self.reference else None

    @property
    def goal_text(self) -> str:
        """The goal in words; empty if there is none."""
        if self.goal is None:
            return ""
        return f"{self.goal} {self.unit}".strip() if self.goal.of == "ours" else f"ratio {self.goal}"

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none. What could not be measured is not met."""
        if self.goal is None:
            return None
        figure = self.ours if self.goal.of == "ours" else self.ratio
        return figure is not None and self.goal.is_met_by(figure)

    def taken(self, ours: float | None, reference: float | None, note: str) -> Measure:
        """The same row with its figures."""
        return replace(self, ours=ours, reference=reference, note=note)

    def as_json(self) -> dict[str, Any]:
        """The row in build/bench.json."""
        return {
            "measure": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "reference": self.reference,
            "ratio": self.ratio,
            "goal": self.goal_text or None,
            "met": self.met,
            "note": self.note,
            "others": [asdict(other) for other in self.others],
            "details": list(self.details),
        }
