"""AWS::StepFunctions::StateMachine."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from emulator.cloudformation.errors import ResourceError
from emulator.cloudformation.intrinsic_functions import scalar_text
from emulator.cloudformation.resources.base import Made, api_parameters
from emulator.cloudformation.template import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.cloudformation.resources.base import Context, Resource

# CloudFormation's property → the API's parameter, for those that may change.
_CHANGEABLE = {
    "RoleArn": "roleArn",
    "LoggingConfiguration": "loggingConfiguration",
    "TracingConfiguration": "tracingConfiguration",
}
_SOURCES = ("DefinitionString", "Definition", "DefinitionS3Location")


class StateMachine:
    """A state machine, its definition from S3 or the template, with its substitutions filled in."""

    name = "AWS::StepFunctions::StateMachine"
    known = frozenset(
        {*_SOURCES, *_CHANGEABLE, "DefinitionSubstitutions", "StateMachineName", "StateMachineType", "Tags"}
    )
    replaced_by = frozenset({"StateMachineName", "StateMachineType"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it."""
        states = context.client("stepfunctions")
        name = properties.get("StateMachineName") or context.generated_name(80, with_stack=False)
        parameters = {
            "name": name,
            "type": properties.get("StateMachineType", "STANDARD"),
            "tags": context.tag_list(properties),
            **self._parameters(context, properties),
        }
        arn = states.create_state_machine(**api_parameters(states, "CreateStateMachine", parameters))[
            "stateMachineArn"
        ]
        return Made(arn, {"Arn": arn, "Name": name})

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Give it a new definition, role or settings."""
        states = context.client("stepfunctions")
        parameters = {"stateMachineArn": resource.physical_resource_id, **self._parameters(context, properties)}
        states.update_state_machine(**api_parameters(states, "UpdateStateMachine", parameters))
        if tags := context.tag_list(properties):
            lower = [{"key": tag["Key"], "value": tag["Value"]} for tag in tags]
            states.tag_resource(resourceArn=resource.physical_resource_id, tags=lower)
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it."""
        context.client("stepfunctions").delete_state_machine(stateMachineArn=resource.physical_resource_id)

    @staticmethod
    def _parameters(context: Context, properties: dict[str, Any]) -> dict[str, Any]:
        told = {name: properties[key] for key, name in _CHANGEABLE.items() if key in properties}
        return {**told, "definition": _definition(context, properties)}


def _definition(context: Context, properties: Mapping[str, Any]) -> str:
    sources = [key for key in _SOURCES if key in properties]
    if len(sources) != 1:
        raise ResourceError(f"exactly one of {', '.join(_SOURCES)} must be given")
    given = properties[sources[0]]
    if sources[0] == "DefinitionS3Location":
        version = {"VersionId": str(given["Version"])} if given.get("Version") else {}
        answer = context.client("s3").get_object(Bucket=given["Bucket"], Key=given["Key"], **version)
        given = answer["Body"].read().decode()
        # The file may be YAML; the API takes JSON alone.
        if not given.lstrip().startswith("{"):
            given = parse_yaml(given)
    text = given if isinstance(given, str) else json.dumps(given)
    return substitute(text, properties.get("DefinitionSubstitutions") or {})


def substitute(definition: str, substitutions: Mapping[str, Any]) -> str:
    """`definition` with every `${name}` of `substitutions` replaced; others stay, as on AWS."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in substitutions:
            return match[0]
        return scalar_text(substitutions[match[1]])

    return re.sub(r"\$\{([A-Za-z0-9_]+)\}", value, definition)


STATE_MACHINE = StateMachine()
