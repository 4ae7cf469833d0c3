"""How the interpreter spends time and threads: task timeouts, retries and waits that end with the execution.

Touches moto's private parts: `EvalComponent.eval` and `.heap_key`, `Program.eval`, `ExecutionState._evaluate_with_timeout`,
`RetrierDecl._eval_body`, `WaitFunction._wait_interval`, `TMP_THREADS`, the JSONPath parser's place,
`_is_singleton_array_access`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import re
import threading
import time
from typing import Any

from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError, TimeoutSeconds
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.utils import json_path

from emulator.moto_patches import replace
from emulator.stepfunctions.copying import copy_payload
from emulator.stepfunctions.environment import ExecutionEnvironment
from emulator.stepfunctions.errors import RUNTIME, failure
from emulator.stepfunctions.history import EventScope

_ASL = "moto.stepfunctions.parser.asl"
# Modules that put every thread they start into one list for ever.
THREAD_HOARDERS = (
    f"{_ASL}.component.program.program",
    f"{_ASL}.component.state.exec.execute_state",
    f"{_ASL}.component.state.exec.state_map.iteration.inline_iteration_component",
    f"{_ASL}.component.state.exec.state_parallel.branch_worker",
    f"{_ASL}.component.state.exec.state_task.service.state_task_service_callback",
)


class AttemptOverError(Exception):
    """Ends what still runs of an attempt whose execution is over; it is never reported."""


class _NoList(list[threading.Thread]):
    """Takes threads and forgets them: a thread in a list keeps its execution's payloads in memory."""

    def append(self, _: threading.Thread) -> None:
        """Forget the thread."""


def heap_key(component: Any) -> str:
    """Return the key under which a component keeps its values, such as a retrier's attempts, in each execution.

    moto makes it up when it is first asked for, so that children that meet the same retrier at once get several, and
    lose what was counted under the first. A component lives as long as the program that all its executions share.
    """
    return str(id(component))


def evaluate(component: Any, env: ExecutionEnvironment) -> None:
    """Evaluate one component if its frame is still running (moto's own also writes each error to a log, twice)."""
    if env.is_running():
        # The names are moto's, and this function is its method.
        field = component._field_name()  # noqa: SLF001
        if field is not None:
            env.next_field_name = field
        component._eval_body(env)  # noqa: SLF001


def evaluate_program(program: Any, env: ExecutionEnvironment) -> None:
    """Run the states of a program in this thread; an execution's own time limit is kept by Execution."""
    # moto refuses the name in a frame that is over; then nothing runs below either.
    with contextlib.suppress(RuntimeError):
        env.next_state_name = program.start_at.start_at_name
    evaluate(program, env)


_HEAP_KEY = property(heap_key)


class _Attempt:
    """One attempt at a state's work, in a thread of its own so that it can be given up."""

    def __init__(self, state: Any, frame: ExecutionEnvironment) -> None:
        self._state, self._frame = state, frame
        self.over = threading.Event()
        self.finished = False
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._state._eval_execution(self._frame)  # noqa: SLF001 - the method of moto's that does a state's work
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits, which raises it
            self.error = error
        self.finished = True
        self.over.set()


def evaluate_with_timeout(state: Any, env: ExecutionEnvironment) -> None:
    """Do a state's work within its TimeoutSeconds and apply ResultSelector and ResultPath to what it gives.

    A state that keeps its frame's deadline itself (`keeps_deadline`) or has none runs in this thread. When time is
    up the attempt is left alone: AWS promises neither to end a function nor to stop a job for a task's timeout.

    Raises:
        EvalTimeoutError: the time is up, which becomes States.Timeout.
        FailureEventException: States.Runtime, for a TimeoutSecondsPath that leads to no positive integer.
    """
    state.timeout.eval(env=env)
    if not env.is_running():
        return
    seconds = env.stack.pop()
    if not isinstance(seconds, int) or seconds <= 0:
        raise failure(env, RUNTIME, f"The value of TimeoutSeconds must be a positive integer, got {seconds!r}")
    frame = env.open_frame()
    frame.states.reset(input_value=env.states.get_input())
    frame.stack = copy_payload(env.stack)
    scope = EventScope(env.event_manager)
    frame.event_manager = scope
    limited = seconds < TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS
    if limited:
        # A job's time passes by the account's clock, that of an API's call by this machine's.
        scaled = getattr(state, "waits_for_job", False)
        frame.deadline = time.monotonic() + (env.clock.real_seconds(seconds) if scaled else seconds)
    attempt = _Attempt(state, frame)
    if limited and not getattr(state, "keeps_deadline", False):
        frame.wake(attempt.over)
        threading.Thread(target=attempt.run, daemon=True).start()
        attempt.over.wait(seconds)
    else:
        attempt.run()

    cut_off = not attempt.finished
    timed_out = cut_off and frame.is_running()
    if cut_off:
        frame.timed_out = timed_out
        scope.close()
    output = None if cut_off or attempt.error or not frame.stack else frame.stack[-1]
    # Ends what the attempt has started beside itself, such as the other iterations of a map whose item failed.
    frame.set_ended()
    env.close_frame(frame)
    if timed_out:
        raise EvalTimeoutError
    if not env.is_running():
        return
    if attempt.error:
        raise attempt.error
    _apply_result(state, env, output)


