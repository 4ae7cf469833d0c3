"""Judges an earlier run's predictions by the orders that have come since.

A prediction was made on the day `as_of`, and the data now reaches a later day. The outcome of a customer who has not come
back in between is censored: it is only known that it takes longer. So days are compared no further than the customer was
followed, and a prediction is selected for a measure by its own values and never by its outcome. Selecting the intervals of
customers who came back early, and leaving out the others, would make good intervals look bad.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import polars as pl

from next_purchase.schema import (
    AS_OF,
    CUSTOMER,
    LAST_ORDER_DATE,
    LOWER,
    PREDICTED,
    PREDICTED_DATE,
    PROBABILITY,
    UPPER,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

CUSTOMERS = "realised_customers"
ERROR = "realised_mean_absolute_error"
INSIDE = "realised_share_inside_interval"
BRIER = "realised_brier_score"
AGE = "realised_age_days"

DAYS_VARIABLE = "predictions_probability_days"
"""Environment variable with the number of days that the earlier probabilities are for, which the answers do not contain."""

# The columns that an answer needs to be judged, with their types, and the optional ones.
_NEEDED: Mapping[str, type[pl.DataType]] = {
    CUSTOMER: pl.String,
    AS_OF: pl.Date,
    PREDICTED: pl.Float64,
}
_FURTHER: Mapping[str, type[pl.DataType]] = {
    LAST_ORDER_DATE: pl.Date,
    PREDICTED_DATE: pl.Date,
    LOWER: pl.Float64,
    UPPER: pl.Float64,
    PROBABILITY: pl.Float64,
}
_NEVER = float("inf")
_DECIMALS = 4

logger = logging.getLogger(__name__)


def judge_previous(
    files: Sequence[Path], orders: pl.DataFrame, as_of: date, horizon_days: int, probability_days: int | None
) -> dict[str, Any]:
    """Judge earlier predictions by the orders that came after them; files that cannot be read are named in the log.

    Args:
        files: answers of an earlier run, as CSV with a header or JSON Lines.
        orders: as read_orders gives them: customer (text) and date (Date), one row per customer and day. Those after
            `as_of` change nothing.
        as_of: the last day of which anything is known.
        horizon_days: how long an order is followed.
        probability_days: the number of days that the earlier probabilities are for; None if unknown.

    Returns:
        realised_customers (how many were judged), realised_mean_absolute_error (in days; prediction and outcome are capped
        at the days that the customer was followed), realised_share_inside_interval (for intervals that have ended, or reach
        beyond a horizon that has), realised_brier_score (for predictions at least probability_days old), realised_age_days
        (of the latest prediction that was judged). Each is None where it cannot be computed.
    """
    nothing: dict[str, Any] = dict.fromkeys((CUSTOMERS, ERROR, INSIDE, BRIER, AGE))
    if not files:
        return nothing
    answers = pl.concat([_no_answers(), *(found for file in files if (found := _read(file)) is not None)])
    horizon = _horizon_of(answers, horizon_days)
    judged = _outcomes(answers, orders, as_of, horizon)
    if judged.is_empty():
        if not answers.is_empty():
            logger.info(
                "earlier predictions: none of %d can be judged: the data, of %s to %s, reaches no day after that on which"
                " they were made, begins later, or has none of their customers",
                answers.height,
                orders["date"].min(),
                as_of,
            )
        return nothing
    found = judged.select(
        pl.len().alias(CUSTOMERS),
        _error().alias(ERROR),
        _inside(horizon).alias(INSIDE),
        _brier(probability_days).alias(BRIER),
        pl.col("watched").min().alias(AGE),
    )
    measures = {
        name: round(value, _DECIMALS) if isinstance(value, float) else value
        for name, value in found.row(0, named=True).items()
    }
    logger.info(
        "earlier predictions, made %d days before the data's last day: the days of %d customers were wrong by %s on"
        " average",
        measures[AGE],
        measures[CUSTOMERS],
        measures[ERROR],
    )
    return measures


def read_probability_days(environment: Mapping[str, str]) -> int | None:
    """Return the number of days that the earlier probabilities are for; None if the pipeline does not know it."""
    text = environment.get(DAYS_VARIABLE, "").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _read(file: Path) -> pl.DataFrame | None:
    """Return the answers of a file that can be judged; None, with a line in the log, if the file has no such columns."""
    try:
        found = _read_text(file)
        if missing := [name for name in _NEEDED if name not in found.columns]:
            logger.warning(
                "earlier predictions: %s is not judged: it has no column %s, as answers of an earlier version or another"
                " image",
                file.name,
                ", ".join(missing),
            )
            return None
        answers = found.select(
            (_typed(name, kind) if name in found.columns else pl.lit(None, kind)).alias(name)
            for name, kind in {**_NEEDED, **_FURTHER}.items()
        )
    # No file here may end a training, which does not need it. Polars' errors are no subclasses of Python's.
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        logger.warning("earlier predictions: %s is not judged: it cannot be read (%s)", file.name, error)
        return None
    usable = answers.drop_nulls(list(_NEEDED)).filter(pl.col(PREDICTED) >= 0, pl.col(CUSTOMER) != "")
    if left := answers.height - usable.height:
        logger.warning(
            "earlier predictions: %d lines of %s are not judged: they lack customer, as_of or predicted_days",
            left,
            file.name,
        )
    return usable


def _read_text(file: Path) -> pl.DataFrame:
    """Return the file's columns; those of CSV as text."""
    with file.open("rb") as opened:
        is_json = opened.read(1) == b"{"
    if is_json:
        return pl.read_ndjson(file, infer_schema_length=None)
    return pl.read_csv(file, infer_schema=False, encoding="utf8-lossy")


