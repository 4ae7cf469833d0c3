"""Reads the retriers of a state from the definition, and computes how long each waits."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Retrier:
    """One entry of a Task's `Retry`, with Step Functions' defaults.

    Attributes:
        errors: names of the errors that it retries; `States.ALL` is every one, `States.TaskFailed` all but a timeout.
        interval: seconds before the first retry.
        backoff: factor of the wait at each further retry.
        attempts: largest number of retries; each retrier of a state counts its own.
        longest: the wait's upper bound in seconds; None if there is none.
        jitter: with FULL the wait is drawn evenly between 0 and the full wait.
    """

    errors: tuple[str, ...]
    interval: float = 1
    backoff: float = 2
    attempts: int = 3
    longest: float | None = None
    jitter: Literal["FULL", "NONE"] = "NONE"

    def answers_to(self, error: str) -> bool:
        """Return whether it retries the error."""
        widest = {"States.ALL"} if error == "States.Timeout" else {"States.ALL", "States.TaskFailed"}
        return not widest.union([error]).isdisjoint(self.errors)

    def wait(self, retry: int, draw: random.Random) -> float | None:
        """Return the seconds before this retrier's n-th retry, counted from 1; None if it has no more."""
        if retry > self.attempts:
            return None
        seconds = self.interval * self.backoff ** (retry - 1)
        if self.longest is not None:
            seconds = min(seconds, self.longest)
        return draw.uniform(0, seconds) if self.jitter == "FULL" else seconds


# The example of a training job in AWS Step Functions' Developer Guide, "Manage Amazon SageMaker Training Jobs with Step
# Functions" (doc_source/connect-sagemaker.md of awsdocs/aws-step-functions-developer-guide), without its retrier for
# States.Timeout. It shows none for a transform job.
DOCUMENTED_BY_AWS = (
    Retrier(("SageMaker.AmazonSageMakerException",), interval=1, backoff=1.1, attempts=100),
    Retrier(("SageMaker.ResourceLimitExceededException",), interval=60, backoff=1, attempts=5000),
)


def read_retriers(definition: Path, state: str) -> tuple[Retrier, ...]:
    """Return the retriers of the state, at any level of the definition, in their order.

    Raises:
        KeyError: there is no such state.
    """
    found = _find_state(json.loads(definition.read_text(encoding="utf-8")), state)
    if found is None:
        raise KeyError(state)
    return tuple(_as_retrier(entry) for entry in found.get("Retry", ()))


def find_retrier(retriers: Sequence[Retrier], error: str) -> int | None:
    """Return the index of the first retrier for the error, whether it has retries left or not; None if there is none."""
    return next((index for index, retrier in enumerate(retriers) if retrier.answers_to(error)), None)


def _as_retrier(entry: Mapping[str, Any]) -> Retrier:
    return Retrier(
        errors=tuple(entry["ErrorEquals"]),
        interval=entry.get("IntervalSeconds", 1),
        backoff=entry.get("BackoffRate", 2),
        attempts=entry.get("MaxAttempts", 3),
        longest=entry.get("MaxDelaySeconds"),
        jitter=entry.get("JitterStrategy", "NONE"),
    )


def _find_state(machine: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    states: Mapping[str, Mapping[str, Any]] = machine["States"]
    if name in states:
        return states[name]
    inner = (state["ItemProcessor"] for state in states.values() if "ItemProcessor" in state)
    return next((found for machine in inner if (found := _find_state(machine, name)) is not None), None)
