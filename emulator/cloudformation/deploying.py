"""Carries out a template: makes, changes and removes resources in their order, and takes it back when one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.cloudformation.errors import ResourceError, TemplateError
from emulator.cloudformation.intrinsic_functions import Evaluator, creation_order, missing_resource, scalar_text
from emulator.cloudformation.resources import RESOURCE_TYPES, Context, Resource
from emulator.cloudformation.stack import Change, Output

if TYPE_CHECKING:
    from emulator.cloudformation.exports import Exports
    from emulator.cloudformation.resources import Made, ResourceType
    from emulator.cloudformation.stack import Stack
    from emulator.cloudformation.template import Template
    from emulator.endpoint import Clients

_FAILURES = (ClientError, BotoCoreError, ResourceError, TemplateError)
# What a malformed property leads to in the code that reads it; it fails that resource, not the emulator.
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)


class Deployment:
    """Brings one stack to one template.

    Args:
        stack: the stack; changed in place.
        template: what it shall be.
        clients: the services on the emulator.
        exports: those of the account's stacks in the Region.
    """

    def __init__(self, stack: Stack, template: Template, clients: Clients, exports: Exports) -> None:
        self._stack = stack
        self._template = template
        self._clients = clients
        self._exports = exports
        self._imports: set[str] = set()
        self._resources = template.document["Resources"]
        # The resource that is being made.
        self._current = ""
        pseudo = {
            "AWS::AccountId": stack.account_id,
            "AWS::NotificationARNs": stack.notification_arns,
            "AWS::Partition": "aws",
            "AWS::Region": stack.region,
            "AWS::StackId": stack.stack_id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._evaluator = Evaluator(
            template.document,
            {**pseudo, **template.parameters},
            reference=self._reference,
            attribute=self._attribute,
            imported=self._import,
        )
        self._order = [
            logical_id
            for logical_id in creation_order(template.document, set(template.parameters) | set(pseudo))
            if self._wanted(logical_id)
        ]
        _require_types(template)

    def changes(self) -> list[Change]:
        """Return the changes that it would make; values that exist only afterwards count as changed."""
        found = []
        for logical_id in self._order:
            kind = self._resources[logical_id]["Type"]
            there = self._stack.resources.get(logical_id)
            if there is None:
                found.append(Change("Add", logical_id, kind))
                continue
            try:
                properties: Any = self._properties(logical_id)
            except ResourceError:
                properties = None
            if properties == there.properties and kind == there.cf_resource_type:
                continue
            replaced = kind != there.cf_resource_type or (
                properties is not None and _is_replaced(RESOURCE_TYPES[kind], there.properties, properties)
            )
            replacement = "True" if replaced else "False"
            found.append(Change("Modify", logical_id, kind, there.physical_resource_id, replacement))
        for logical_id, there in self._stack.resources.items():
            if logical_id not in self._order:
                found.append(Change("Remove", logical_id, there.cf_resource_type, there.physical_resource_id))
        return found

    def create(self) -> None:
        """Make everything; on a failure remove it again, so that the stack ends as ROLLBACK_COMPLETE."""
        stack = self._stack
        stack.record("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self._bring_about([])
            stack.outputs = self._outputs()
        except _FAILURES as error:
            stack.record("ROLLBACK_IN_PROGRESS", self._reason(error))
            remaining = remove(stack, self._clients)
            stack.record("ROLLBACK_FAILED" if remaining else "ROLLBACK_COMPLETE")
            stack.outputs = []
            return
        stack.template_in_use, stack.imports = self._template, frozenset(self._imports)
        stack.record("CREATE_COMPLETE")

    def update(self) -> None:
        """Change what differs; on a failure change it back, so that the stack ends as UPDATE_ROLLBACK_COMPLETE."""
        stack = self._stack
        stack.record("UPDATE_IN_PROGRESS", "User Initiated")
        before = dict(stack.resources)
        # Resources that a new one has taken the place of, or that the template no longer has.
        replaced: list[Resource] = []
        try:
            self._bring_about(replaced)
            outputs = self._outputs()
        except _FAILURES as error:
            stack.record("UPDATE_ROLLBACK_IN_PROGRESS", self._reason(error))
            stack.record("UPDATE_ROLLBACK_COMPLETE" if self._take_back(before) else "UPDATE_ROLLBACK_FAILED")
            return
        stack.record("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        gone = [
            stack.resources.pop(logical_id)
            for logical_id in list(stack.resources)
            if logical_id not in self._order
        ]
        for resource in reversed(gone + replaced):
            if not resource.retained:
                # As on AWS, what cannot be removed now is left behind, and the update stands.
                _delete(stack, resource, self._clients)
        stack.outputs, stack.template_in_use, stack.imports = outputs, self._template, frozenset(self._imports)
        stack.record("UPDATE_COMPLETE")

    def _bring_about(self, replaced: list[Resource]) -> None:
        for logical_id in self._order:
            self._current = logical_id
            self._bring_about_one(logical_id, replaced)
        self._current = ""

    def _bring_about_one(self, logical_id: str, replaced: list[Resource]) -> None:
        stack, node = self._stack, self._resources[logical_id]
        kind, there = RESOURCE_TYPES[node["Type"]], stack.resources.get(logical_id)
        doing = "UPDATE" if there is not None and there.cf_resource_type == kind.name else "CREATE"
        started = False
        try:
            properties = self._properties(logical_id)
            if unknown := sorted(set(properties) - kind.known):
                raise ResourceError(f"the emulator does not read {', '.join(unknown)} of {kind.name}")
            retained = node.get("DeletionPolicy", "Delete").startswith("Retain")
            if there is not None and there.cf_resource_type == kind.name and properties == there.properties:
                there.retained = retained
                return
            physical_id = there.physical_resource_id if there is not None and doing == "UPDATE" else ""
            stack.record_resource(logical_id, kind.name, f"{doing}_IN_PROGRESS", physical_id=physical_id)
            started = True
            made = self._make(kind, logical_id, there if doing == "UPDATE" else None, properties)
        except (*_FAILURES, *_MALFORMED) as error:
            reason = describe(error)
            if not started:
                stack.record_resource(logical_id, kind.name, f"{doing}_IN_PROGRESS")
            stack.record_resource(logical_id, kind.name, f"{doing}_FAILED", reason=reason)
            raise ResourceError(reason) from error
        if there is not None and there.physical_resource_id != made.physical_id:
            kept = str(node.get("UpdateReplacePolicy", "Delete")).startswith("Retain")
            replaced.append(Resource(logical_id, there.cf_resource_type, there.properties, there.made, kept))
        stack.resources[logical_id] = Resource(logical_id, kind.name, properties, made, retained)
        stack.record_resource(logical_id, kind.name, f"{doing}_COMPLETE", physical_id=made.physical_id)

    def _make(
        self, kind: ResourceType, logical_id: str, there: Resource | None, properties: dict[str, Any]
    ) -> Made:
        context = _context(self._stack, logical_id, self._clients)
        if there is None or _is_replaced(kind, there.properties, properties):
            return kind.create(context, properties)
        return kind.update(context, there, properties)

    def _take_back(self, before: dict[str, Resource]) -> bool:
        """Give every resource the properties it had `before`, and remove what is new; whether all of that worked."""
        stack, worked = self._stack, True
        for logical_id, resource in reversed(list(stack.resources.items())):
            old = before.get(logical_id)
            if old is resource:
                continue
            if old is not None and old.physical_resource_id == resource.physical_resource_id:
                kind = RESOURCE_TYPES[old.cf_resource_type]
                try:
                    kind.update(_context(stack, logical_id, self._clients), resource, old.properties)
                except _FAILURES as error:
                    worked = False
                    stack.record_resource(
                        logical_id,
                        kind.name,
                        "UPDATE_FAILED",
                        physical_id=old.physical_resource_id,
                        reason=describe(error),
                    )
                    continue
                stack.record_resource(
                    logical_id, kind.name, "UPDATE_COMPLETE", physical_id=old.physical_resource_id
                )
            else:
                worked = _delete(stack, resource, self._clients) and worked
        stack.resources = before
        return worked

    def _reason(self, error: Exception) -> str:
        if self._current:
            return f"The following resource(s) failed: [{self._current}]. "
        return describe(error)

    def _wanted(self, logical_id: str) -> bool:
        condition = self._resources[logical_id].get("Condition")
        return condition is None or self._evaluator.condition(condition)

    def _properties(self, logical_id: str) -> dict[str, Any]:
        return dict(self._evaluator.value(self._resources[logical_id].get("Properties") or {}))

    def _outputs(self) -> list[Output]:
        found = []
        for key, node in (self._template.document.get("Outputs") or {}).items():
            if "Condition" in node and not self._evaluator.condition(node["Condition"]):
                continue
            value = self._evaluator.value(node["Value"])
            export = self._evaluator.value(node["Export"]["Name"]) if "Export" in node else None
            found.append(Output(key, scalar_text(value), node.get("Description"), export))
        self._exports.check(self._stack, found)
        return found

    def _import(self, name: str) -> str:
        self._imports.add(name)
        return self._exports.value(name)

    def _reference(self, logical_id: str) -> str:
        if logical_id not in self._stack.resources:
            raise missing_resource(logical_id)
        return self._stack.resources[logical_id].physical_resource_id

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        if logical_id not in self._stack.resources:
            raise missing_resource(logical_id)
        attributes = self._stack.resources[logical_id].made.attributes
        if attribute not in attributes:
            raise ResourceError(
                f"Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
            )
        return attributes[attribute]


def remove(stack: Stack, clients: Clients) -> list[str]:
    """Remove the stack's resources, last made first; the logical ids of those that could not be."""
    for logical_id, resource in reversed(list(stack.resources.items())):
        if resource.retained:
            stack.record_resource(
                logical_id, resource.cf_resource_type, "DELETE_SKIPPED", physical_id=resource.physical_resource_id
            )
            del stack.resources[logical_id]
        elif _delete(stack, resource, clients):
            del stack.resources[logical_id]
    return list(stack.resources)


