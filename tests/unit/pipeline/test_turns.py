"""Which items wait for their turn, and how long."""

from __future__ import annotations

import pytest

from pipeline.settings import PrepareRunSettings
from pipeline.turns import seconds_to_wait

from .objects import Objects, data, prepare


@pytest.mark.parametrize(
    ("items", "at_once"), [(39, 20), (1000, 9), (0, 20)], ids=["less than two waves", "few at once", "none trains"]
)
def test_nobody_waits_in_a_small_run(items: int, at_once: int) -> None:
    assert seconds_to_wait(range(items), at_once) == {}


@pytest.mark.parametrize(
    ("at_once", "second", "last"), [(10, 8, 68), (20, 8, 142), (100, 2, 148), (1000, 1, 999)], ids=str
)
def test_the_first_wave_starts_one_after_another(at_once: int, second: int, last: int) -> None:
    waits = seconds_to_wait(range(2 * at_once), at_once)
    assert list(waits) == list(range(1, at_once))
    assert (waits[1], waits[at_once - 1]) == (second, last)
    assert sorted(waits.values()) == list(waits.values())


def test_items_that_start_no_training_take_no_turn(settings: PrepareRunSettings) -> None:
    names = [f"item-{number:02}" for number in range(25)]
    absent = set(names[1:4])
    s3 = Objects(data(*(name for name in names if name not in absent)))
    run = prepare(settings, s3, {"itemList": names, "maxConcurrency": 11})
    waiting = {
        line["item"]: line["startAfterSeconds"] for line in s3.json(run.items_key) if "startAfterSeconds" in line
    }
    assert waiting == {f"item-{number:02}": round((number - 3) * 7.5) for number in range(4, 14)}
