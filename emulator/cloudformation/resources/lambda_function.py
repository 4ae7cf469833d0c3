"""AWS::Lambda::Function and AWS::Lambda::Permission."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from emulator.cloudformation.resources.base import Made, api_parameters, without

if TYPE_CHECKING:
    from emulator.cloudformation.resources.base import Context, Resource

_CODE_PROPERTIES = {"Code", "Architectures"}
_FIXED_PROPERTIES = {"FunctionName", "PackageType", "Tags", "ReservedConcurrentExecutions"}


class Function:
    """A function, its code from S3 or written in the template."""

    name = "AWS::Lambda::Function"
    known = frozenset(
        {
            "Architectures",
            "Code",
            "Description",
            "Environment",
            "EphemeralStorage",
            "FunctionName",
            "Handler",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "Tags",
            "Timeout",
            "TracingConfig",
        }
    )
    replaced_by = frozenset({"FunctionName", "PackageType"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it."""
        client = context.client("lambda")
        name = properties.get("FunctionName") or context.generated_name(64)
        parameters = {
            **without(properties, "ReservedConcurrentExecutions"),
            "FunctionName": name,
            "Code": _code(properties["Code"]),
            "Tags": context.tag_map(properties),
        }
        arn = client.create_function(**api_parameters(client, "CreateFunction", parameters))["FunctionArn"]
        self._reserve(client, name, properties)
        return Made(name, {"Arn": arn})

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Give it new code, configuration or tags."""
        client, name, old = context.client("lambda"), resource.physical_resource_id, resource.properties
        if any(properties.get(key) != old.get(key) for key in _CODE_PROPERTIES):
            code = {**_code(properties["Code"]), "FunctionName": name}
            if "Architectures" in properties:
                code["Architectures"] = properties["Architectures"]
            client.update_function_code(**api_parameters(client, "UpdateFunctionCode", code))
        configuration = {"FunctionName": name, **without(properties, *_CODE_PROPERTIES, *_FIXED_PROPERTIES)}
        if "Environment" in old and "Environment" not in properties:
            configuration["Environment"] = {"Variables": {}}
        client.update_function_configuration(
            **api_parameters(client, "UpdateFunctionConfiguration", configuration)
        )
        arn = resource.made.attributes["Arn"]
        client.tag_resource(Resource=arn, Tags=context.tag_map(properties))
        if "ReservedConcurrentExecutions" in old and "ReservedConcurrentExecutions" not in properties:
            client.delete_function_concurrency(FunctionName=name)
        self._reserve(client, name, properties)
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it."""
        context.client("lambda").delete_function(FunctionName=resource.physical_resource_id)

    @staticmethod
    def _reserve(client: Any, name: str, properties: dict[str, Any]) -> None:
        if "ReservedConcurrentExecutions" in properties:
            client.put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=int(properties["ReservedConcurrentExecutions"])
            )


def _code(code: dict[str, Any]) -> dict[str, Any]:
    """Return the Code property as the API takes it; text in the template becomes the zip file Lambda makes of it."""
    if "ZipFile" not in code:
        return code
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", code["ZipFile"])
    return {"ZipFile": content.getvalue()}


class Permission:
    """A statement of a function's own policy."""

    name = "AWS::Lambda::Permission"
    known = frozenset({"Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"})
    replaced_by = known

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Add it."""
        client = context.client("lambda")
        statement = context.generated_name(100)
        parameters = {**properties, "StatementId": statement}
        client.add_permission(**api_parameters(client, "AddPermission", parameters))
        return Made(statement, {"Id": statement})

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:  # noqa: ARG002 - ResourceType's shape
        """Never asked for: every change replaces it."""
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Take it away."""
        context.client("lambda").remove_permission(
            FunctionName=resource.properties["FunctionName"], StatementId=resource.physical_resource_id
        )


FUNCTION = Function()
PERMISSION = Permission()
