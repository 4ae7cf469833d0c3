"""A figure, its reference, and whether its goal is met."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class Goal:
    """A bound on a figure, or on its ratio to the reference.

    Attributes:
        bound: the bound, in the figure's unit, or a plain number for a ratio.
        of: whether it bounds the figure or the ratio.
        at_least: whether it is a lower bound; by default it is an upper one.
        give: the largest distance from the bound in either direction, for a figure that should equal it.
    """

    bound: float
    of: Literal["ours", "ratio"]
    at_least: bool = False
    give: float | None = None

    def is_met_by(self, figure: float) -> bool:
        """Return whether the figure, or the ratio, is within the bound."""
        if self.give is not None:
            return self.bound - self.give <= figure <= self.bound + self.give
        return figure >= self.bound if self.at_least else figure <= self.bound

    def __str__(self) -> str:
        """Return the bound as a formula."""
        if self.give is not None:
            return f"{self.bound:g} ± {self.give:g}"
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Other:
    """One of several references of a figure.

    Attributes:
        name: its name.
        figure: its figure in the unit of the measure; None if it could not be measured.
        seconds: the processor's seconds that it took.
    """

    name: str
    figure: float | None
    seconds: float


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        name: what was measured.
        unit: unit of `ours` and `reference`.
        ours: the figure; None if it could not be measured, and then `note` says why.
        reference: the reference's figure, measured in the same run.
        goal: the goal; None if there is none.
        note: how the figures were measured.
        others: all references, if `reference` is the best of several.
        details: further figures, one on each line, for build/bench.json only.
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
        """The figure divided by the reference."""
        return self.ours / self.reference if self.ours is not None and self.reference else None

    @property
    def goal_text(self) -> str:
        """The goal as text; "" if there is none."""
        if self.goal is None:
            return ""
        return f"{self.goal} {self.unit}".strip() if self.goal.of == "ours" else f"ratio {self.goal}"

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none. A goal whose figure could not be measured is not met."""
        if self.goal is None:
            return None
        figure = self.ours if self.goal.of == "ours" else self.ratio
        return figure is not None and self.goal.is_met_by(figure)

    def taken(self, ours: float | None, reference: float | None, note: str) -> Measure:
        """Return the row with its figures."""
        return replace(self, ours=ours, reference=reference, note=note)

    def as_json(self) -> dict[str, Any]:
        """Return the row's object in build/bench.json."""
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
