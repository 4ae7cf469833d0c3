"""moto's private parts that the emulator's SageMaker and its logs use: fails first when moto changes."""

from __future__ import annotations

import inspect

import pytest
from botocore import xform_name
from moto.core.exceptions import ServiceException
from moto.core.responses import BaseResponse
from moto.logs.models import LogsBackend
from moto.sagemaker.models import Model, SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from emulator.sagemaker.moto_actions import ACTIONS, Backend


def test_backend_class_of_the_service_can_be_replaced() -> None:
    assert issubclass(sagemaker_backends.backend, SageMakerModelBackend)
    assert Backend.__module__ == "moto.sagemaker.models"


def test_backend_has_the_stores_that_the_actions_use() -> None:
    backend = SageMakerModelBackend("us-east-1", "123456789012")
    assert backend._models == backend.training_jobs == backend.transform_jobs == {}
    assert backend.region_name == "us-east-1"
    assert backend.account_id == "123456789012"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (
            "create_model",
            ["model_name", "execution_role_arn", "primary_container", "vpc_config", "containers", "tags"],
        ),
        ("describe_model", ["model_name"]),
        ("delete_model", ["model_name"]),
        ("list_models", []),
        ("add_tags", ["arn", "tags"]),
        ("_get_resource_from_arn", ["arn"]),
    ],
)
def test_backend_methods_have_the_parameters_that_are_overridden(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(SageMakerModelBackend, method)).parameters) == ["self", *parameters]


def test_actions_are_found_by_methods_of_the_response_class() -> None:
    # Those that moto has itself; the two that stop jobs are added.
    own = set(dir(SageMakerResponse))
    for action in ACTIONS:
        assert xform_name(action) in own or action.startswith("Stop")
    assert list(inspect.signature(BaseResponse.parse_parameters).parameters) == ["self", "request"]
    assert SageMakerResponse.__mro__[1] is BaseResponse
    assert list(inspect.signature(BaseResponse._get_action).parameters) == ["self"]


def test_model_shows_its_attributes_as_members() -> None:
    model = Model("1", "us-east-1", "m", "role", {"Image": "i"}, {})
    model.inference_execution_config = {"Mode": "Serial"}
    shown = model.response_object
    assert shown["InferenceExecutionConfig"] == {"Mode": "Serial"}
    assert {"ModelName", "ModelArn", "PrimaryContainer", "ExecutionRoleArn", "CreationTime"} <= shown.keys()


def test_errors_carry_their_code() -> None:
    class SomeError(ServiceException):  # type: ignore[misc]  # moto is not followed by mypy
        code = "Some"

    error = SomeError("text")
    assert (error.code, error.message) == ("Some", "text")


def test_log_backend_takes_events_in_process() -> None:
    logs = LogsBackend("us-east-1", "123456789012")
    logs.ensure_log_group("/group")
    logs.create_log_stream("/group", "stream")
    logs.put_log_events("/group", "stream", [{"timestamp": 2_000_000_000_000, "message": "a"}])
    assert list(inspect.signature(logs.ensure_log_group).parameters) == ["log_group_name"]