def _typed(name: str, kind: type[pl.DataType]) -> pl.Expr:
    """Return the column with its type; null where a value is not valid."""
    text = pl.col(name).cast(pl.String).str.strip_chars()
    if kind is pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    if kind is pl.Float64:
        number = text.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number)
    return text


def _no_answers() -> pl.DataFrame:
    return pl.DataFrame(schema={**_NEEDED, **_FURTHER})


def _horizon_of(answers: pl.DataFrame, horizon_days: int) -> float:
    """Return the shorter one of the earlier model's horizon and the present one's.

    The earlier horizon is in answers beyond it: they have no date, and the horizon as their days.
    """
    earlier = answers.filter(pl.col(PREDICTED_DATE).is_null())[PREDICTED].max()
    return min(earlier, horizon_days) if isinstance(earlier, float) else horizon_days


def _outcomes(answers: pl.DataFrame, orders: pl.DataFrame, as_of: date, horizon_days: float) -> pl.DataFrame:
    """Return each customer's latest answer that can be judged, with its outcome.

    Returns:
        The columns of the answers and watched (days from the answer until `as_of`), waited (days until the first order
        after the answer; null if there was none) and followed (watched, at most the horizon).
    """
    known = orders.select("customer", "date")
    first_day = pl.lit(known["date"].min(), pl.Date)
    watched = (pl.lit(as_of) - pl.col(AS_OF)).dt.total_days()
    # If the data begins after the answer, an order in between would not be in it.
    is_covered = pl.col(AS_OF) >= first_day.dt.offset_by("-1d")
    # A customer whose last order is before the data is missing because no order has followed. Another missing customer
    # may have a new id.
    is_known = pl.col(CUSTOMER).is_in(known["customer"].unique().implode()) | (pl.col(LAST_ORDER_DATE) < first_day)
    judged = (
        answers.filter((watched > 0) & is_covered & is_known)
        .sort(AS_OF, maintain_order=True)
        .unique(CUSTOMER, keep="last", maintain_order=True)
    )
    later = (
        judged.select(CUSTOMER, AS_OF)
        .join(known, left_on=CUSTOMER, right_on="customer")
        .filter(pl.col("date") > pl.col(AS_OF))
        .group_by(CUSTOMER)
        .agg((pl.col("date") - pl.col(AS_OF)).dt.total_days().min().alias("waited"))
    )
    return judged.join(later, on=CUSTOMER, how="left").with_columns(
        watched.alias("watched"), watched.clip(upper_bound=horizon_days).cast(pl.Float64).alias("followed")
    )


def _error() -> pl.Expr:
    followed = pl.col("followed")
    truth = pl.min_horizontal(pl.col("waited").fill_null(followed), followed)
    return (pl.min_horizontal(PREDICTED, followed) - truth).abs().mean()


def _inside(horizon_days: float) -> pl.Expr:
    """Return the share of the intervals that contain their outcome, of those that have ended.

    An interval whose upper end is beyond the horizon ends with the horizon.
    """
    lower, upper, waited = pl.col(LOWER), pl.col(UPPER), pl.col("waited").fill_null(_NEVER)
    has_ended = (upper <= pl.col("followed")) | (upper.is_null() & (pl.col("followed") >= horizon_days))
    return ((waited >= lower) & (waited <= upper.fill_null(_NEVER))).filter(has_ended).mean()


def _brier(probability_days: int | None) -> pl.Expr:
    if probability_days is None:
        return pl.lit(None, pl.Float64)
    came = (pl.col("waited") <= probability_days).fill_null(value=False).cast(pl.Float64)
    return ((pl.col(PROBABILITY) - came) ** 2).filter(pl.col("watched") >= probability_days).mean()
