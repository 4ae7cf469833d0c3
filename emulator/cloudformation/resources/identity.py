"""AWS::IAM::Role, AWS::IAM::Policy, AWS::IAM::ManagedPolicy and AWS::IAM::OIDCProvider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.cloudformation.errors import ResourceError
from emulator.cloudformation.resources.base import Made, api_parameters, without

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.cloudformation.resources.base import Context, Resource


class Role:
    """A role with its trust, inline and attached policies."""

    name = "AWS::IAM::Role"
    known = frozenset(
        {
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        }
    )
    replaced_by = frozenset({"RoleName", "Path", "Tags"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it with all its policies."""
        iam = context.client("iam")
        name = properties.get("RoleName") or context.generated_name(64)
        parameters = {
            **without(properties, "ManagedPolicyArns", "Policies"),
            "RoleName": name,
            "AssumeRolePolicyDocument": json.dumps(properties["AssumeRolePolicyDocument"]),
            "Tags": context.tag_list(properties),
        }
        role = iam.create_role(**api_parameters(iam, "CreateRole", parameters))["Role"]
        made = Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})
        try:
            self._set_policies(iam, name, {}, properties)
        except Exception:
            # After any error: the stack does not know the role yet and would leave it behind.
            self._remove(iam, name)
            raise
        return made

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Give it new policies, trust, boundary or description."""
        iam, name = context.client("iam"), resource.physical_resource_id
        iam.update_assume_role_policy(
            RoleName=name, PolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"])
        )
        changed = {key: value for key, value in properties.items() if key in {"Description", "MaxSessionDuration"}}
        if changed:
            iam.update_role(**api_parameters(iam, "UpdateRole", {"RoleName": name, **changed}))
        if boundary := properties.get("PermissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        elif "PermissionsBoundary" in resource.properties:
            iam.delete_role_permissions_boundary(RoleName=name)
        self._set_policies(iam, name, resource.properties, properties)
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it and its policies."""
        self._remove(context.client("iam"), resource.physical_resource_id)

    @staticmethod
    def _set_policies(iam: Any, name: str, before: dict[str, Any], properties: dict[str, Any]) -> None:
        wanted = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies") or []}
        for gone in {policy["PolicyName"] for policy in before.get("Policies") or []} - set(wanted):
            iam.delete_role_policy(RoleName=name, PolicyName=gone)
        for policy, document in wanted.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
        arns = set(properties.get("ManagedPolicyArns") or [])
        attached = set(before.get("ManagedPolicyArns") or [])
        for arn in sorted(attached - arns):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in sorted(arns - attached):
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    @staticmethod
    def _remove(iam: Any, name: str) -> None:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=name)


class Policy:
    """An inline policy of roles that are made elsewhere in the template."""

    name = "AWS::IAM::Policy"
    known = frozenset({"PolicyName", "PolicyDocument", "Roles"})
    replaced_by: frozenset[str] = frozenset()

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Put it into its roles."""
        if not properties.get("Roles"):
            raise ResourceError("At least one of [Groups,Roles,Users] must be non-empty.")
        for role in properties["Roles"]:
            context.client("iam").put_role_policy(
                RoleName=role,
                PolicyName=properties["PolicyName"],
                PolicyDocument=json.dumps(properties["PolicyDocument"]),
            )
        return Made(context.generated_name(23))

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Put the new document in its place, and take it out of roles that are no longer its own."""
        self.create(context, properties)
        kept = properties["Roles"] if properties["PolicyName"] == resource.properties["PolicyName"] else []
        self._take_out(context, resource.properties["PolicyName"], set(resource.properties["Roles"]) - set(kept))
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Take it out of its roles."""
        self._take_out(context, resource.properties["PolicyName"], resource.properties["Roles"])

    @staticmethod
    def _take_out(context: Context, name: str, roles: Iterable[str]) -> None:
        for role in roles:
            context.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


class ManagedPolicy:
    """A policy of its own, attached to roles."""

    name = "AWS::IAM::ManagedPolicy"
    known = frozenset({"ManagedPolicyName", "PolicyDocument", "Description", "Path", "Roles"})
    replaced_by = known

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it and attach it."""
        iam = context.client("iam")
        parameters = {
            **without(properties, "ManagedPolicyName", "Roles"),
            "PolicyName": properties.get("ManagedPolicyName") or context.generated_name(128),
            "PolicyDocument": json.dumps(properties["PolicyDocument"]),
        }
        arn = iam.create_policy(**api_parameters(iam, "CreatePolicy", parameters))["Policy"]["Arn"]
        for role in properties.get("Roles") or []:
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        return Made(arn, {"PolicyArn": arn})

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:  # noqa: ARG002 - ResourceType's shape
        """Never asked for: every change replaces it."""
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Detach and remove it."""
        iam = context.client("iam")
        for role in resource.properties.get("Roles") or []:
            iam.detach_role_policy(RoleName=role, PolicyArn=resource.physical_resource_id)
        iam.delete_policy(PolicyArn=resource.physical_resource_id)


class OidcProvider:
    """An identity provider whose tokens roles may trust."""

    name = "AWS::IAM::OIDCProvider"
    known = frozenset({"ClientIdList", "Tags", "ThumbprintList", "Url"})
    replaced_by = known

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it; an account can have one of a URL."""
        iam = context.client("iam")
        parameters = {
            **without(properties, "ClientIdList"),
            "ClientIDList": properties.get("ClientIdList") or [],
            "Tags": context.tag_list(properties),
        }
        answer = iam.create_open_id_connect_provider(
            **api_parameters(iam, "CreateOpenIDConnectProvider", parameters)
        )
        arn = answer["OpenIDConnectProviderArn"]
        return Made(arn, {"Arn": arn})

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:  # noqa: ARG002 - ResourceType's shape
        """Never asked for: every change replaces it."""
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it."""
        context.client("iam").delete_open_id_connect_provider(
            OpenIDConnectProviderArn=resource.physical_resource_id
        )


ROLE = Role()
POLICY = Policy()
MANAGED_POLICY = ManagedPolicy()
OIDC_PROVIDER = OidcProvider()
