"""Retriers are read from a definition as Step Functions reads them, and wait as long as it waits."""

from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.retriers import DOCUMENTED_BY_AWS, Retrier, find_retrier, read_retriers
from benchmarks.retrying import DEFINITION, STATES


def waits(retrier: Retrier, seed: int = 0) -> list[float]:
    draw = random.Random(seed)  # noqa: S311, no secret
    taken: list[float] = []
    while (wait := retrier.wait(len(taken) + 1, draw)) is not None:
        taken.append(wait)
    return taken


@pytest.mark.parametrize(
    ("retrier", "expected"),
    [
        (Retrier(("E",)), [1, 2, 4]),
        (Retrier(("E",), interval=3, backoff=1, attempts=2), [3, 3]),
        (Retrier(("E",), interval=2, backoff=3, attempts=4, longest=10), [2, 6, 10, 10]),
        (Retrier(("E",), attempts=0), []),
    ],
    ids=["defaults", "even", "bounded", "never"],
)
def test_waits_grow_up_to_the_bound_until_attempts_are_used(retrier: Retrier, expected: list[float]) -> None:
    assert waits(retrier) == expected


def test_full_jitter_draws_from_the_whole_bounded_wait() -> None:
    retrier = Retrier(("E",), interval=10, backoff=2, attempts=200, longest=60, jitter="FULL")
    late = waits(retrier)[3:]
    assert 0 <= min(late) < 5
    assert 55 < max(late) <= 60
    assert 25 < fmean(late) < 35
    assert waits(retrier) == waits(retrier)
    assert waits(retrier) != waits(retrier, seed=1)


@pytest.mark.parametrize(
    ("error", "expected"),
    [("Full", 0), ("Slow", 1), ("Other", 2), ("States.Timeout", None)],
    ids=["first", "second", "failed task", "timeout is none"],
)
def test_the_first_retrier_that_names_the_error_answers(error: str, expected: int | None) -> None:
    retriers = (Retrier(("Full",)), Retrier(("Slow", "Full")), Retrier(("States.TaskFailed",)))
    assert find_retrier(retriers, error) == expected


def test_states_all_answers_to_a_timeout_too() -> None:
    assert find_retrier((Retrier(("States.ALL",)),), "States.Timeout") == 0


def test_retriers_of_a_state_inside_a_map_are_found(tmp_path: Path) -> None:
    inner = {
        "Create": {
            "Type": "Task",
            "Retry": [
                {"ErrorEquals": ["A", "B"]},
                {
                    "ErrorEquals": ["C"],
                    "IntervalSeconds": 5,
                    "BackoffRate": 1.5,
                    "MaxAttempts": 9,
                    "MaxDelaySeconds": 70,
                    "JitterStrategy": "FULL",
                },
            ],
        },
        "End": {"Type": "Succeed"},
    }
    definition = tmp_path / "definition.json"
    definition.write_text(json.dumps({"States": {"Before": {}, "Items": {"ItemProcessor": {"States": inner}}}}))
    assert read_retriers(definition, "Create") == (
        Retrier(("A", "B"), 1, 2, 3, None, "NONE"),
        Retrier(("C",), 5, 1.5, 9, 70, "FULL"),
    )
    assert read_retriers(definition, "End") == ()
    with pytest.raises(KeyError, match="Nowhere"):
        read_retriers(definition, "Nowhere")


@pytest.mark.parametrize("state", STATES)
def test_our_definition_bounds_what_shares_the_throttles_name_and_waits_hours_for_quota(state: str) -> None:
    retriers = read_retriers(DEFINITION, state)
    throttled = find_retrier(retriers, "SageMaker.AmazonSageMakerException")
    full = find_retrier(retriers, "SageMaker.ResourceLimitExceededException")
    assert throttled is not None
    assert full is not None
    assert throttled != full
    assert retriers[throttled].attempts <= 8
    assert retriers[throttled].jitter == retriers[full].jitter == "FULL"
    assert max(waits(retriers[throttled])) <= 120
    assert sum(waits(retriers[full])) > 3600
    assert max(waits(retriers[full])) <= 600


def test_documented_retriers_wait_alike_for_ever() -> None:
    throttled, full = DOCUMENTED_BY_AWS
    assert waits(throttled)[:2] == pytest.approx([1, 1.1])
    assert set(waits(full)) == {60}
