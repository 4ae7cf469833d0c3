"""The private parts of moto that the server, Lambda, S3 and CloudFormation stand on: fails first when moto changes."""

from __future__ import annotations

import inspect
import sys
from importlib.metadata import version
from typing import Any

import pytest
from moto.awslambda import models as lambda_models
from moto.cloudformation import models as cloudformation_models
from moto.cloudformation import responses as cloudformation_responses
from moto.core import config, model_instances
from moto.core.base_backend import BackendDict
from moto.core.responses import BaseResponse
from moto.logs import models as logs_models
from moto.moto_server import werkzeug_app
from moto.s3.models import FakeBucket

from emulator.cloudformation.backend import _Backend as CloudFormation
from emulator.cloudformation.template import aws_managed_policies
from emulator.functions import _Backend as Lambda
from emulator.functions import _Function
from tests.programs import run_program


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_moto_is_the_version_this_was_written_for() -> None:
    assert version("moto") == "5.2.5"


@pytest.mark.parametrize(
    ("ours", "theirs", "methods"),
    [
        (Lambda, lambda_models.LambdaBackend, ["invoke", "delete_function"]),
        (
            _Function,
            lambda_models.LambdaFunction,
            ["get_configuration", "update_configuration", "update_function_code"],
        ),
        (
            CloudFormation,
            cloudformation_models.CloudFormationBackend,
            [
                "update_stack",
                "create_change_set",
                "execute_change_set",
                "describe_change_set",
                "delete_change_set",
                "delete_stack",
                "describe_stack_resource",
                "describe_stack_resources",
                "list_stack_resources",
                "list_exports",
            ],
        ),
    ],
    ids=["Lambda", "function", "CloudFormation"],
)
def test_what_is_overridden_is_called_the_same_way(ours: type, theirs: type, methods: list[str]) -> None:
    for method in methods:
        assert parameters(getattr(ours, method)) == parameters(getattr(theirs, method)), method


@pytest.mark.parametrize("ours", [Lambda, CloudFormation])
def test_the_urls_of_a_service_are_found_through_its_class(ours: Any) -> None:
    assert ours("us-east-1", "123456789012").urls


def test_stacks_are_made_with_these_arguments() -> None:
    asked = parameters(cloudformation_models.CloudFormationBackend.create_stack)
    assert asked[:7] == ["self", "name", "template", "parameters", "notification_arns", "tags", "role_arn"]
    assert parameters(CloudFormation.create_stack)[:7] == asked[:7]


def test_functions_are_made_through_the_module_global() -> None:
    source = inspect.getsource(lambda_models.LambdaBackend.create_function)
    assert "fn = LambdaFunction(" in source
    assert {"account_id", "spec", "region", "version"} <= set(parameters(lambda_models.LambdaFunction.__init__))
    assert isinstance(lambda_models.lambda_backends, BackendDict)


@pytest.mark.parametrize("name", ["ensure_log_group", "ensure_log_stream", "put_log_events"])
def test_logs_are_written_with(name: str) -> None:
    assert hasattr(logs_models.LogsBackend, name)


def test_a_bucket_is_asked_for_its_permission() -> None:
    # Ours may have been put in place by another test.
    assert parameters(FakeBucket.get_permission)[1:] == ["action", "resource"]


def test_cloudformations_answers_use_these_globals() -> None:
    assert parameters(cloudformation_responses.get_stack_from_s3_url) == [
        "template_url",
        "account_id",
        "partition",
    ]
    assert hasattr(cloudformation_responses.CloudFormationResponse, "_validate_different_update")
    assert parameters(cloudformation_responses.StackResourceDTO) == ["stack", "resource"]
    assert "get_stack_from_s3_url(" in inspect.getsource(
        cloudformation_responses.CloudFormationResponse._get_stack_from_s3_url
    )


def test_the_policies_that_aws_manages_are_known_by_name() -> None:
    assert aws_managed_policies()["AWSXRayDaemonWriteAccess"] == (
        "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"
    )
    assert aws_managed_policies()["AWSLambdaBasicExecutionRole"] == (
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )


def test_the_server_is_put_together_from_these() -> None:
    assert parameters(werkzeug_app.DomainDispatcherApplication.__init__) == ["self", "create_app"]
    assert callable(werkzeug_app.create_backend_app)
    assert callable(model_instances.reset_model_data)
    assert {"execute_state_machine"} <= set(config.default_user_config["stepfunctions"])
    assert "MOTO_ACCOUNT_ID" in inspect.getsource(BaseResponse.get_current_account)
    assert {"load_aws_managed_policies"} <= set(config.default_user_config["iam"])
    assert callable(BackendDict.reset)


def test_what_the_emulator_does_not_use_of_moto_is_not_imported() -> None:
    unused = ["moto.autoscaling", "moto.batch", "moto.ec2"]
    script = f"import sys, emulator.server; print([name for name in {unused} if name in sys.modules])"
    assert run_program(sys.executable, "-c", script).stdout.strip() == "[]"
