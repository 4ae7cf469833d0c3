"""The outputs and parameters of a deployed stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from automlops.aws.connection import Connection, service_errors
from automlops.errors import ServiceError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

DEFAULT_NAME = "automlops"


@dataclass(frozen=True)
class Stack:
    """The outputs and parameters of a stack that a run needs.

    Attributes:
        name: the stack's name.
        state_machine_arn: the state machine of the pipeline.
        data_bucket: the bucket for the items' data.
        output_bucket: the bucket for records, manifest and predictions.
        dataset_file_name: the name of an item's file in the data bucket.
        parameters: the values of the stack's parameters.
    """

    name: str
    state_machine_arn: str
    data_bucket: str
    output_bucket: str
    dataset_file_name: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def find_stack(connection: Connection, name: str) -> Stack:
    """Return the deployed stack with this name.

    Raises:
        ServiceError: there is no such stack, it is not one of AutoMLOps, its deployment is not complete, or it may not
            be read.
    """
    cloudformation: CloudFormationClient = connection.client("cloudformation")
    try:
        with service_errors(f"read the stack {name!r}"):
            description = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ServiceError as error:
        if error.code != "ValidationError":
            raise
        raise ServiceError(
            f"There is no stack {name!r} in {connection.place}.",
            "Deploy it with `sam deploy`, or check --stack and --region.",
            code=error.code,
        ) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}
    try:
        return Stack(
            name=name,
            state_machine_arn=outputs["StateMachineArn"],
            data_bucket=outputs["DataBucketName"],
            output_bucket=outputs["OutputBucketName"],
            dataset_file_name=outputs["DatasetFileName"],
            parameters={
                parameter["ParameterKey"]: parameter["ParameterValue"]
                for parameter in description.get("Parameters", [])
            },
        )
    except KeyError as error:
        raise ServiceError(
            f"The stack {name!r} in {connection.place} has no output {error.args[0]}: "
            "it is not one of AutoMLOps, or its deployment is not complete (its status is"
            f" {description['StackStatus']})."
        ) from error
