"""The turns of the first items keep those from being lost that would be, and small runs are left as they are."""

from __future__ import annotations

import pytest

from benchmarks.waves import figures, one_wave


@pytest.mark.parametrize("items", [200, 300])
def test_nothing_is_lost_in_one_wave_with_turns(items: int) -> None:
    told, without = (one_wave(items, spread=0.02, in_turn=in_turn) for in_turn in (True, False))
    assert told.lost == 0
    assert without.lost > 0
    assert told.calls < 1.3 < 2.7 < without.calls


def test_twenty_at_once_are_no_slower_with_turns() -> None:
    told, without = (one_wave(20, spread=0.02, in_turn=in_turn) for in_turn in (True, False))
    assert told.makespan <= without.makespan + 0.01
    assert told.calls < without.calls


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1])
def test_ten_waves_of_twenty_take_hardly_longer_than_the_quota_allows(spread: float) -> None:
    found = figures(200, 20, 20, spread=spread)
    assert found.makespan <= 1.05
    assert found.calls <= 1.1
    assert found.lost == 0


def test_a_small_run_is_left_as_it_is() -> None:
    assert one_wave(9, spread=0.1) == one_wave(9, spread=0.1, in_turn=False)
