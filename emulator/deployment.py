"""Deploys a template on a running emulator through CloudFormation's API, as `sam deploy` does."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from emulator.cloudformation.backend import NO_CHANGES
from emulator.cloudformation.errors import TemplateError
from emulator.endpoint import ACCOUNT_ID, DEFAULT_REGION, Clients
from emulator.packaging import PackagingError, package

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# A stack here takes seconds: one that takes longer than this does not end.
WAIT_SECONDS = 120.0


class DeploymentError(Exception):
    """The stack could not be deployed; the message names every resource that failed, with its reason."""


def deploy(
    url: str, template_path: Path, stack_name: str, parameters: Mapping[str, str], *, region: str = DEFAULT_REGION
) -> dict[str, str]:
    """Package `template_path`, carry it out as stack `stack_name` and give its Outputs, name → value.

    A template with a parameter ImageUri without a value gets an image of this account's registry, which the emulator
    takes for the project's own container. A stack that is there already is updated, or left alone when nothing changed.

    Args:
        url: endpoint URL of the emulator.
        template_path: SAM or CloudFormation template.
        stack_name: name of the stack.
        parameters: values of the template's parameters; the others keep their defaults.
        region: Region of the stack.

    Raises:
        DeploymentError: the template cannot be packaged, is refused, or a resource failed.
    """
    clients = Clients(url)
    s3, cloudformation = clients.get("s3", region), clients.get("cloudformation", region)
    bucket = f"{ACCOUNT_ID}-{region}-artifacts"
    values = dict(parameters)
    try:
        _make_bucket(s3, bucket, region)
        text = package(template_path, s3, bucket)
        if "ImageUri" in (json.loads(text).get("Parameters") or {}):
            values.setdefault(
                "ImageUri", f"{ACCOUNT_ID}.dkr.ecr.{region}.amazonaws.com/{stack_name.lower()}:local"
            )
        key = f"{stack_name}.template"
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
        _carry_out(cloudformation, stack_name, f"{url}/{bucket}/{key}", values)
    except (PackagingError, TemplateError) as error:
        raise DeploymentError(str(error)) from error
    except ClientError as error:
        raise DeploymentError(f"stack {stack_name}: {error.response['Error'].get('Message', error)}") from error
    stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _make_bucket(s3: Any, bucket: str, region: str) -> None:
    if bucket in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        return
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **where)


def _carry_out(cloudformation: Any, stack_name: str, template_url: str, parameters: Mapping[str, str]) -> None:
    """Make a change set of the template, execute it and wait for its end."""
    change_set = cloudformation.create_change_set(
        StackName=stack_name,
        ChangeSetName=f"{stack_name[:100]}-{time.time_ns()}",
        ChangeSetType="UPDATE" if _exists(cloudformation, stack_name) else "CREATE",
        TemplateURL=template_url,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )["Id"]
    made = _wait(lambda: cloudformation.describe_change_set(ChangeSetName=change_set), "Status")
    if made["Status"] == "FAILED":
        reason = made.get("StatusReason", "")
        # AWS has no error code of its own for this.
        if reason == NO_CHANGES:
            return
        raise DeploymentError(f"stack {stack_name}: {reason}")
    cloudformation.execute_change_set(ChangeSetName=change_set, StackName=stack_name)
    ended = _wait(lambda: cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0], "StackStatus")
    if ended["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise DeploymentError(_failures(cloudformation, stack_name, ended["StackStatus"]))


def _exists(cloudformation: Any, stack_name: str) -> bool:
    try:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"].get("Code") != "ValidationError":
            raise
        return False
    return bool(stack["StackStatus"] != "REVIEW_IN_PROGRESS")


def _wait(ask: Any, status: str) -> dict[str, Any]:
    """Return the answer of `ask` once its `status` is final.

    Raises:
        DeploymentError: it still is after WAIT_SECONDS.
    """
    end = time.monotonic() + WAIT_SECONDS
    while True:
        answer: dict[str, Any] = ask()
        if not answer[status].endswith(("_IN_PROGRESS", "_PENDING")):
            return answer
        if time.monotonic() > end:
            raise DeploymentError(f"still {answer[status]} after {WAIT_SECONDS:.0f} s")
        time.sleep(0.1)


def _failures(cloudformation: Any, stack_name: str, status: str) -> str:
    """Every resource that failed, with its reason, first failure first."""
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    lines = [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and event["ResourceType"] != "AWS::CloudFormation::Stack"
    ]
    return "\n  ".join([f"stack {stack_name} ended as {status}:", *lines])
