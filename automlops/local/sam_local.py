"""Writes the environment variables that `sam local` passes to a deployed stack's functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from automlops.aws.connection import Connection, service_errors
from automlops.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient

# The path in the profile `local` of samconfig.toml; `sam build` does not remove the file.
FILE = Path(".aws-sam", "up-containers.json")

Variables = dict[str, dict[str, str]]


def function_variables(connection: Connection, stack: str, endpoint_url: str) -> Variables:
    """Return the variables of all functions of `stack`: logical id → name → value, as `sam local --env-vars` reads them.

    sam itself would pass logical ids where the template refers to a bucket or a role.

    Args:
        connection: the emulator or account with the stack.
        stack: the stack's name.
        endpoint_url: the functions' AWS_ENDPOINT_URL, which the template declares and leaves empty.

    Raises:
        ServiceError: the stack or a function cannot be read.
    """
    cloudformation: CloudFormationClient = connection.client("cloudformation")
    functions: LambdaClient = connection.client("lambda")
    variables: Variables = {}
    with service_errors(f"read the functions of the stack {stack!r}"):
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
            for resource in page["StackResourceSummaries"]:
                if resource["ResourceType"] != "AWS::Lambda::Function":
                    continue
                configuration = functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
                declared = configuration.get("Environment", {}).get("Variables", {})
                variables[resource["LogicalResourceId"]] = {**declared, "AWS_ENDPOINT_URL": endpoint_url}
    return variables


@contextmanager
def variables_file(path: Path, variables: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """Write `variables` to the file `path`, and remove the file after the block.

    The file stays if another process has changed it in the meantime.

    Raises:
        CommandError: the file cannot be written.
    """
    text = json.dumps(variables, indent=2, sort_keys=True) + "\n"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"Cannot write {path}: {error.strerror}.") from error
    try:
        yield
    finally:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            path.unlink()
