"""What the history of a child execution tells: its transitions, its calls, and where its time went."""

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
        transitions: states entered.
        calls: how often a job was asked for, refused or not.
        jobs: how many were started.
        seconds: from its first event to its last.
        job_seconds: from the call that started each job, in which it begins, to its end as the state learned of it.
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
        """Time that nothing above accounts for."""
        return self.seconds - (self.job_seconds + self.refused_seconds + self.turn_seconds + self.function_seconds)


def read_child(events: Sequence[Mapping[str, Any]]) -> Child:
    """The child whose history these are: GetExecutionHistory's events, oldest first, at least one."""
    calls = jobs = 0
    spent = dict.fromkeys(("job", "refused", "turn", "function"), 0.0)
    # The last event, and what it was about: a child does one thing at a time.
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
    """What a task's event is about; empty for other events."""
    details = (event[key] for key in event if key.startswith("task") and key.endswith("EventDetails"))
    return next((str(told.get("resource", "")) for told in details), "")
