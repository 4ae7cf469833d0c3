"""AWS::ECR::Repository."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.cloudformation.resources.base import Made, api_parameters, without

if TYPE_CHECKING:
    from emulator.cloudformation.resources.base import Context, Resource


class Repository:
    """A repository of images; no image is ever pushed to it here."""

    name = "AWS::ECR::Repository"
    known = frozenset(
        {
            "EmptyOnDelete",
            "EncryptionConfiguration",
            "ImageScanningConfiguration",
            "ImageTagMutability",
            "LifecyclePolicy",
            "RepositoryName",
            "RepositoryPolicyText",
            "Tags",
        }
    )
    replaced_by = frozenset({"EncryptionConfiguration", "RepositoryName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it; a generated name is in lower case, the only one ECR takes."""
        ecr = context.client("ecr")
        name = properties.get("RepositoryName") or context.generated_name(256, lower=True)
        parameters = {
            **without(properties, "EmptyOnDelete", "LifecyclePolicy", "RepositoryPolicyText"),
            "RepositoryName": name,
            "Tags": context.tag_list(properties),
        }
        made = ecr.create_repository(**api_parameters(ecr, "CreateRepository", parameters))["repository"]
        self._set_policies(ecr, name, properties)
        return Made(name, {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]})

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Change its scanning, mutability, lifecycle or who may pull."""
        ecr, name = context.client("ecr"), resource.physical_resource_id
        scanning = {
            "ImageScanningConfiguration": properties.get("ImageScanningConfiguration", {"ScanOnPush": False})
        }
        ecr.put_image_scanning_configuration(
            **api_parameters(ecr, "PutImageScanningConfiguration", {"RepositoryName": name, **scanning})
        )
        ecr.put_image_tag_mutability(
            repositoryName=name, imageTagMutability=properties.get("ImageTagMutability", "MUTABLE")
        )
        if "LifecyclePolicy" in resource.properties and "LifecyclePolicy" not in properties:
            ecr.delete_lifecycle_policy(repositoryName=name)
        if "RepositoryPolicyText" in resource.properties and "RepositoryPolicyText" not in properties:
            ecr.delete_repository_policy(repositoryName=name)
        self._set_policies(ecr, name, properties)
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it; ECR refuses that while it holds images, unless the template allows it."""
        force = str(resource.properties.get("EmptyOnDelete", False)).lower() == "true"
        context.client("ecr").delete_repository(repositoryName=resource.physical_resource_id, force=force)

    @staticmethod
    def _set_policies(ecr: Any, name: str, properties: dict[str, Any]) -> None:
        if "RepositoryPolicyText" in properties:
            document = json.dumps(properties["RepositoryPolicyText"])
            ecr.set_repository_policy(repositoryName=name, policyText=document)
        if "LifecyclePolicy" in properties:
            text = properties["LifecyclePolicy"]["LifecyclePolicyText"]
            ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)


REPOSITORY = Repository()