def _delete(stack: Stack, resource: Resource, clients: Clients) -> bool:
    """Remove one resource; whether it is gone."""
    logical_id, kind, physical_id = (
        resource.logical_resource_id,
        resource.cf_resource_type,
        resource.physical_resource_id,
    )
    stack.record_resource(logical_id, kind, "DELETE_IN_PROGRESS", physical_id=physical_id)
    try:
        RESOURCE_TYPES[kind].delete(_context(stack, logical_id, clients), resource)
    except _FAILURES as error:
        if not _is_missing(error):
            stack.record_resource(
                logical_id, kind, "DELETE_FAILED", physical_id=physical_id, reason=describe(error)
            )
            return False
    stack.record_resource(logical_id, kind, "DELETE_COMPLETE", physical_id=physical_id)
    return True


def describe(error: Exception) -> str:
    """Return what went wrong, for the stack's events."""
    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        return f"{answer.get('Message', '')} (Operation: {error.operation_name}, Error Code: {answer.get('Code', '')})"
    if isinstance(error, _MALFORMED):
        return f"Properties validation failed: {type(error).__name__}: {error}"
    return str(error)


def _is_missing(error: Exception) -> bool:
    """Whether a removal failed since somebody else had removed the resource."""
    if not isinstance(error, ClientError):
        return False
    code = error.response.get("Error", {}).get("Code", "")
    return code.startswith("NoSuch") or code.endswith(("NotFoundException", "DoesNotExist"))


def _is_replaced(kind: ResourceType, before: dict[str, Any], after: dict[str, Any]) -> bool:
    return any(before.get(name) != after.get(name) for name in kind.replaced_by)


def _context(stack: Stack, logical_id: str, clients: Clients) -> Context:
    return Context(
        clients=clients,
        account_id=stack.account_id,
        region=stack.region,
        stack_name=stack.name,
        logical_id=logical_id,
        tags=dict(stack.tags),
    )


def _require_types(template: Template) -> None:
    """Refuse resource types that cannot be made here.

    Raises:
        TemplateError: naming each with its logical id.
    """
    unknown = [
        f"{node['Type']} ({logical_id})"
        for logical_id, node in template.document["Resources"].items()
        if node["Type"] not in RESOURCE_TYPES
    ]
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
