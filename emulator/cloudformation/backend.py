"""CloudFormation's API on this machine: moto's front, this package's stacks behind it.

Touches moto's private parts: the class CloudFormationBackend with the methods that its responses call, the fields of
stacks that those responses read, and the module globals that fetch a template from a URL and describe a resource.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from botocore.exceptions import ClientError
from moto.cloudformation import models, responses
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError

from emulator.cloudformation.deploying import Deployment, remove
from emulator.cloudformation.errors import TemplateError, TransformError
from emulator.cloudformation.exports import Exports
from emulator.cloudformation.stack import ChangeSet, Stack
from emulator.cloudformation.template import prepare
from emulator.endpoint import Clients
from emulator.moto_patches import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from emulator.cloudformation.resources import Resource
    from emulator.cloudformation.template import Template
    from emulator.endpoint import EmulatorSettings

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
_UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}

_clients: Clients | None = None


def _running() -> Clients:
    if _clients is None:
        raise RuntimeError("emulator.cloudformation is not installed")
    return _clients


class _Backend(models.CloudFormationBackend):  # type: ignore[misc]  # moto is not followed by mypy
    """Stacks, made by this package; what moto's responses ask for."""

    # moto derives the module with this service's URLs from the class's module.
    __module__ = models.CloudFormationBackend.__module__

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()
        self._exports = Exports(lambda: list(self.stacks.values()))

    def create_stack(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, str],
        notification_arns: list[str] | None = None,
        tags: dict[str, str] | None = None,
        role_arn: str | None = None,
        **_options: Any,
    ) -> Stack:
        _check_name(name)
        with self._lock:
            if self._find(name) is not None:
                raise AlreadyExistsException(f"Stack [{name}] already exists")
            stack = self._new_stack(name, template, tags, notification_arns, role_arn)
            with _refused():
                deployment = self._deployment(stack, prepare(template, parameters))
            deployment.create()
            self.stacks[stack.stack_id] = stack
        return stack

    def update_stack(
        self,
        name: str,
        template: str,
        role_arn: str | None,
        parameters: list[dict[str, Any]],
        tags: dict[str, str] | None,
    ) -> Stack:
        with self._lock:
            stack: Stack = self.get_stack(name)
            _check_updatable(stack)
            given = {
                one["ParameterKey"]: stack.stack_parameters[one["ParameterKey"]]
                if one.get("UsePreviousValue")
                else one["ParameterValue"]
                for one in parameters
            }
            with _refused():
                prepared = prepare(template, given)
                deployment = self._deployment(stack, prepared)
            wanted_tags = stack.tags if tags is None else tags
            if _is_same(stack, prepared, wanted_tags):
                raise ValidationError(message="No updates are to be performed.")
            stack.tags, stack.role_arn = wanted_tags, role_arn
            self._update(stack, template, deployment)
        return stack

    def create_change_set(
        self,
        stack_name: str,
        change_set_name: str,
        template: str,
        parameters: Mapping[str, str],
        description: str,
        change_set_type: str,
        notification_arns: list[str] | None = None,
        tags: dict[str, str] | None = None,
        role_arn: str | None = None,
    ) -> tuple[str, str]:
        _check_name(change_set_name)
        with self._lock:
            if change_set_type == "UPDATE":
                stack = self.get_stack(stack_name)
                _check_updatable(stack)
            else:
                new = self._new_stack(stack_name, template, tags, notification_arns, role_arn)
                stack = self._stack_to_create(new)
            change_set = ChangeSet(
                change_set_name=change_set_name,
                change_set_type=change_set_type,
                stack=stack,
                text=template,
                template=None,
                tags=dict(tags or {}),
                description=description,
                role_arn=role_arn,
                notification_arns=list(notification_arns or []),
            )
            self._fill(change_set, parameters)
            self.change_sets[change_set.change_set_id] = change_set
        return change_set.change_set_id, stack.stack_id

    def _fill(self, change_set: ChangeSet, parameters: Mapping[str, str]) -> None:
        """Work out what `change_set` would do; a transform that fails, fails it."""
        stack = change_set.stack
        try:
            change_set.template = prepare(change_set.text, parameters)
            change_set.changes = self._deployment(stack, change_set.template).changes()
        except TransformError as error:
            change_set.fail(str(error))
            return
        except TemplateError as error:
            if change_set.change_set_type == "CREATE" and stack.template_in_use is None:
                self.stacks.pop(stack.stack_id, None)
            raise ValidationError(message=str(error)) from error
        if change_set.change_set_type == "UPDATE" and _is_same(stack, change_set.template, change_set.tags):
            change_set.fail(NO_CHANGES)

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:
        with self._lock:
            change_set = self._change_set(change_set_name, stack_name)
            if change_set.execution_status != "AVAILABLE" or change_set.template is None:
                raise ValidationError(
                    message=f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current status of "
                    f"[{change_set.status}]"
                )
            stack = change_set.stack
            stack.tags = dict(change_set.tags)
            change_set.execution_status = "EXECUTE_COMPLETE"
            if change_set.change_set_type == "CREATE":
                stack.text = change_set.text
                self._deployment(stack, change_set.template).create()
            else:
                self._update(stack, change_set.text, self._deployment(stack, change_set.template))
            # A change set is gone once it has been carried out, and so are the others of its stack.
            others = [key for key, one in self.change_sets.items() if one.stack is stack and one is not change_set]
            for key in others:
                del self.change_sets[key]

    def describe_change_set(self, change_set_name: str) -> ChangeSet:
        return self._change_set(change_set_name, None)

    def delete_change_set(self, change_set_name: str) -> None:
        try:
            found = self._change_set(change_set_name, None)
        except ChangeSetNotFoundError:
            # As on AWS, removing what is not there succeeds.
            return
        del self.change_sets[found.change_set_id]

    def delete_stack(self, name_or_stack_id: str) -> None:
        with self._lock:
            stack = self._find(name_or_stack_id)
            if stack is None:
                return
            if reason := self._exports.kept_by(stack):
                # As on AWS, its status stays what it is (https://github.com/aws/aws-cdk/issues/604).
                stack.record(stack.status, reason)
                return
            stack.record("DELETE_IN_PROGRESS", "User Initiated")
            if remaining := remove(stack, _running()):
                failed = ", ".join(remaining)
                stack.record("DELETE_FAILED", f"The following resource(s) failed to delete: [{failed}].")
                return
            stack.record("DELETE_COMPLETE")
            stack.deletion_time = stack.events[-1].timestamp
            del self.stacks[stack.stack_id]
            self.deleted_stacks[stack.stack_id] = stack

    def describe_stack_resource(self, stack_name: str, logical_resource_id: str) -> tuple[Stack, Any]:
        stack = self.get_stack(stack_name)
        if logical_resource_id not in stack.resources:
            raise ValidationError(message=f"Resource {logical_resource_id} does not exist for stack {stack_name}")
        return stack, stack.resources[logical_resource_id]

    def describe_stack_resources(
        self, stack_name: str, logical_resource_id: str | None
    ) -> tuple[Stack, list[Any]]:
        stack = self.get_stack(stack_name)
        found = stack.resources.values()
        return stack, [one for one in found if logical_resource_id in {None, one.logical_resource_id}]

    def list_stack_resources(self, stack_name_or_id: str) -> tuple[Stack, list[Any]]:
        stack = self.get_stack(stack_name_or_id)
        return stack, list(stack.resources.values())

    def list_exports(self, tokenstr: str | None) -> tuple[list[dict[str, str]], None]:  # noqa: ARG002 - one page
        return [
            {"ExportingStackId": stack.stack_id, "Name": name, "Value": value}
            for stack in self.stacks.values()
            for name, value in stack.exports.items()
        ], None

    def _deployment(self, stack: Stack, template: Template) -> Deployment:
        return Deployment(stack, template, _running(), self._exports)

    def _update(self, stack: Stack, text: str, deployment: Deployment) -> None:
        deployment.update()
        if stack.status == "UPDATE_COMPLETE":
            stack.text = text
        stack.last_updated_time = stack.events[-1].timestamp

    def _stack_to_create(self, new: Stack) -> Stack:
        """Return `new`, kept from now on, or the stack of its name that a change set before has left unmade."""
        _check_name(new.name)
        there = self._find(new.name)
        if there is None:
            new.record("REVIEW_IN_PROGRESS", "User Initiated")
            self.stacks[new.stack_id] = new
            return new
        if there.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(
                message=f"Stack [{new.name}] already exists and cannot be created again with the changeSet"
            )
        return there

    def _new_stack(
        self,
        name: str,
        text: str,
        tags: dict[str, str] | None,
        notification_arns: list[str] | None,
        role_arn: str | None,
    ) -> Stack:
        return Stack(
            name=name,
            account_id=self.account_id,
            region=self.region_name,
            text=text,
            tags=dict(tags or {}),
            notification_arns=list(notification_arns or []),
            role_arn=role_arn,
        )

    def _find(self, name_or_id: str) -> Stack | None:
        found: list[Stack] = [one for one in self.stacks.values() if name_or_id in {one.name, one.stack_id}]
        return found[0] if found else None

    def _change_set(self, name_or_id: str, stack_name: str | None) -> ChangeSet:
        found: list[ChangeSet] = [
            one
            for one in self.change_sets.values()
            if name_or_id in {one.change_set_name, one.change_set_id}
            and stack_name in {None, "", one.stack.name, one.stack.stack_id}
        ]
        if not found:
            raise ChangeSetNotFoundError(name_or_id)
        return found[-1]


