"""The choice: the model that the data come from, by what was known before the cutoff alone."""

from __future__ import annotations

import polars as pl
import pytest

from next_purchase.learning.choice import choose_model
from next_purchase.models.naive import NAIVE_GUESSES
from next_purchase.models.names import BACKENDS
from next_purchase.outcomes import add_next_order
from tests.unit.container.shops import day, examples_on
from tests.unit.container.simulated import simulate_mbg_nbd, simulate_rhythm

CUTOFF = day(250)


def test_customers_who_buy_till_they_die_are_told_as_such() -> None:
    choice = choose_model(simulate_mbg_nbd(800, r=1.5, alpha=30.0, a=1.0, b=4.0), CUTOFF, 90, BACKENDS)
    assert choice.name.startswith("mbg_nbd")
    alone, naive = (choice.results[name] for name in ("mbg_nbd", "mean_gap"))
    assert alone.score is not None
    assert naive.score is not None
    assert alone.score < naive.score


def test_customers_with_a_rhythm_are_told_as_such() -> None:
    choice = choose_model(simulate_rhythm(300, mean_days=25, spread=0.2), CUTOFF, 90, BACKENDS)
    assert choice.name in {"log_normal", "log_logistic", "weibull", "mean_gap", "last_gap"}
    assert all(result.score for result in choice.results.values())
    assert choice.results["mbg_nbd"].error > choice.results["log_normal"].error  # type: ignore[operator]


def test_who_leaves_a_rhythm_needs_a_share_that_never_comes_back() -> None:
    """Asked about customers who have been away for long, a regression without that share expects them any day."""
    choice = choose_model(simulate_rhythm(300, mean_days=6, spread=0.4, leave=0.05), CUTOFF, 90, BACKENDS)
    assert choice.name.endswith("_cure")
    cured, without = (choice.results[name].served_error for name in ("log_normal_cure", "log_normal"))
    assert cured is not None
    assert without is not None
    assert cured < 0.7 * without


def test_both_measures_decide_and_neither_alone() -> None:
    orders = simulate_rhythm(40, mean_days=10, spread=0.6, leave=0.05)
    results = (choice := choose_model(orders, CUTOFF, 90, BACKENDS)).results

    def ratio(name: str, score: str) -> float:
        ours = getattr(results[name], score)
        best_naive = min(getattr(results[naive], score) for naive in NAIVE_GUESSES)
        return float(ours / best_naive)

    at_order, served = ({name: ratio(name, score) for name in results} for score in ("score", "served_score"))
    both = {name: at_order[name] + served[name] for name in results}
    assert choice.name == min(both, key=lambda name: both[name])
    for alone in (at_order, served):
        assert choice.name != min(alone, key=lambda name: alone[name])


def test_nothing_from_the_cutoff_on_has_a_part_in_it() -> None:
    past = {f"{who:03}": list(range(who % 30, 250, 10 + who % 25)) for who in range(60)}
    future = {f"{who:03}": [*numbers, *range(250, 400, 3)] for who, numbers in past.items()}
    choices = [choose_model(examples_on(days), CUTOFF, 90, BACKENDS) for days in (past | {"x": [399]}, future)]
    first, second = choices
    assert first.name == second.name
    assert first.cutoffs == second.cutoffs
    for name, result in first.results.items():
        assert (result.error, result.score, result.served_error, result.served_score) == (
            second.results[name].error,
            second.results[name].score,
            second.results[name].served_error,
            second.results[name].served_score,
        )


def test_the_earlier_days_lie_before_the_cutoff_by_at_least_what_is_followed() -> None:
    orders = examples_on({str(who): range(who, 250, 20) for who in range(20)})
    choice = choose_model(orders, CUTOFF, 90, ("mean_gap", "mbg_nbd"))
    assert len(choice.cutoffs) == 4
    assert choice.horizon_days == 90
    assert (CUTOFF - choice.cutoffs[-1]).days == 90
    early = choose_model(orders, day(100), 90, ("mean_gap", "mbg_nbd"))
    assert early.horizon_days == 50


@pytest.mark.parametrize(
    "days",
    [
        pytest.param({"1": [260, 270]}, id="nothing-known"),
        pytest.param({"1": [240], "2": [245, 260]}, id="nobody-came-back"),
        pytest.param({"1": [248, 249]}, id="two-days"),
    ],
)
def test_where_there_is_nothing_to_compare_on_it_is_the_simplest(days: dict[str, list[int]]) -> None:
    assert choose_model(examples_on(days), CUTOFF, 90, BACKENDS).name == "mean_gap"
    assert choose_model(examples_on(days), CUTOFF, 90, ("weibull",)).name == "weibull"


def test_of_many_customers_some_are_asked_with_all_of_their_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("next_purchase.learning.choice._MOST_CUSTOMERS", 30)
    days = {f"{who:03}": range(who % 20, 250, 15) for who in range(90)}
    chosen = examples_on({who: days[who] for number, who in enumerate(days) if number in _even(90, 30)})
    few = choose_model(chosen, CUTOFF, 90, ("mean_gap", "mbg_nbd"))
    many = choose_model(
        add_next_order(examples_on(days).drop("next_order_date")), CUTOFF, 90, ("mean_gap", "mbg_nbd")
    )
    assert [result.score for result in few.results.values()] == [result.score for result in many.results.values()]
    assert sum(len(part.expected) for part in many.ahead) == 4 * 30


def test_customers_who_come_after_the_cutoff_do_not_change_who_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("next_purchase.learning.choice._MOST_CUSTOMERS", 30)
    days = {f"{who:03}": range(who % 20, 250, 10 + who % 9) for who in range(90)}
    later = {f"{who:03}-new": [260, 270] for who in range(0, 90, 2)}
    first, second = (
        choose_model(examples_on(bought), CUTOFF, 90, NAIVE_GUESSES) for bought in (days, days | later)
    )
    scores = ({name: result.score for name, result in choice.results.items()} for choice in (first, second))
    assert next(scores) == next(scores)


def _even(count: int, taken: int) -> set[int]:
    return set(pl.Series([int(place * (count - 1) / (taken - 1) + 1e-9) for place in range(taken)]).to_list())
