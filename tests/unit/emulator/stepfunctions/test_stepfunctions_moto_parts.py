"""What this package needs of moto's private parts; the first to fail when another moto is installed."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from moto.core.responses import BaseResponse
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringContextPath,
    StringJsonPath,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse, get_backend

from emulator import stepfunctions
from emulator.endpoint import EmulatorSettings
from emulator.keys import remember_keys
from emulator.stepfunctions import connection, evaluation, payloads
from emulator.stepfunctions.backend import EmulatorBackend
from emulator.stepfunctions.definition import parse_definition
from emulator.stepfunctions.distributed_map import _Component
from emulator.stepfunctions.environment import ExecutionEnvironment
from emulator.stepfunctions.sagemaker import SageMakerTask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    stepfunctions.install(EmulatorSettings(port=1, work_dir=tmp_path))
    yield
    stepfunctions.shutdown()


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_moto_is_the_one_this_was_written_for() -> None:
    assert version("moto") == "5.2.5"


def test_install_finds_every_part_in_an_untouched_moto() -> None:
    # In a process of its own: in this one an install may have been before.
    script = (
        "from pathlib import Path\n"
        "from emulator import stepfunctions\n"
        "from emulator.endpoint import EmulatorSettings\n"
        "for port in (1, 2): stepfunctions.install(EmulatorSettings(port=port, work_dir=Path('.')))\n"
        "stepfunctions.shutdown()\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


@pytest.mark.usefixtures("installed")
def test_install_can_be_repeated_and_clients_follow(tmp_path: Path) -> None:
    second = EmulatorSettings(port=2, work_dir=tmp_path)
    remember_keys(second.url, second.keys)
    stepfunctions.install(second)

    assert connection.client_for("us-east-1", "s3").meta.endpoint_url == "http://127.0.0.1:2"
    assert connection.client_for("us-east-1", "s3") is connection.client_for("us-east-1", "s3")


@pytest.mark.usefixtures("installed")
def test_every_module_of_the_interpreter_that_makes_clients_is_known() -> None:
    holders = {
        name
        for name, module in sys.modules.items()
        if name.startswith("moto.stepfunctions.") and hasattr(module, "boto_client_for")
    }

    assert holders == set(connection.IMPORTERS)
    assert all(importlib.import_module(name).boto_client_for is connection.client_for for name in holders)


@pytest.mark.usefixtures("installed")
def test_every_module_of_the_interpreter_that_judges_sizes_is_known() -> None:
    holders = {
        name
        for name, module in sys.modules.items()
        if name.startswith("moto.stepfunctions.parser.asl.") and hasattr(module, "is_within_size_quota")
    }

    assert holders == set(payloads.JUDGES)
    assert all(
        importlib.import_module(name).is_within_size_quota is payloads.is_within_size_quota for name in holders
    )


@pytest.mark.usefixtures("installed")
def test_no_module_of_the_interpreter_hoards_threads() -> None:
    holders = {
        name
        for name, module in sys.modules.items()
        if name.startswith("moto.stepfunctions.parser.asl.component") and hasattr(module, "TMP_THREADS")
    }

    assert holders - {"moto.stepfunctions.parser.asl.component.test_state.program.test_state_program"} == set(
        evaluation.THREAD_HOARDERS
    )


@pytest.mark.usefixtures("installed")
def test_requests_reach_our_backend() -> None:
    backend = get_backend("123456789012", "us-east-1")

    assert isinstance(backend, EmulatorBackend)
    assert backend is stepfunctions_parser_backends["123456789012"]["us-east-1"]


@pytest.mark.usefixtures("installed")
def test_actions_that_moto_finds_by_name_are_ours() -> None:
    assert StepFunctionResponse.list_executions.__module__ == "emulator.stepfunctions.api"
    assert StepFunctionResponse.validate_state_machine_definition.__module__ == "emulator.stepfunctions.api"
    assert parameters(BaseResponse._get_int_param)[:2] == ["self", "param_name"]


def test_event_manager_is_told_events_as_ours_expects() -> None:
    expected = ["self", "context", "event_type", "event_details", "timestamp", "update_source_event_id"]

    assert parameters(EventManager.add_event) == expected
    assert vars(EventHistoryContext.of_program_start()) == {"source_event_id": 0, "last_published_event_id": 0}


def test_environment_opens_frames_through_what_is_overridden() -> None:
    assert "as_frame_of" in inspect.getsource(Environment.open_frame)
    assert "as_inner_frame_of" in inspect.getsource(Environment.open_inner_frame)
    assert "cls(" in inspect.getsource(Environment.as_inner_frame_of)
    for method in ("set_ended", "set_error", "set_timed_out", "set_stop", "is_frame", "program_state"):
        assert parameters(getattr(Environment, method)) == parameters(getattr(ExecutionEnvironment, method))


@pytest.mark.usefixtures("installed")
def test_sagemaker_task_is_made_and_reached_through_moto() -> None:
    states = {"T": {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createModel", "End": True}}

    program = parse_definition(json.dumps({"StartAt": "T", "States": states}))

    assert isinstance(program.states.states["T"], SageMakerTask)
    for hook in ("_eval_service_task", "_after_eval_execution", "_from_error"):
        assert parameters(getattr(SageMakerTask, hook)) == parameters(getattr(SageMakerTask.__mro__[1], hook))


@pytest.mark.usefixtures("installed")
def test_whole_percentage_is_parsed_and_declarations_are_noted() -> None:
    item: dict[str, Any] = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
    }
    item["States"] = {"I": {"Type": "Pass", "End": True}}
    state = {"Type": "Map", "ToleratedFailurePercentage": 5, "ItemProcessor": item, "End": True}

    program = parse_definition(json.dumps({"StartAt": "M", "States": {"M": state}}))

    component = program.states.states["M"].iteration_component
    assert isinstance(component, _Component)
    assert (component.percentage_declared, component.count_declared, component.results_written) == (
        True,
        False,
        False,
    )
    assert program.states.states["M"].tolerated_failure_percentage_decl.tolerated_failure_percentage == 5.0


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("path", "kind", "inner"),
    [("$.role", StringJsonPath, "$.role"), ("$$.Execution.RoleArn", StringContextPath, "$.Execution.RoleArn")],
)
def test_a_field_named_role_arn_may_come_from_a_path(path: str, kind: type, inner: str) -> None:
    state = {"Type": "Pass", "Parameters": {"RoleArn.$": path, "Other.$": "$.other"}, "End": True}
    program = parse_definition(json.dumps({"StartAt": "P", "States": {"P": state}}))
    bindings = program.states.states["P"].parameters.template_eval_component.payload_bindings
    # Moto's own reading of "RoleArn.$" is a field of that very name, holding the path as a text.
    assert [binding.field for binding in bindings] == ["RoleArn", "Other"]
    source = bindings[0].string_expression_simple
    assert (type(source), source.literal_value) == (kind, inner)


@pytest.mark.usefixtures("installed")
def test_a_components_key_is_there_before_it_is_asked_for() -> None:
    first, second = (
        parse_definition(json.dumps({"StartAt": name, "States": {name: {"Type": "Succeed"}}})) for name in "AB"
    )
    # moto makes the key up when it is first asked for: children that meet a retrier at once get several.
    assert first.heap_key == str(id(first))
    assert first.heap_key != second.heap_key


@pytest.mark.usefixtures("installed")
def test_definition_that_cannot_be_read_leaves_no_query_language_behind() -> None:
    state = {"Type": "Pass", "ResultPath": "$.x", "End": True}
    refused = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state}}
    good = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"n": 7}, "End": True}}}

    with pytest.raises(ValueError, match="Unsupported declaration"):
        parse_definition(json.dumps(refused))

    assert parse_definition(json.dumps(good)).start_at.start_at_name == "A"