class _ResourceAnswer:
    """One resource in an answer; moto's own shows the stack's status and a fixed time for every resource."""

    def __init__(self, stack: Stack, resource: Resource) -> None:
        self.stack_id, self.stack_name = stack.stack_id, stack.name
        self.logical_resource_id = resource.logical_resource_id
        self.physical_resource_id = resource.physical_resource_id
        self.resource_type = resource.cf_resource_type
        last = [event for event in stack.events if event.logical_resource_id == resource.logical_resource_id][-1]
        self.resource_status, self.resource_status_reason = last.resource_status, last.resource_status_reason
        self.timestamp = self.last_updated_timestamp = last.timestamp


class ChangeSetNotFoundError(models.ValidationError):  # type: ignore[misc]  # as above
    """There is no such change set."""

    code = "ChangeSetNotFoundException"

    def __init__(self, name: str) -> None:
        super().__init__(message=f"ChangeSet [{name}] does not exist")


@contextmanager
def _refused() -> Iterator[None]:
    """Answer what is wrong with a template as CloudFormation does."""
    try:
        yield
    except TemplateError as error:
        raise ValidationError(message=str(error)) from error


def _checking_parameters(action: str) -> Callable[[Any], Any]:
    """Return moto's action, which takes for granted that every parameter has a key and a value."""
    moto_acts = getattr(responses.CloudFormationResponse, action)

    def act(self: Any) -> Any:
        if action == "create_change_set":
            # moto would create the stack.
            self.params.setdefault("ChangeSetType", "UPDATE")
        for one in self._get_param("Parameters", []):
            if "ParameterKey" not in one or not (one.get("UsePreviousValue") or "ParameterValue" in one):
                raise ValidationError(message="Every parameter must have a key, and a value or its previous one.")
            if one.get("UsePreviousValue") and (
                action == "create_stack" or self._get_param("ChangeSetType") == "CREATE"
            ):
                raise ValidationError(
                    message="A parameter of a stack that is to be created has no previous value."
                )
        return moto_acts(self)

    return act


