"""What the interpreter knows while it runs one execution, so made that a waiting task notices its end at once.

Touches moto's private parts: `Environment`, its frames and its program state; `StateData`, the context object's
State.
"""

from __future__ import annotations

import copy
import datetime as dt
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from moto.stepfunctions.parser.asl.component.state import state as state_module
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramTimedOut

from emulator.clock import Clock
from emulator.moto_patches import replace
from emulator.stepfunctions.results import iso_milliseconds

if TYPE_CHECKING:
    from emulator.stepfunctions.execution import Execution


class ExecutionEnvironment(Environment):  # type: ignore[misc]  # moto is not followed by mypy
    """The environment of an execution, and of each frame (a task, an iteration, a branch) opened in it.

    Attributes:
        execution: whose environment it is.
        ended: set as soon as this frame or one around it is over, for whatever reason.
        deadline: when the task that runs in this frame times out, on time.monotonic's clock; None without a limit.
        timed_out: the task in this frame was given up at its deadline.
    """

    execution: Execution
    # One for all, as there is one account: how long AWS seconds last here.
    clock: ClassVar[Clock] = Clock()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ended = threading.Event()
        self.deadline: float | None = None
        self.timed_out = False
        self._wakers: list[threading.Event] = []

    @classmethod
    def as_frame_of(cls, env: Any, event_history_frame_cache: Any = None) -> Any:
        """Return a frame that shares the variables of `env`."""
        return cls.as_inner_frame_of(env, env.variable_store, event_history_frame_cache)

    @classmethod
    def as_inner_frame_of(cls, env: Any, variable_store: Any, event_history_frame_cache: Any = None) -> Any:
        """Return a frame with variables of its own; knows the map item of the frame around it, as on AWS."""
        frame = super().as_inner_frame_of(env, variable_store, event_history_frame_cache)
        frame.execution = env.execution
        outer = env.states.context_object.context_object_data
        if env.ended.is_set():
            frame.ended.set()
        if "Map" in outer:
            frame.states.context_object.context_object_data["Map"] = outer["Map"]
        return frame

    def is_frame(self) -> bool:
        """Do nothing: an execution's last event is written by Execution, never by the interpreter."""
        return True

    def program_state(self) -> Any:
        """Return the state of the program; a shallow copy, for it is asked for at every step."""
        return copy.copy(self._program_state)

    def is_out_of_time(self) -> bool:
        """Whether the execution's own time limit has ended it."""
        return isinstance(self._program_state, ProgramTimedOut)

    def set_ended(self) -> None:
        """End normally."""
        super().set_ended()
        self._announce()

    def set_error(self, error: Any) -> None:
        """End in an error, unless it is over: what fails while a stopped execution unwinds is not its failure."""
        with self._state_mutex:
            if self.is_running():
                super().set_error(error)
        self._announce()

    def set_timed_out(self) -> None:
        """End because the execution's time is up, unless it is over."""
        with self._state_mutex:
            if self.is_running():
                super().set_timed_out()
        self._announce()

    def set_stop(self, stop_date: dt.datetime, cause: str | None, error: str | None) -> None:
        """End because the execution was stopped."""
        super().set_stop(stop_date, cause, error)
        self._announce()

    def _announce(self) -> None:
        self.ended.set()
        for waker in self._wakers:
            waker.set()

    def wake(self, waker: threading.Event) -> None:
        """Also set `waker` when this frame ends."""
        self._wakers.append(waker)
        if self.ended.is_set():
            waker.set()

    def pause(self, seconds: float) -> None:
        """Wait AWS seconds, but no longer than this frame lives."""
        self.ended.wait(self.clock.real_seconds(max(0.0, seconds)))

    def seconds_left(self) -> float | None:
        """Seconds of this machine until the deadline of the task in this frame, never below 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


_STATE_DATA = state_module.StateData


def _state_data(**fields: Any) -> Any:
    """Return the context object's State with EnteredTime as AWS writes it, instead of with an offset and microseconds."""
    fields["EnteredTime"] = iso_milliseconds(dt.datetime.fromisoformat(fields["EnteredTime"]))
    return _STATE_DATA(**fields)


def install(clock: Clock | None = None) -> None:
    """Give `$$.State.EnteredTime` AWS's form, and pass time by the account's clock."""
    ExecutionEnvironment.clock = clock or Clock()
    replace(state_module, "StateData", _state_data)
