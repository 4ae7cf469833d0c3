"""Reads transitions, calls and the parts of the time from the history of a child execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CREATE_JOB = frozenset({"createTrainingJob.sync", "createTransformJob.sync"})
INVOKE = "invoke"
REFUSED = frozenset({"TaskFailed", "TaskSubmitFailed"})


@dataclass(frozen=True)
class Child:
    """One item's execution. Times are in seconds of this machine.

    Attributes:
        transitions: number of states entered.
        calls: number of create calls for jobs, refused ones included.
        jobs: number of jobs started.
        seconds: from its first event to its last.
        job_seconds: from the call that started each job to the event of its end.
        refused_seconds: between a refused call and the next.
        turn_seconds: in Wait states.
        function_seconds: in calls of functions.
    """

    transitions: int
    calls: int = 0
    jobs: int = 0
    seconds: float = 0.0
    job_seconds: float = 0.0
    refused_seconds: float = 0.0
    turn_seconds: float = 0.0
    function_seconds: float = 0.0

    @property
    def retried(self) -> bool:
        """Whether a call was refused."""
        return self.calls > self.jobs

    @property
    def rest(self) -> float:
        """The time that is in none of the other parts."""
        return self.seconds - (self.job_seconds + self.refused_seconds + self.turn_seconds + self.function_seconds)


def read_child(events: Sequence[Mapping[str, Any]]) -> Child:
    """Return the child with this history: events of GetExecutionHistory, the oldest first, at least one."""
    calls = jobs = 0
    spent = dict.fromkeys(("job", "refused", "turn", "function"), 0.0)
    # The previous event's resource, type and time; a child does one thing at a time.
    before, kind, since = "", "", events[0]["timestamp"]
    for event in events:
        kind, last = event["type"], kind
        seconds = (event["timestamp"] - since).total_seconds()
        about = _resource(event)
        if kind == "TaskScheduled" and about in CREATE_JOB:
            calls += 1
            spent["refused"] += seconds if last in REFUSED else 0
        elif kind == "TaskSubmitted" and about in CREATE_JOB:
            jobs += 1
            spent["job"] += seconds
        elif last == "TaskSubmitted" and before in CREATE_JOB:
            spent["job"] += seconds
        elif kind == "WaitStateExited":
            spent["turn"] += seconds
        elif about == INVOKE and kind != "TaskScheduled":
            spent["function"] += seconds
        before, since = about, event["timestamp"]
    return Child(
        transitions=sum(event["type"].endswith("StateEntered") for event in events),
        calls=calls,
        jobs=jobs,
        seconds=(events[-1]["timestamp"] - events[0]["timestamp"]).total_seconds(),
        **{f"{name}_seconds": seconds for name, seconds in spent.items()},
    )


def _resource(event: Mapping[str, Any]) -> str:
    """Return the resource of a task's event; "" for other events."""
    details = (event[key] for key in event if key.startswith("task") and key.endswith("EventDetails"))
    return next((str(found.get("resource", "")) for found in details), "")
