"""`python -m benchmarks.model_choice`: how the model's default settings were chosen, on what was known early on.

Nothing from CHOSEN_ON on is looked at: settings learn what was known at a day in the spring and are judged by the
orders from then on that were followed for a horizon by that date. The measure is the mean pinball loss of the three
numbers that the model answers, which is least for the true 10, 50 and 90 % points; of the settings within TIE of the
least, the one is taken whose interval holds nearest to what it says.

Source: T. Gneiting, A. E. Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, JASA 102 (2007).
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import mean

import polars as pl
from rich.console import Console
from rich.table import Table

from next_purchase.baselines import BASELINES
from next_purchase.checkpoint import NO_CHECKPOINT
from next_purchase.features import make_features
from next_purchase.fit_baselines import fit_baseline
from next_purchase.fit_hazard import fit_hazard
from next_purchase.judgement import score
from next_purchase.models import Model
from next_purchase.outcomes import WAITED, add_next_order, day_before, followed_orders, known_outcomes
from next_purchase.schema import LOWER_SHARE, SHARES, UPPER_SHARE, feature_names
from next_purchase.settings import DEFAULT_TIME_SERIES_LENGTH, LearnerSettings
from next_purchase.transactions import read_orders

CHOSEN_ON = date(2011, 6, 1)
CUTOFFS = (date(2011, 2, 1), date(2011, 2, 15), date(2011, 3, 1))
# Two months, since there are only four from the first cutoff to the day of choice.
HORIZON_DAYS = 60
TIE = 1.01

HALF_LIVES = (100_000.0, 90.0, 45.0)
SPEEDS = ((0.1, 40), (0.1, 60), (0.15, 30), (0.2, 30))
LEAVES = (5, 7)
REGULARISATIONS = (0.0, 10.0)


@dataclass(frozen=True)
class Trial:
    """One setting and how it did, as the mean over the cutoffs.

    Attributes:
        settings: What was tried.
        loss: Mean pinball loss over the best baseline's mean absolute error.
        error_ratio: Mean absolute error over the best baseline's.
        miss: How far the shares outside the interval are from what they should be.
    """

    settings: LearnerSettings
    loss: float
    error_ratio: float
    miss: float


def try_settings(orders: pl.DataFrame, settings: LearnerSettings) -> Trial:
    """Judge one setting at every cutoff.

    Args:
        orders: As add_next_order gives them, none from CHOSEN_ON on.
        settings: What to try.
    """
    names = feature_names(DEFAULT_TIME_SERIES_LENGTH)
    losses, ratios, misses = [], [], []
    for cutoff in CUTOFFS:
        known = known_outcomes(orders, known_until=day_before(cutoff), horizon_days=HORIZON_DAYS)
        judged = followed_orders(
            orders, since=cutoff, known_until=day_before(CHOSEN_ON), horizon_days=HORIZON_DAYS
        )
        best = min(
            score(fit_baseline(name, known, HORIZON_DAYS), judged, HORIZON_DAYS).error for name in BASELINES
        )
        model = fit_hazard(known, names, HORIZON_DAYS, settings, NO_CHECKPOINT)
        scores = score(model, judged, HORIZON_DAYS)
        losses.append(pinball_loss(model, judged) / best)
        ratios.append(scores.error / best)
        misses += [abs(scores.below - LOWER_SHARE), abs((scores.above or 0) - (1 - UPPER_SHARE))]
    return Trial(settings, mean(losses), mean(ratios), mean(misses))


def pinball_loss(model: Model, judged: pl.DataFrame) -> float:
    """Mean over the three answers of the loss that is least, in the long run, for the true quantile, in days."""
    answers = judged.select(WAITED).hstack(model.predict(judged))
    losses = []
    for name, share in SHARES.items():
        late = pl.col(WAITED) - pl.col(name)
        losses.append(float(answers.select(pl.max_horizontal(share * late, (share - 1) * late).mean()).item()))
    return mean(losses)


def choose(trials: Sequence[Trial]) -> Trial:
    """The setting to take."""
    least = min(trial.loss for trial in trials)
    return min((trial for trial in trials if trial.loss <= TIE * least), key=lambda trial: trial.miss)


def main(arguments: Sequence[str]) -> int:
    """Try all settings on the data set that is named, print how they did and which one is taken."""
    if len(arguments) != 1:
        print("usage: python -m benchmarks.model_choice Online_Retail.csv", file=sys.stderr)  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        orders = read_orders([Path(arguments[0])], Path(scratch), datetime.now(UTC).date())
    early = orders.filter(pl.col("date") < CHOSEN_ON)
    examples = add_next_order(make_features(early, DEFAULT_TIME_SERIES_LENGTH))
    trials = [
        try_settings(
            examples,
            LearnerSettings(
                num_iterations=trees,
                learning_rate=rate,
                num_leaves=leaves,
                lambda_l2=l2,
                recency_half_life_days=half_life,
            ),
        )
        for half_life, (rate, trees), leaves, l2 in itertools.product(HALF_LIVES, SPEEDS, LEAVES, REGULARISATIONS)
    ]
    table = Table()
    for column in ("half-life", "rate", "trees", "leaves", "l2", "loss", "error ratio", "miss"):
        table.add_column(column, justify="right")
    chosen = choose(trials)
    for trial in sorted(trials, key=lambda one: one.loss):
        used = trial.settings
        table.add_row(
            *(f"{value:g}" for value in (used.recency_half_life_days, used.learning_rate)),
            *(f"{value:g}" for value in (used.num_iterations, used.num_leaves, used.lambda_l2)),
            *(f"{value:.4f}" for value in (trial.loss, trial.error_ratio, trial.miss)),
            style="bold" if trial is chosen else "",
        )
    console = Console()
    console.print(table)
    console.print(f"taken: {chosen.settings}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
