"""AWS::Logs::LogGroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.cloudformation.resources.base import Made

if TYPE_CHECKING:
    from emulator.cloudformation.resources.base import Context, Resource


class LogGroup:
    """A log group with its retention."""

    name = "AWS::Logs::LogGroup"
    known = frozenset({"LogGroupName", "RetentionInDays", "Tags"})
    replaced_by = frozenset({"LogGroupName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it."""
        logs = context.client("logs")
        name = properties.get("LogGroupName") or context.generated_name(512)
        tags = context.tag_map(properties)
        logs.create_log_group(logGroupName=name, **({"tags": tags} if tags else {}))
        self._retain(logs, name, properties)
        return Made(name, {"Arn": f"arn:aws:logs:{context.region}:{context.account_id}:log-group:{name}:*"})

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Change its retention."""
        logs, name = context.client("logs"), resource.physical_resource_id
        if "RetentionInDays" not in properties:
            logs.delete_retention_policy(logGroupName=name)
        self._retain(logs, name, properties)
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it with its events."""
        context.client("logs").delete_log_group(logGroupName=resource.physical_resource_id)

    @staticmethod
    def _retain(logs: Any, name: str, properties: dict[str, Any]) -> None:
        if "RetentionInDays" in properties:
            logs.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))


LOG_GROUP = LogGroup()
