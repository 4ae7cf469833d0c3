"""Buy till you die: its curve by hand, and parameters found again in simulated customers."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from next_purchase.errors import ArtifactError
from next_purchase.fitting.mbg_nbd import fit_mbg_nbd
from next_purchase.models.mbg_nbd import MbgNbdModel, read_mbg_nbd
from tests.unit.container.simulated import known_at_the_end, simulate_mbg_nbd


def test_the_curve_is_what_the_literature_says() -> None:
    """After the third order on day 60: a / (a + b + 2) have stopped, the others wait with a Pareto distribution."""
    model = MbgNbdModel(r=1.5, alpha=30.0, a=1.0, b=4.0)
    rows = pl.DataFrame({"orders": [3.0, 1.0], "days_since_first_order": [60.0, 0.0]})
    curve = model.survival(rows, np.array([[0, 0], [45, 45], [100_000, 100_000]]))
    stopped = 1 / 7
    expected = stopped + (1 - stopped) * ((30 + 60) / (30 + 60 + 45)) ** 3.5
    assert curve[:, 0] == pytest.approx([1, expected, stopped], abs=1e-6)
    assert curve[1, 1] == pytest.approx(0.2 + 0.8 * (30 / 75) ** 1.5)


def test_the_parameters_of_simulated_customers_are_found() -> None:
    known = known_at_the_end(simulate_mbg_nbd(3000, r=1.2, alpha=25.0, a=1.5, b=6.0))
    model = fit_mbg_nbd(known)
    # Rate and chance to stop are told well; r and a alone less so.
    assert model.r / model.alpha == pytest.approx(1.2 / 25, rel=0.12)
    assert model.a / (model.a + model.b) == pytest.approx(1.5 / 7.5, rel=0.12)
    assert model.r == pytest.approx(1.2, rel=0.2)


def test_the_fit_has_the_greatest_likelihood_by_another_formula() -> None:
    """The likelihood is that of seeing each gap, and of seeing none since: a product over the curve itself."""
    orders = simulate_mbg_nbd(400, r=1.0, alpha=20.0, a=0.8, b=3.0, seed=3)
    known = known_at_the_end(orders)
    found = fit_mbg_nbd(known)

    def log_likelihood(model: MbgNbdModel) -> float:
        total = 0.0
        for repeats, age, waited, returned in known.select(
            pl.col("orders") - 1, "days_since_first_order", "waited_days", "returned"
        ).iter_rows():
            stopped = model.a / (model.a + model.b + repeats)
            shape, rate = model.r + repeats, model.alpha + age
            if returned:
                density = math.log(shape) + shape * math.log(rate) - (shape + 1) * math.log(rate + waited)
                total += math.log(1 - stopped) + density
            else:
                total += math.log(stopped + (1 - stopped) * (rate / (rate + waited)) ** shape)
        return total / known["CustomerID"].n_unique()

    best = log_likelihood(found)
    for name in ("r", "alpha", "a", "b"):
        for factor in (0.8, 1.25):
            other = MbgNbdModel(**found.describe() | {name: getattr(found, name) * factor})
            assert log_likelihood(other) < best + 1e-4, name


def test_a_description_is_read_back_and_a_damaged_one_refused() -> None:
    model = MbgNbdModel(r=1.5, alpha=30.0, a=1.0, b=4.0)
    assert read_mbg_nbd(model.describe()) == model
    for value in ("x", 0.0, -30.0, float("inf"), 10**400):
        with pytest.raises(ArtifactError, match=f"no usable alpha: {value!r}"):
            read_mbg_nbd(model.describe() | {"alpha": value})
