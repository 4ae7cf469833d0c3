"""The resource types of templates, each made through the API of its own service on the emulator."""

from __future__ import annotations

from emulator.cloudformation.resources.base import Context, Made, Resource, ResourceType
from emulator.cloudformation.resources.container_registry import REPOSITORY
from emulator.cloudformation.resources.identity import MANAGED_POLICY, OIDC_PROVIDER, POLICY, ROLE
from emulator.cloudformation.resources.lambda_function import FUNCTION, PERMISSION
from emulator.cloudformation.resources.log_group import LOG_GROUP
from emulator.cloudformation.resources.state_machine import STATE_MACHINE
from emulator.cloudformation.resources.storage import BUCKET, BUCKET_POLICY

RESOURCE_TYPES: dict[str, ResourceType] = {
    kind.name: kind
    for kind in (
        BUCKET,
        BUCKET_POLICY,
        FUNCTION,
        LOG_GROUP,
        MANAGED_POLICY,
        OIDC_PROVIDER,
        PERMISSION,
        POLICY,
        REPOSITORY,
        ROLE,
        STATE_MACHINE,
    )
}

__all__ = ["RESOURCE_TYPES", "Context", "Made", "Resource", "ResourceType"]
