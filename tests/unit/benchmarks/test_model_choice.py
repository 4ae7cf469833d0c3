"""Settings are taken by a rule that says which of those that do equally well."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from benchmarks.model_choice import Trial, choose, pinball_loss
from next_purchase.settings import LearnerSettings


def _trial(trees: int, loss: float, miss: float) -> Trial:
    return Trial(LearnerSettings(num_iterations=trees), loss, 1.0, miss)


@pytest.mark.parametrize(
    ("trials", "taken"),
    [
        pytest.param([_trial(1, 0.2500, 0.05), _trial(2, 0.2524, 0.02)], 2, id="a tie is broken by the shares"),
        pytest.param([_trial(1, 0.2500, 0.05), _trial(2, 0.2526, 0.02)], 1, id="more than a tie is not"),
    ],
)
def test_of_the_least_losses_the_one_with_the_nearest_shares_is_taken(trials: list[Trial], taken: int) -> None:
    assert choose(trials).settings.num_iterations == taken


class _Answers:
    """Says the same days for every row."""

    def __init__(self, predicted: float, lower: float, upper: float) -> None:
        self._days = {"predicted_days": predicted, "lower_days": lower, "upper_days": upper}

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame({name: [days] * features.height for name, days in self._days.items()})

    def describe(self) -> dict[str, Any]:
        return {}

    def to_text(self) -> None:
        return None


def test_the_loss_is_least_for_the_true_shares() -> None:
    judged = pl.DataFrame({"waited_days": range(1, 101)})
    right = pinball_loss(_Answers(50.5, 10.5, 90.5), judged)
    # Worked by hand: 25 / 2, and twice 9 / 2.
    assert right == pytest.approx((12.5 + 4.5 + 4.5) / 3)
    for wrong in ((40.0, 10.5, 90.5), (50.5, 20.0, 90.5), (50.5, 10.5, 80.0)):
        assert pinball_loss(_Answers(*wrong), judged) > right