def _apply_result(state: Any, env: ExecutionEnvironment, output: Any) -> None:
    env.stack.append(output)
    if not state._is_language_query_jsonpath():  # noqa: SLF001 - moto knows the query language only there
        env.states.set_result(output)
    for declared in (state.assign_decl, state.result_selector):
        if declared:
            declared.eval(env=env)
    if state.result_path:
        state.result_path.eval(env)
    else:
        env.states.reset(input_value=env.stack.pop())


def evaluate_retrier(retrier: RetrierDecl, env: ExecutionEnvironment) -> None:
    """Decide whether `retrier` asks for another attempt, and wait for it no longer than the execution lives."""
    retrier.error_equals.eval(env)
    if not env.stack.pop():
        env.stack.append(RetrierOutcome.Skipped)
        return
    retrier.max_attempts.eval(env=env)
    if env.stack.pop() == MaxAttemptsOutcome.EXHAUSTED:
        env.stack.append(RetrierOutcome.Failed)
        return
    for step in (
        retrier.interval_seconds,
        retrier.backoff_rate,
        retrier.max_delay_seconds,
        retrier.jitter_strategy,
    ):
        step.eval(env=env)
    env.pause(env.stack.pop())
    env.stack.append(RetrierOutcome.Executed)


def wait_interval(_: WaitFunction, env: ExecutionEnvironment, wait_seconds: float) -> None:
    """Return a Wait state's time."""
    env.pause(wait_seconds)


def leads_to_one_value(path: str) -> bool:
    """Whether a path names one value, which is then no array of one: `$.a[0].b`, not `$.a[*].b`; moto knows `$.a[0]`."""
    return _ends_in_index(path) or not _MANY.search(path)


def install() -> None:
    """Put these in the place of moto's."""
    replace(EvalComponent, "eval", evaluate, expects=("self", "env"))
    replace(EvalComponent, "heap_key", _HEAP_KEY)
    replace(Program, "eval", evaluate_program, expects=("self", "env"))
    replace(ExecutionState, "_evaluate_with_timeout", evaluate_with_timeout, expects=("self", "env"))
    replace(RetrierDecl, "_eval_body", evaluate_retrier, expects=("self", "env"))
    replace(WaitFunction, "_wait_interval", wait_interval, expects=("self", "env", "wait_seconds"))
    for name in THREAD_HOARDERS:
        replace(importlib.import_module(name), "TMP_THREADS", _NoList())
    # Parsing a path costs up to a millisecond, and the same few paths are read for every item.
    replace(json_path, "parse", _parse_path)
    replace(json_path, "_is_singleton_array_access", leads_to_one_value, expects=("path",))
    replace(result_path, "parse", _parse_result_path)


_MANY = re.compile(r"\.\.|\[[^\]]*[*?:,]|\.\*")
_ends_in_index = json_path._is_singleton_array_access  # noqa: SLF001 - wrapped by leads_to_one_value


class _PlainPath:
    """A path of names alone, such as `$.a.b`, found without a walk through a tree of its parts."""

    def __init__(self, path: str) -> None:
        self._names = path.split(".")[1:]

    def find(self, data: Any) -> list[_PlainMatch]:
        """Return the one match, or none."""
        for name in self._names:
            if not isinstance(data, dict) or name not in data:
                return []
            data = data[name]
        return [_PlainMatch(data)]


class _PlainMatch:
    """What a plain path leads to, as moto reads it: no index is on the way."""

    __slots__ = ("value",)
    path = context = None

    def __init__(self, value: Any) -> None:
        self.value = value


_PLAIN_PATH = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*)+")
_parse_any_path = json_path.parse


@functools.lru_cache(maxsize=1024)
def _parse_path(path: str) -> Any:
    return _PlainPath(path) if _PLAIN_PATH.fullmatch(path) else _parse_any_path(path)


_parse_result_path = functools.lru_cache(maxsize=256)(result_path.parse)
