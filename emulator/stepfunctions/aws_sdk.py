"""The `aws-sdk:` integration: parameters in the API's shapes, results as JSON, errors under Step Functions' names.

Touches moto's private parts: `StateTaskServiceAwsSdk._eval_service_task` and `._from_error`.
"""

from __future__ import annotations

from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)

from emulator.moto_patches import replace
from emulator.stepfunctions.connection import client_for
from emulator.stepfunctions.parameters import boto_service, operation, pascal_case, pascal_names, to_request
from emulator.stepfunctions.results import iso_milliseconds, plain
from emulator.stepfunctions.task_failures import SERVICE_TASK, refused_parameters, task_failure

# The names are those of the AWS SDK for Java 2, which Step Functions calls.
_NAMES = {
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "ecr": "Ecr",
    "eventbridge": "EventBridge",
    "iam": "Iam",
    "lambda": "Lambda",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "secretsmanager": "SecretsManager",
    "servicequotas": "ServiceQuotas",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
    "sts": "Sts",
}
_from_error = StateTaskServiceAwsSdk._from_error  # noqa: SLF001 - wrapped by from_error


def service_name(api_name: str) -> str:
    """Return the service's name in error names: `S3`, `SageMaker`."""
    return _NAMES.get(api_name.lower(), pascal_case(api_name))


def error_name(api_name: str, error: ClientError) -> str:
    """`S3.NoSuchBucketException` for an error that the API's model knows, else `S3.S3Exception`."""
    service = service_name(api_name)
    modelled = type(error).__name__
    name = service if modelled == "ClientError" else modelled
    return f"{service}.{name.removesuffix('Exception')}Exception"


def call_service(
    task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
) -> None:
    """Call the API and leave its answer on the stack."""
    del state_credentials
    api = task.resource.api_name
    model = operation(api, task.resource.api_action)
    problems: list[str] = []
    request = normalised_parameters
    if model.input_shape is not None:
        request = to_request(normalised_parameters, model.input_shape, problems)
    if problems:
        raise refused_parameters(task, env, normalised_parameters, problems)
    client = client_for(resource_runtime_part.region, boto_service(api))
    response = getattr(client, xform_name(model.name))(**request) or {}
    env.stack.append(plain(pascal_names(response, model.output_shape), iso_milliseconds))


def from_error(task: Any, env: Any, ex: Exception) -> Any:
    """Return the failure that an exception of the call is."""
    api = task.resource.api_name
    if isinstance(ex, ClientError):
        error, meta = ex.response["Error"], ex.response.get("ResponseMetadata", {})
        where = f"Service: {service_name(api)}, Status Code: {meta.get('HTTPStatusCode')}"
        cause = f"{error.get('Message')} ({where}, Request ID: {meta.get('RequestId')})"
        return task_failure(task, env, error_name(api, ex), cause)
    if isinstance(ex, BotoCoreError):
        return task_failure(task, env, f"{service_name(api)}.SdkClientException", str(ex))
    return _from_error(task, env=env, ex=ex)


def install() -> None:
    """Put these in the place of moto's."""
    replace(StateTaskServiceAwsSdk, "_eval_service_task", call_service, expects=SERVICE_TASK)
    replace(StateTaskServiceAwsSdk, "_from_error", from_error, expects=("self", "env", "ex"))