_CHECKED = {
    action: _checking_parameters(action) for action in ("create_change_set", "create_stack", "update_stack")
}


def _is_same(stack: Stack, template: Template, tags: Mapping[str, str]) -> bool:
    return stack.template_in_use == template and stack.tags == dict(tags)


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValidationError(
            message=f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )


def _check_updatable(stack: Stack) -> None:
    if stack.status not in _UPDATABLE:
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def _template_from_url(template_url: str, account_id: str, partition: str) -> str:  # noqa: ARG001 - moto's signature
    """Return the template at an S3 URL, in AWS's forms or on this emulator.

    Raises:
        ValidationError: it is not there, or the URL is none of S3's.
    """
    bucket, key = bucket_and_key(template_url)
    try:
        text: str = _running().get("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    except ClientError as error:
        raise ValidationError(message=f"S3 error: {error.response['Error'].get('Message', error)}") from error
    return text


def bucket_and_key(url: str) -> tuple[str, str]:
    """Bucket and key of an S3 URL: `https://bucket.s3….amazonaws.com/key`, or any host with `/bucket/key`."""
    parts = urlparse(url)
    path = unquote(parts.path).lstrip("/")
    virtual = re.fullmatch(r"(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com(\.cn)?", parts.hostname or "")
    if virtual:
        return virtual[1], path
    bucket, _, key = path.partition("/")
    return bucket, key


def install(settings: EmulatorSettings) -> None:
    """Make moto's CloudFormation deploy with this package, for the emulator with these settings."""
    # moto makes its backends itself, so they can be handed nothing.
    global _clients
    _clients = Clients(settings.url)
    replace(models.cloudformation_backends, "backend", _Backend)
    models.cloudformation_backends.clear()
    replace(
        responses,
        "get_stack_from_s3_url",
        _template_from_url,
        expects=("template_url", "account_id", "partition"),
    )
    for action, checking in _CHECKED.items():
        replace(responses.CloudFormationResponse, action, checking, expects=("self",))
    replace(responses, "StackResourceDTO", _ResourceAnswer, expects=("stack", "resource"))
    # moto compares texts here and refuses change sets; the backend compares what would be deployed.
    replace(responses.CloudFormationResponse, "_validate_different_update", lambda *_arguments: None)
