"""How a `.sync` task waits for what it has started: by looking again and again, no longer than it may."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError

from emulator.stepfunctions.evaluation import AttemptOverError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.stepfunctions.environment import ExecutionEnvironment

T = TypeVar("T")
# Seconds between two looks, more if that made more calls a second than this in all.
POLL_SECONDS = 0.2
POLLS_PER_SECOND = 60


class _Pace:
    """Shares the looks a second among the tasks that wait, so that a thousand do not keep a processor busy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    def __enter__(self) -> None:
        with self._lock:
            self._waiting += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._waiting -= 1

    def seconds(self) -> float:
        """Time until the next look."""
        return max(POLL_SECONDS, self._waiting / POLLS_PER_SECOND)


_pace = _Pace()


def wait_for(env: ExecutionEnvironment, look: Callable[[], T | None]) -> T:
    """Return what `look` finds, as soon as it finds anything.

    Raises:
        EvalTimeoutError: the task's time is up.
        AttemptOverError: the execution is over.
    """
    with _pace:
        while env.is_running():
            found = look()
            if found is not None:
                return found
            left = env.seconds_left()
            if left is not None and left <= 0:
                env.timed_out = True
                raise EvalTimeoutError
            pause = _pace.seconds()
            env.ended.wait(pause if left is None else min(pause, left))
    raise AttemptOverError
