"""The model that is served: trees that tell how likely a customer comes back in each part of the horizon.

A discrete-time hazard model: the horizon is cut into intervals, and for each the trees give the probability that a
customer who has not come back before it does so in it. Multiplied, they are a survival curve, and the days by which
10, 50 and 90 % are expected back are read from it.

Source: J. D. Singer, J. B. Willett, It's About Time, Journal of Educational Statistics 18 (1993).
"""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, Any

from next_purchase.baselines import LEAST_DAYS
from next_purchase.errors import ArtifactError
from next_purchase.lightgbm_library import Booster
from next_purchase.schema import SHARES
from next_purchase.tree_columns import TreeColumns, read_trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

INTERVAL = "interval"
"""The last feature that the trees see: the number of the interval, from 0."""

# In twelfths of the horizon: short first, since half of those who return do so early.
_ENDS_IN_TWELFTHS = (1, 2, 4, 6, 8, 10, 12)

# Days are whole: day 7 stands for everything from half past 6 to half past 7.
_HALF_A_DAY = 0.5


def interval_ends(horizon_days: int) -> tuple[int, ...]:
    """The last day of each interval; the first one begins on day 1."""
    return tuple(sorted({max(1, horizon_days * part // 12) for part in _ENDS_IN_TWELFTHS}))


class HazardModel:
    """Boosted trees over features and interval.

    Args:
        booster: The trees.
        features: The features' names, in order, without the interval.
        horizon_days: Stands for it and everything later.
    """

    def __init__(self, booster: Booster, features: tuple[str, ...], horizon_days: int) -> None:
        self._booster = booster
        self._features = features
        self._horizon_days = horizon_days
        self._ends = interval_ends(horizon_days)

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        """predicted_days, lower_days and upper_days (Float64), one row for each of the rows with features."""
        curve = self._survival(features)
        return curve.select(self._first_day_below(1 - share).alias(name) for name, share in SHARES.items())

    def _survival(self, features: pl.DataFrame) -> pl.DataFrame:
        """For each interval's number, the share that is still away at its end; (rows,) each."""
        import polars as pl

        scores = self._scores(features.select(self._features))
        # In two steps: in one, the exponentials would be computed again for every later interval.
        staying = scores.select((1 - 1 / (1 + (-pl.all()).exp())).name.keep())
        away = accumulate(map(pl.col, staying.columns), mul)
        return staying.select(share.alias(name) for name, share in zip(staying.columns, away, strict=True))

    def _scores(self, features: pl.DataFrame) -> pl.DataFrame:
        """The trees' sum for each interval's number, the log-odds of a return in it; (rows,) each."""
        import polars as pl

        if self._columns is not None:
            return self._columns.scores(features)
        tables = (
            features.with_columns(pl.lit(float(number)).alias(INTERVAL)) for number in range(len(self._ends))
        )
        return pl.DataFrame(
            {str(number): self._booster.predict(table, raw_score=True) for number, table in enumerate(tables)},
            schema={str(number): pl.Float64 for number in range(len(self._ends))},
        )

    @cached_property
    def _columns(self) -> TreeColumns | None:
        # Made on first use: polars must not be loaded before a server has forked.
        trees = read_trees(self.to_text())
        return None if trees is None else TreeColumns(trees, self._features, len(self._ends))

    def _first_day_below(self, share: float) -> pl.Expr:
        """The day on which no more than a share is away, between an interval's ends in proportion."""
        import polars as pl

        answer = pl.lit(float(self._horizon_days))
        start, before = 0, pl.lit(1.0)
        cases = []
        for number, end in enumerate(self._ends):
            after = pl.col(str(number))
            days = start + _HALF_A_DAY + (end - start) * (before - share) / (before - after)
            cases.append((after <= share, days))
            start, before = end, after
        for reached, days in reversed(cases):
            answer = pl.when(reached).then(days).otherwise(answer)
        return answer.clip(LEAST_DAYS, float(self._horizon_days))

    def describe(self) -> dict[str, Any]:
        """What a reader wants to know beside the trees, as JSON has it."""
        return {
            "interval_ends_days": list(self._ends),
            "trees": self._booster.count_trees(),
            "text_sha256": _digest(self.to_text()),
        }

    def to_text(self) -> str:
        """LightGBM's own model text."""
        return self._booster.to_text()


def read_hazard_model(
    text: str | None, features: Sequence[str], horizon_days: int, description: Mapping[str, Any]
) -> HazardModel:
    """Read back what to_text and describe gave.

    Raises:
        ArtifactError: The text is missing or damaged, or of another model.
    """
    if text is None:
        raise ArtifactError("The model folder has no model.txt.")
    # One wrong digit would change predictions without a word, or send a row round in circles.
    if _digest(text) != description.get("text_sha256"):
        raise ArtifactError("The model text is damaged, or of another training than its description.")
    booster = Booster.from_text(text)
    if booster.feature_count() != len(features) + 1:
        raise ArtifactError(
            f"The model text has {booster.feature_count()} features, its description {len(features)} and the interval."
        )
    ends = list(interval_ends(horizon_days))
    if description.get("interval_ends_days") != ends:
        raise ArtifactError(
            f"The model's intervals end on the days {description.get('interval_ends_days')}; this image has {ends}."
        )
    return HazardModel(booster, tuple(features), horizon_days)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
