"""A child's history is split into jobs, waits for retries and the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.child_history import Child, read_child

TRAINING, TRANSFORM = "createTrainingJob.sync", "createTransformJob.sync"


def event(seconds: float, kind: str, resource: str = "") -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    told: dict[str, Any] = {"timestamp": at, "type": kind}
    if resource:
        told[f"{kind[0].lower()}{kind[1:]}EventDetails"] = {"resource": resource}
    return told


def test_a_child_without_a_refusal() -> None:
    events = [
        event(0, "ExecutionStarted"),
        event(0, "ChoiceStateEntered"),
        event(1, "ChoiceStateExited"),
        event(1, "TaskStateEntered"),
        event(2, "TaskScheduled", TRAINING),
        event(2, "TaskStarted", TRAINING),
        event(3, "TaskSubmitted", TRAINING),
        event(13, "TaskSucceeded", TRAINING),
        event(13, "TaskStateExited"),
        event(13, "TaskStateEntered"),
        event(14, "TaskScheduled", "invoke"),
        event(14, "TaskStarted", "invoke"),
        event(19, "TaskSucceeded", "invoke"),
        event(19, "TaskStateExited"),
        event(20, "ExecutionSucceeded"),
    ]
    child = read_child(events)
    assert child == Child(transitions=3, calls=1, jobs=1, seconds=20, job_seconds=11, function_seconds=5)
    assert not child.retried
    assert child.rest == 4


@pytest.mark.parametrize("refusal", ["TaskFailed", "TaskSubmitFailed"])
def test_time_between_a_refusal_and_the_next_call_is_waited(refusal: str) -> None:
    events = [
        event(0, "TaskStateEntered"),
        event(1, "TaskScheduled", TRANSFORM),
        event(2, "TaskStarted", TRANSFORM),
        event(3, refusal, TRANSFORM),
        event(8, "TaskScheduled", TRANSFORM),
        event(8, "TaskStarted", TRANSFORM),
        event(9, refusal, TRANSFORM),
        event(10, "TaskScheduled", TRANSFORM),
        event(10, "TaskStarted", TRANSFORM),
        event(11, "TaskSubmitted", TRANSFORM),
        event(14, "TaskSucceeded", TRANSFORM),
    ]
    child = read_child(events)
    assert child == Child(transitions=1, calls=3, jobs=1, seconds=14, job_seconds=4, refused_seconds=6)
    assert child.retried


def test_a_failed_training_is_no_wait_for_the_transform() -> None:
    # As when a definition went on after it: the second state's first call follows no refusal of its own.
    events = [
        event(0, "TaskStateEntered"),
        event(0, "TaskScheduled", TRAINING),
        event(1, "TaskSubmitted", TRAINING),
        event(5, "TaskFailed", TRAINING),
        event(6, "TaskStateEntered"),
        event(9, "TaskScheduled", TRANSFORM),
        event(9, "TaskSubmitted", TRANSFORM),
        event(10, "TaskSucceeded", TRANSFORM),
    ]
    assert read_child(events) == Child(transitions=2, calls=2, jobs=2, seconds=10, job_seconds=6)


def test_an_item_that_asks_for_no_job_has_none() -> None:
    events = [event(0, "ExecutionStarted"), event(0, "ChoiceStateEntered"), event(2, "ExecutionSucceeded")]
    assert read_child(events) == Child(transitions=1, seconds=2)


def test_a_turn_and_a_functions_retry_are_no_jobs() -> None:
    events = [
        event(0, "WaitStateEntered"),
        event(7, "WaitStateExited"),
        event(7, "TaskStateEntered"),
        event(8, "TaskScheduled", "invoke"),
        event(8, "TaskStarted", "invoke"),
        event(10, "TaskFailed", "invoke"),
        event(14, "TaskScheduled", "invoke"),
        event(14, "TaskStarted", "invoke"),
        event(15, "TaskSucceeded", "invoke"),
    ]
    child = read_child(events)
    assert child == Child(transitions=2, seconds=15, turn_seconds=7, function_seconds=3)
    assert child.rest == 5
