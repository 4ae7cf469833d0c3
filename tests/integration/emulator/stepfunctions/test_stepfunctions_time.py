"""Waits, retries and jobs' deadlines pass by the account's clock, calls by this machine's; a job's end is heard of."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.clock import Clock
from emulator.stepfunctions import sagemaker
from emulator.stepfunctions.environment import ExecutionEnvironment

from .conftest import client_error, until
from .test_stepfunctions_tasks import GIVEN, machine, sync

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import World

SCALE = 600.0


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExecutionEnvironment, "clock", Clock(SCALE))


class StubbornJob:
    """A job of the emulator's SageMaker that ends when a test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def on_end(self, react: Callable[[], None]) -> None:
        self.waiting.append(react)

    def end(self) -> None:
        for react in self.waiting:
            react()


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> StubbornJob:
    made = StubbornJob()
    backend = SimpleNamespace(training_jobs={GIVEN["job"]: made})
    monkeypatch.setattr(sagemaker, "sagemaker_backends", {"123456789012": {"us-east-1": backend}})
    return made


@pytest.mark.usefixtures("fast_clock")
def test_wait_is_divided_by_the_scale(world: World) -> None:
    started = time.monotonic()
    run = world.run({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1200, "End": True}}})

    assert run.described["status"] == "SUCCEEDED"
    assert 1200 / SCALE <= time.monotonic() - started < 10


@pytest.mark.usefixtures("fast_clock")
def test_retry_delay_is_divided_by_the_scale(world: World) -> None:
    world.sagemaker.refusals = [client_error("ResourceLimitExceeded")]
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 600, "MaxAttempts": 1}
    started = time.monotonic()
    run = world.run(sync(Retry=[retry]), GIVEN)

    assert run.described["status"] == "SUCCEEDED"
    assert 600 / SCALE <= time.monotonic() - started < 10


@pytest.mark.usefixtures("fast_clock")
def test_deadline_of_a_job_is_divided_by_the_scale(world: World) -> None:
    world.sagemaker.status = lambda _: "InProgress"
    started = time.monotonic()
    run = world.run(sync(TimeoutSeconds=600), GIVEN)

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.Timeout")
    assert 600 / SCALE <= time.monotonic() - started < 10


@pytest.mark.usefixtures("fast_clock")
def test_deadline_of_a_call_is_not_divided(world: World) -> None:
    pause = threading.Event()

    def answer_after_a_while(event: Any) -> tuple[Any, None]:
        pause.wait(0.5)
        return event, None

    world.functions.answer = answer_after_a_while
    run = world.run(machine("lambda:invoke", {"FunctionName": "f", "Payload": {}}, TimeoutSeconds=20))

    assert run.described["status"] == "SUCCEEDED"


def test_job_is_looked_at_once_it_has_ended_and_not_before(world: World, job: StubbornJob) -> None:
    arn = world.start(sync(), GIVEN)
    until(lambda: job.waiting)
    looked_at_before = world.sagemaker.calls["describe"]
    job.end()
    run = world.wait(arn)

    assert run.described["status"] == "SUCCEEDED"
    assert (looked_at_before, world.sagemaker.calls["describe"]) == (0, 1)


def test_refused_look_at_a_job_that_has_ended_is_taken_again(world: World, job: StubbornJob) -> None:
    refusals = [client_error("ThrottlingException"), client_error("ThrottlingException")]

    def status(_: str) -> str:
        if refusals:
            raise refusals.pop()
        return "Completed"

    world.sagemaker.status = status
    arn = world.start(sync(), GIVEN)
    until(lambda: job.waiting)
    job.end()

    assert world.wait(arn).described["status"] == "SUCCEEDED"
    assert world.sagemaker.calls["describe"] == 3


def test_stop_does_not_wait_for_the_jobs_end(world: World, job: StubbornJob) -> None:
    arn = world.start(sync(), GIVEN)
    until(lambda: job.waiting)
    world.states.stop_execution(executionArn=arn)

    until(lambda: world.sagemaker.stopped == [GIVEN["job"]])
    assert world.wait(arn).described["status"] == "ABORTED"


@pytest.mark.usefixtures("fast_clock")
def test_deadline_does_not_wait_for_the_jobs_end(world: World, job: StubbornJob) -> None:
    world.sagemaker.status = lambda _: "InProgress"
    run = world.run(sync(TimeoutSeconds=300), GIVEN)

    assert job.waiting
    assert run.described["error"] == "States.Timeout"
    assert world.sagemaker.stopped == []
