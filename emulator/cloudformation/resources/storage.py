"""AWS::S3::Bucket and AWS::S3::BucketPolicy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.cloudformation.errors import ResourceError
from emulator.cloudformation.resources.base import Made, api_parameters

if TYPE_CHECKING:
    from emulator.cloudformation.resources.base import Context, Resource

# Property of a bucket → the operation that sets it.
_SETTINGS = {
    "VersioningConfiguration": "put_bucket_versioning",
    "PublicAccessBlockConfiguration": "put_public_access_block",
    "OwnershipControls": "put_bucket_ownership_controls",
}


class Bucket:
    """A bucket with its versioning, encryption, access block, ownership, lifecycle, tags and EventBridge switch."""

    name = "AWS::S3::Bucket"
    known = frozenset(
        {
            "BucketName",
            "BucketEncryption",
            "LifecycleConfiguration",
            "NotificationConfiguration",
            "Tags",
            *_SETTINGS,
        }
    )
    replaced_by = frozenset({"BucketName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it."""
        name = properties.get("BucketName") or context.generated_name(63, lower=True)
        where = {} if context.region == "us-east-1" else {"LocationConstraint": context.region}
        s3 = context.client("s3")
        # In us-east-1, S3 answers the owner of a bucket as if it had just been made.
        if name in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
            raise ResourceError(f"{name} already exists")
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
        try:
            self._configure(s3, context, name, properties)
        except Exception:
            # After any error: the stack does not know the bucket yet and would leave it behind.
            s3.delete_bucket(Bucket=name)
            raise
        return Made(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{context.region}.amazonaws.com",
            },
        )

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Update the settings; one that the template no longer has is removed, except versioning, which is suspended."""
        s3, name = context.client("s3"), resource.physical_resource_id
        gone = set(resource.properties) - set(properties)
        if "VersioningConfiguration" in gone:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
        for key, operation in {
            "PublicAccessBlockConfiguration": "delete_public_access_block",
            "OwnershipControls": "delete_bucket_ownership_controls",
            "BucketEncryption": "delete_bucket_encryption",
            "LifecycleConfiguration": "delete_bucket_lifecycle",
            "Tags": "delete_bucket_tagging",
        }.items():
            if key in gone:
                getattr(s3, operation)(Bucket=name)
        self._configure(s3, context, name, properties)
        return resource.made

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it; S3 refuses that while it holds anything."""
        context.client("s3").delete_bucket(Bucket=resource.physical_resource_id)

    def _configure(self, s3: Any, context: Context, name: str, properties: dict[str, Any]) -> None:
        for key, operation in _SETTINGS.items():
            if key in properties:
                self._put(s3, operation, name, {key: properties[key]})
        if "BucketEncryption" in properties:
            rules = [
                {
                    ("Apply" + key if key == "ServerSideEncryptionByDefault" else key): value
                    for key, value in rule.items()
                }
                for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            ]
            self._put(s3, "put_bucket_encryption", name, {"ServerSideEncryptionConfiguration": {"Rules": rules}})
        if "LifecycleConfiguration" in properties:
            rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
            self._put(s3, "put_bucket_lifecycle_configuration", name, {"LifecycleConfiguration": {"Rules": rules}})
        if "NotificationConfiguration" in properties:
            notifications = dict(properties["NotificationConfiguration"])
            if "EventBridgeConfiguration" in notifications:
                notifications["EventBridgeConfiguration"] = {}
            parameters = {"NotificationConfiguration": notifications}
            self._put(s3, "put_bucket_notification_configuration", name, parameters)
        if tags := context.tag_list(properties):
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})

    @staticmethod
    def _put(s3: Any, operation: str, bucket: str, parameters: dict[str, Any]) -> None:
        model = s3.meta.method_to_api_mapping[operation]
        getattr(s3, operation)(Bucket=bucket, **api_parameters(s3, model, parameters))


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule of CloudFormation in the words of S3's API."""
    renamed = dict(rule)
    rule_of_s3: dict[str, Any] = {"ID": renamed.pop("Id", None), "Filter": {"Prefix": renamed.pop("Prefix", "")}}
    if "ExpirationInDays" in renamed:
        rule_of_s3["Expiration"] = {"Days": renamed.pop("ExpirationInDays")}
    if "ExpiredObjectDeleteMarker" in renamed:
        rule_of_s3.setdefault("Expiration", {})["ExpiredObjectDeleteMarker"] = renamed.pop(
            "ExpiredObjectDeleteMarker"
        )
    if "NoncurrentVersionExpirationInDays" in renamed:
        rule_of_s3["NoncurrentVersionExpiration"] = {
            "NoncurrentDays": renamed.pop("NoncurrentVersionExpirationInDays")
        }
    if "Transitions" in renamed:
        rule_of_s3["Transitions"] = [
            {"StorageClass": one["StorageClass"], "Days": one["TransitionInDays"]}
            for one in renamed.pop("Transitions")
        ]
    # What is left has the API's own names, or is refused by name.
    return {key: value for key, value in {**rule_of_s3, **renamed}.items() if value is not None}


class BucketPolicy:
    """The policy of a bucket."""

    name = "AWS::S3::BucketPolicy"
    known = frozenset({"Bucket", "PolicyDocument"})
    replaced_by = frozenset({"Bucket"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Put it on its bucket."""
        bucket = properties["Bucket"]
        context.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(properties["PolicyDocument"]))
        return Made(bucket)

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:  # noqa: ARG002 - ResourceType's shape
        """Put the new one in its place."""
        return self.create(context, properties)

    def delete(self, context: Context, resource: Resource) -> None:
        """Take it away."""
        context.client("s3").delete_bucket_policy(Bucket=resource.physical_resource_id)


BUCKET = Bucket()
BUCKET_POLICY = BucketPolicy()
