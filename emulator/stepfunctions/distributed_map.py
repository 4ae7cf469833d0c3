"""Runs a Distributed Map as AWS does: every item is a child execution, too many failures fail the map run.

Touches moto's private parts: `DistributedIterationComponent._eval_body`, `StateMap.from_state_props`,
`ItemReader`.
"""

from __future__ import annotations

import contextlib
import json
import uuid
import zlib
from collections.abc import Callable
from dataclasses import replace as changed
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_map.tolerated_failure import (
    ToleratedFailureCountDecl,
    ToleratedFailurePercentageDecl,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from emulator.moto_patches import replace
from emulator.stepfunctions.environment import ExecutionEnvironment
from emulator.stepfunctions.errors import (
    DATA_LIMIT_EXCEEDED,
    ITEM_READER_FAILED,
    RUNTIME,
    TOLERANCE_EXCEEDED,
    failure,
)
from emulator.stepfunctions.evaluation import AttemptOverError
from emulator.stepfunctions.execution import Execution, Status
from emulator.stepfunctions.history import HistoryFullError
from emulator.stepfunctions.map_run import MapRun, MapRunStatus, Tolerance
from emulator.stepfunctions.names import execution_arn
from emulator.stepfunctions.payloads import LARGEST_PAYLOAD, compact_json, payload_size
from emulator.stepfunctions.task_failures import refusal_cause

_Component = distributed_iteration_component.DistributedIterationComponent
_from_state_props = StateMap.from_state_props


def note_declarations(state: StateMap, state_props: Any) -> None:
    """Also remember what moto forgets: which tolerance was declared, and whether results are written elsewhere."""
    _from_state_props(state, state_props)
    component = state.iteration_component
    if isinstance(component, _Component):
        component.count_declared = state_props.get(ToleratedFailureCountDecl) is not None
        component.percentage_declared = state_props.get(ToleratedFailurePercentageDecl) is not None
        component.results_written = state.result_writer is not None


def evaluate_distributed(component: Any, env: ExecutionEnvironment) -> None:
    """Start a map run, read its items, run them, and leave the array of their outputs on the stack."""
    declared = env.stack.pop()
    record = declared.map_run_record
    context = env.event_history_context

    def add(event_type: Any, details: dict[str, Any] | None = None, *, advance: bool = True) -> None:
        env.event_manager.add_event(
            context, event_type, EventDetails(**details) if details else None, update_source_event_id=advance
        )

    def note_abort() -> None:
        # A history without room for it must not keep the execution from ending.
        with contextlib.suppress(HistoryFullError):
            add(HistoryEventType.MapRunAborted)

    map_run = MapRun(
        arn=record.map_run_arn,
        execution_arn=env.execution.arn,
        machine_arn=record.map_state_machine_arn,
        max_concurrency=record.max_concurrency,
        tolerance=Tolerance(
            record.tolerated_failure_count,
            record.tolerated_failure_percentage,
            component.count_declared,
            component.percentage_declared,
        ),
        on_abort=note_abort,
    )
    add(HistoryEventType.MapRunStarted, {"mapRunStartedEventDetails": {"mapRunArn": map_run.arn}})
    env.execution.map_runs.append(map_run)
    env.execution.registry.add_map_run(map_run)
    try:
        items = _pack(_read_items(declared, env))
        # A stop may have come before the map run was known to its execution.
        if not env.is_running():
            map_run.abort()
            raise AttemptOverError
        outputs = map_run.run(items, _child_maker(component, declared, env, map_run))
        if not env.is_running():
            raise AttemptOverError
        if map_run.status is MapRunStatus.FAILED:
            raise failure(env, TOLERANCE_EXCEEDED, "The specified tolerated failure threshold was exceeded")
        if not component.results_written and _size(outputs) > LARGEST_PAYLOAD:
            map_run.status = MapRunStatus.FAILED
            cause = f"The state/task '{declared.state_name}' returned a result with a size exceeding "
            raise failure(env, DATA_LIMIT_EXCEEDED, cause + "the maximum number of bytes service limit.")
    except FailureEventException as error:
        if map_run.status is MapRunStatus.RUNNING:
            map_run.fail()
        name, reason = error.extract_error_cause_pair() or (None, None)
        details = {key: text for key, text in (("error", name), ("cause", reason)) if text}
        add(HistoryEventType.MapRunFailed, {"mapRunFailedEventDetails": details})
        raise
    add(HistoryEventType.MapRunSucceeded, advance=False)
    env.stack.append([None if output is None else json.loads(output) for output in outputs])


def _size(outputs: list[str | None]) -> int:
    return 1 + sum(1 + payload_size(output or "null") for output in outputs)


def _read_items(declared: Any, env: ExecutionEnvironment) -> list[Any]:
    """Return the items of the map: from S3 if there is an ItemReader, else the array that is already known.

    Raises:
        FailureEventException: States.ItemReaderFailed, with what S3 or the JSON parser said as its cause.
    """
    if not declared.item_reader:
        items: list[Any] = declared.input_items
        return list(items)
    try:
        declared.item_reader.eval(env=env)
    except ClientError as error:
        raise failure(env, ITEM_READER_FAILED, refusal_cause(error, "Amazon S3")) from error
    except BotoCoreError as error:
        raise failure(env, ITEM_READER_FAILED, f"Unable to reach Amazon S3: {error}") from error
    except ValueError as error:
        raise failure(env, ITEM_READER_FAILED, f"The items could not be read: {error}") from error
    read: list[Any] = env.stack.pop()
    return list(read)


def _pack(items: list[Any]) -> list[bytes]:
    """Each item as compressed JSON, for all of them wait in memory, most for long; empties `items`."""
    items.reverse()
    return [
        zlib.compress(compact_json(items.pop()).encode("utf-8", "surrogatepass"), 1) for _ in range(len(items))
    ]


def _unpack(item: bytes) -> str:
    return zlib.decompress(item).decode("utf-8", "surrogatepass")


def _child_maker(
    component: Any, declared: Any, env: ExecutionEnvironment, map_run: MapRun
) -> Callable[[int, Any, Callable[[Execution], None]], Execution]:
    parent = env.execution
    label = map_run.machine_arn.rpartition("/")[2]
    machine = changed(parent.machine, arn=map_run.machine_arn, name=f"{parent.machine.name}/{label}", label=label)
    program = component._get_iteration_program()  # noqa: SLF001 - moto's way to the states of the ItemProcessor
    selector = declared.item_selector or declared.parameters
    state_input = env.stack[-1] if env.stack else env.states.get_input()

    def make_child(index: int, item: Any, on_end: Callable[[Execution], None]) -> Execution:
        text = _unpack(item)
        if selector is not None:
            text = compact_json(_select(selector, env, state_input, index, json.loads(text)))
        name = str(uuid.uuid4())
        child = Execution(
            arn=execution_arn(machine.arn, name),
            name=name,
            machine=machine,
            program=program if payload_size(text) <= LARGEST_PAYLOAD else _Refused(len(text)),
            input_text=text,
            map_run_arn=map_run.arn,
            on_end=on_end,
            callbacks=env.callback_pool_manager,
            registry=parent.registry,
        )
        parent.registry.add(child)
        return child

    return make_child


def _select(selector: Any, env: ExecutionEnvironment, state_input: Any, index: int, item: Any) -> Any:
    """Return the input that ItemSelector makes of an item; `$` is the map's input, `$$.Map.Item` the item."""
    frame = env.open_inner_frame()
    try:
        frame.states.context_object.context_object_data["Map"] = {"Item": {"Index": index, "Value": item}}
        frame.states.reset(input_value=state_input)
        frame.stack.append(state_input)
        selector.eval(frame)
        return frame.stack.pop()
    except NoSuchJsonPathError as error:
        cause = f"The JSONPath '{error.json_path}' specified for the field 'ItemSelector' could not be found"
        raise failure(env, RUNTIME, f"{cause} in the input of item {index}") from error
    finally:
        env.delete_frame(frame)


class _Refused:
    """The program of a child whose input is larger than Step Functions allows: it fails before its first state."""

    timeout_seconds = None

    def __init__(self, size: int) -> None:
        self.start_at = self
        self.start_at_name = ""
        self._size = size

    def eval(self, env: ExecutionEnvironment) -> None:
        """Fail the child."""
        env.execution.finish(
            Status.FAILED,
            error=DATA_LIMIT_EXCEEDED,
            cause=f"The input of the child execution has {self._size} bytes; {LARGEST_PAYLOAD} are allowed.",
        )


def install() -> None:
    """Put these in the place of moto's."""
    replace(_Component, "_eval_body", evaluate_distributed, expects=("self", "env"))
    replace(StateMap, "from_state_props", note_declarations, expects=("self", "state_props"))
