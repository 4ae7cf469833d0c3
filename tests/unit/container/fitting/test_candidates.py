"""Candidates fitted together are those fitted alone, and an average is its members'."""

from __future__ import annotations

import numpy as np
import pytest

from next_purchase.fitting.candidates import fit_model, fit_models
from next_purchase.models.names import BACKENDS
from next_purchase.outcomes import known_outcomes
from tests.unit.container.shops import day, examples_on

KNOWN = known_outcomes(
    examples_on({f"{who:02}": range(who % 9, 200, 8 + who % 13) for who in range(25)}), known_until=day(200)
)


def test_each_is_fitted_as_it_would_be_alone() -> None:
    together = fit_models(BACKENDS, KNOWN)
    assert tuple(together) == BACKENDS
    for name, fit in together.items():
        assert fit.model.describe() == fit_model(name, KNOWN).describe()


def test_an_average_is_the_mean_of_its_members_and_took_as_long_as_they() -> None:
    members = ("mbg_nbd", "weibull")
    fitted = fit_models((*members, "mbg_nbd+weibull"), KNOWN)
    days = np.array([[5], [40], [200]]) + np.zeros(KNOWN.height, dtype=int)
    curves = [fitted[name].model.survival(KNOWN, days) for name in members]
    assert fitted["mbg_nbd+weibull"].model.survival(KNOWN, days) == pytest.approx((curves[0] + curves[1]) / 2)
    assert fitted["mbg_nbd+weibull"].seconds == sum(fitted[name].seconds for name in members) > 0


def test_what_little_data_is_not_enough_for_is_no_candidate() -> None:
    nobody = known_outcomes(examples_on({"1": [0], "2": [5]}), known_until=day(60))
    assert set(fit_models(("mean_gap", "mbg_nbd", "weibull", "mbg_nbd+weibull"), nobody)) == {
        "mean_gap",
        "mbg_nbd",
    }


def test_an_unknown_name_is_refused_and_not_fitted_as_another_model() -> None:
    with pytest.raises(ValueError, match="no model is called constant"):
        fit_model("constant", KNOWN)
