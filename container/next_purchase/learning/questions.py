"""Questions to models about a past day, with the true answers: how long until the next order.

There are two kinds: one for each order from that day on, as known on the order's day; and one for each customer on the day
before, as when serving.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from next_purchase.learning.measures import absolute_errors, ranked_probability_scores
from next_purchase.models.curves import day_grid, expected_day, read_curves
from next_purchase.models.interval import Outcomes
from next_purchase.outcomes import (
    REMAINING,
    RETURNED,
    WAITED,
    day_before,
    followed_orders,
    waiting_customers,
)

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from next_purchase.arrays import Booleans, Days, Floats
    from next_purchase.models.model import Model


class Questions(NamedTuple):
    """One row for each question."""

    rows: pl.DataFrame
    """(n, any columns) the features and CustomerID."""
    waited: Days
    """(n,) days since the order."""
    truth: Days
    """(n,) days until the next one; the horizon if there was none by then."""
    returned: Booleans
    """(n,) whether there was one."""


class Losses(NamedTuple):
    """The errors of one model; (n,) each, in days."""

    errors: Floats
    scores: Floats
    """Ranked probability scores."""


def ask_at_orders(orders: pl.DataFrame, cutoff: date, known_until: date, horizon_days: int) -> Questions:
    """Return questions about all orders from the cutoff on that were followed for the horizon.

    Args:
        orders: as add_next_order gives them.
        cutoff: the first day that the models do not know.
        known_until: the last day of which anything is known.
        horizon_days: how long an order is followed.
    """
    rows = followed_orders(orders, since=cutoff, known_until=known_until, horizon_days=horizon_days)
    waited = np.zeros(rows.height, dtype=np.int64)
    return Questions(rows, waited, rows[WAITED].to_numpy(), rows[RETURNED].to_numpy())


def ask_of_customers(orders: pl.DataFrame, cutoff: date, known_until: date, horizon_days: int) -> Questions:
    """Return questions about all customers of the day before the cutoff, if the horizon has passed; else none."""
    rows = waiting_customers(orders, as_of=day_before(cutoff), known_until=known_until, horizon_days=horizon_days)
    return Questions(rows, *(rows[name].to_numpy() for name in (WAITED, REMAINING, RETURNED)))


def measure(model: Model, questions: Questions, horizon_days: int) -> Losses:
    """Return the errors of a model's answers."""
    days = day_grid(horizon_days)
    curve = read_curves(model, questions.rows, questions.waited, days).ahead
    return Losses(
        absolute_errors(expected_day(curve, days), questions.truth, horizon_days),
        ranked_probability_scores(curve, days, questions.truth),
    )


def take_outcomes(model: Model, questions: Questions) -> Outcomes:
    """Return the outcomes, as shares of the model's own curves."""
    days = np.stack((questions.waited, questions.waited + questions.truth))
    now, then = model.survival(questions.rows, days)
    now = np.where(questions.waited > 0, now, 1.0)
    left = np.divide(then, now, out=np.ones_like(now), where=now > 0)
    return Outcomes(1 - left, questions.returned)
