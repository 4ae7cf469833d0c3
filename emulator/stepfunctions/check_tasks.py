"""Finds what Step Functions refuses in a Task before it runs: unknown resources, unknown or missing parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulator.aws_evidence import fields_of
from emulator.stepfunctions.parameters import (
    UnknownOperationError,
    missing_or_unknown,
    operation,
    unproven_fields,
    unsupported,
)

_RESOURCE = re.compile(
    r"arn:aws[a-z-]*:states:[^:]*:[^:]*:(?P<sdk>aws-sdk:)?(?P<service>[A-Za-z0-9-]+):(?P<action>\w+)(\.(?P<form>.+))?"
)
SYNC = "sync"
TOKEN = "waitForTaskToken"  # noqa: S105 - the name of an integration pattern
SAGEMAKER_SYNC = frozenset({"createTrainingJob", "createTransformJob"})
SAGEMAKER = SAGEMAKER_SYNC | {"createModel"}


@dataclass(frozen=True)
class Integration:
    """An action of an optimised integration, with all the parameters that it takes."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    forms: frozenset[str | None] = frozenset({None, TOKEN})


# https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html, as far as they are played.
INTEGRATIONS = {
    "lambda:invoke": Integration(
        frozenset({"FunctionName"}), frozenset({"Payload", "ClientContext", "InvocationType", "Qualifier"})
    ),
    "states:startExecution": Integration(
        frozenset({"StateMachineArn"}), frozenset({"Input", "Name"}), frozenset({None, SYNC, "sync:2", TOKEN})
    ),
    "sns:publish": Integration(
        frozenset({"Message"}),
        frozenset(
            {
                "MessageAttributes",
                "MessageDeduplicationId",
                "MessageGroupId",
                "MessageStructure",
                "PhoneNumber",
                "Subject",
                "TargetArn",
                "TopicArn",
            }
        ),
    ),
    "sqs:sendMessage": Integration(
        frozenset({"MessageBody", "QueueUrl"}),
        frozenset({"DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId"}),
    ),
    "events:putEvents": Integration(frozenset({"Entries"})),
}
# Services of which Step Functions has optimised integrations that are not played.
_UNPLAYED = frozenset(
    {
        "apigateway",
        "athena",
        "batch",
        "bedrock",
        "codebuild",
        "databrew",
        "ecs",
        "eks",
        "elasticmapreduce",
        "emr-containers",
        "emr-serverless",
        "glue",
        "http",
        "mediaconvert",
    }
)
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
_UNPLAYED_SAGEMAKER = frozenset(
    {
        "createEndpoint",
        "createEndpointConfig",
        "createHyperParameterTuningJob",
        "createLabelingJob",
        "createProcessingJob",
        "updateEndpoint",
    }
)
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html
_DYNAMODB = frozenset({"getItem", "putItem", "updateItem", "deleteItem"})


def is_sagemaker_supported(action: str, form: str | None) -> bool:
    """Whether this SageMaker action is played in this form; createModel cannot be waited for."""
    return action in SAGEMAKER if form is None else form == SYNC and action in SAGEMAKER_SYNC


def find_task_problems(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what is wrong with a Task's resource and its parameters' names, each with its place below the state."""
    arn = state.get("Resource")
    if not isinstance(arn, str) or not arn:
        yield "The field 'Resource' is required but was missing", ""
        return
    found = _RESOURCE.fullmatch(arn)
    if found is None or state.get("QueryLanguage") == "JSONata" or "Arguments" in state:
        return
    service, action, form = found["service"], found["action"], found["form"]
    parameters = state.get("Parameters") or {}
    names = {name.removesuffix(".$") for name in parameters}
    if found["sdk"]:
        yield from _check_api(arn, service, action, names, known=form in {None, TOKEN})
    elif service in _UNPLAYED or (service == "sagemaker" and action in _UNPLAYED_SAGEMAKER):
        yield f"The emulator does not play {arn}", "/Resource"
    elif service == "sagemaker":
        known = is_sagemaker_supported(action, form)
        yield from _check_api(arn, service, action, names, known=known)
        if known:
            yield from ((unsupported(name), "/Parameters") for name in unproven_job_fields(action, parameters))
    elif service == "dynamodb":
        yield from _check_api(arn, service, action, names, known=form is None and action in _DYNAMODB)
    else:
        yield from _check_integration(arn, INTEGRATIONS.get(f"{service}:{action}"), form, names)


def _check_integration(
    arn: str, integration: Integration | None, form: str | None, names: set[str]
) -> Iterator[tuple[str, str]]:
    if integration is None or form not in integration.forms:
        yield unknown_resource(arn), "/Resource"
        return
    for name in sorted(names - integration.required - integration.optional):
        yield unsupported(name), "/Parameters"
    for name in sorted(integration.required - names):
        yield f'The field "{name}" is required but was missing', "/Parameters"


def _check_api(arn: str, service: str, action: str, names: set[str], *, known: bool) -> Iterator[tuple[str, str]]:
    try:
        model = operation(service, action) if known else None
    except UnknownOperationError:
        model = None
    if model is None:
        yield unknown_resource(arn), "/Resource"
        return
    for problem in missing_or_unknown(names, model.input_shape):
        yield problem, "/Parameters"


def unproven_job_fields(action: str, parameters: dict[str, Any]) -> list[str]:
    """Fields that SageMaker's API has, but that nothing shows its integration to take (aws_evidence.toml)."""
    proven = fields_of(action)
    shape = operation("sagemaker", action).input_shape
    return [] if proven is None else list(unproven_fields(parameters, shape, proven))


def unknown_resource(arn: str) -> str:
    """Step Functions' words for a Resource that it does not have."""
    return (
        f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region."
    )
