"""That CloudFormation's role may do all that CloudFormation does for the resource types of template.yaml."""

from __future__ import annotations

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.iam_policies import allows, as_list, statements
from tests.infra.conftest import Document

from .conftest import (
    BOUNDARY,
    STACK,
    SUFFIX,
    arn_of,
    name_of,
    policies_of,
)

# Permissions that AWS publishes for a type's handlers, but that a property must call for: type → property → those.
ONLY_FOR_PROPERTY: dict[str, dict[str, set[str]]] = {
    "AWS::S3::Bucket": {
        "AbacStatus": {"s3:PutBucketAbac"},
        "AccelerateConfiguration": {"s3:PutAccelerateConfiguration"},
        "AccessControl": {"s3:PutBucketAcl", "s3:PutObjectAcl"},
        "AnalyticsConfigurations": {"s3:PutAnalyticsConfiguration"},
        "CorsConfiguration": {"s3:PutBucketCORS"},
        "IntelligentTieringConfigurations": {"s3:PutIntelligentTieringConfiguration"},
        "InventoryConfigurations": {"s3:PutInventoryConfiguration"},
        "LoggingConfiguration": {"s3:PutBucketLogging"},
        "MetadataConfiguration": {
            "s3:UpdateBucketMetadataAnnotationTableConfiguration",
            "s3:UpdateBucketMetadataInventoryTableConfiguration",
            "s3:UpdateBucketMetadataJournalTableConfiguration",
        },
        "MetadataTableConfiguration": {
            "s3:CreateBucketMetadataTableConfiguration",
            "s3:DeleteBucketMetadataTableConfiguration",
            "s3tables:CreateNamespace",
            "s3tables:CreateTable",
            "s3tables:CreateTableBucket",
            "s3tables:GetTable",
            "s3tables:GetTableMetadataLocation",
            "s3tables:PutTableBucketPolicy",
            "s3tables:PutTableEncryption",
            "s3tables:PutTablePolicy",
            "s3tables:UpdateTableMetadataLocation",
        },
        "MetricsConfigurations": {"s3:PutMetricsConfiguration"},
        "NotificationConfiguration": {"s3:PutBucketNotification"},
        "ObjectLockConfiguration": {"s3:PutBucketObjectLockConfiguration"},
        "OwnershipControls": {"s3:PutBucketOwnershipControls"},
        "ReplicationConfiguration": {"iam:PassRole", "s3:PutReplicationConfiguration"},
        "WebsiteConfiguration": {"s3:DeleteBucketWebsite", "s3:PutBucketWebsite"},
    },
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": {"lambda:PassCapacityProvider"},
        "CodeSigningConfigArn": {
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        },
        "FileSystemConfigs": {"elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"},
        "FunctionScalingConfig": {"lambda:PutFunctionScalingConfig"},
        "KmsKeyArn": {"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        "Layers": {"lambda:GetLayerVersion"},
        "PublishToLatestPublished": {"lambda:PublishVersion"},
        "RecursiveLoop": {"lambda:PutFunctionRecursionConfig"},
        "ReservedConcurrentExecutions": {"lambda:DeleteFunctionConcurrency", "lambda:PutFunctionConcurrency"},
        "RuntimeManagementConfig": {"lambda:PutRuntimeManagementConfig"},
        "VpcConfig": {
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        },
    },
    "AWS::ECR::Repository": {
        "EncryptionConfiguration": {"kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"},
        "LifecyclePolicy": {"ecr:DeleteLifecyclePolicy", "ecr:PutLifecyclePolicy"},
        "RepositoryPolicyText": {"ecr:DeleteRepositoryPolicy", "ecr:SetRepositoryPolicy"},
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": {"logs:PutBearerTokenAuthentication"},
        # It may name where its findings are delivered.
        "DataProtectionPolicy": {
            "firehose:TagDeliveryStream",
            "logs:CreateLogDelivery",
            "logs:PutDataProtectionPolicy",
        },
        "DeletionProtectionEnabled": {"logs:PutLogGroupDeletionProtection"},
        "FieldIndexPolicies": {"logs:DeleteIndexPolicy", "logs:PutIndexPolicy"},
        "KmsKeyId": {"logs:AssociateKmsKey", "logs:DisassociateKmsKey"},
        "ResourcePolicyDocument": {"logs:DeleteResourcePolicy", "logs:PutResourcePolicy"},
    },
    "AWS::StepFunctions::StateMachine": {
        "EncryptionConfiguration": {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"},
    },
    "AWS::IAM::Policy": {
        "Groups": {"iam:DeleteGroupPolicy", "iam:GetGroupPolicy", "iam:PutGroupPolicy"},
        "Users": {"iam:DeleteUserPolicy", "iam:GetUserPolicy", "iam:PutUserPolicy"},
    },
}
# Withheld although AWS publishes them.
WITHHELD = {
    "iam:DeleteRolePermissionsBoundary": "a role without its boundary would be free",
    "s3:DeleteObject": "deleting a bucket needs it empty, and its objects are the owner's",
}


def published(kind: str) -> set[str]:
    """Return the permissions that AWS publishes for making, reading, changing and deleting resources of the type."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    return {one for verb, told in handlers.items() if verb != "list" for one in told["permissions"]}


def properties_of(kind: str, stack: dict[str, tuple[str, Document]]) -> set[str]:
    return {key for one, properties in stack.values() if one == kind for key in properties}


KINDS = [
    "AWS::ECR::Repository",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::StepFunctions::StateMachine",
]


def test_the_stacks_resource_types_are_those_that_are_checked(stack: dict[str, tuple[str, Document]]) -> None:
    assert sorted({kind for kind, _ in stack.values()}) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_cloudformation_may_do_what_its_handlers_do(
    kind: str,
    resources: Document,
    stack: dict[str, tuple[str, Document]],
    known_actions: dict[str, bool],
) -> None:
    """The handlers' permissions stand in each resource type's public schema, which cfn-lint brings."""
    unused = ONLY_FOR_PROPERTY.get(kind, {}).keys() - properties_of(kind, stack)
    spared = {one for name in unused for one in ONLY_FOR_PROPERTY[kind][name]}
    # Schemas name a few operations that are no IAM actions, such as s3:PutBucketReplication.
    needed = {one for one in published(kind) - spared - WITHHELD.keys() if one.lower() in known_actions}
    policies = policies_of(resources["CloudFormationRole"])
    context = {
        "iam:permissionsboundary": BOUNDARY,
        "iam:policyarn": "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
        "iam:passedtoservice": "states.amazonaws.com" if "StepFunctions" in kind else "lambda.amazonaws.com",
    }
    bucket = arn_of("AWS::S3::Bucket", resources["ArtifactBucket"]["BucketName"])
    held = {"AWS::IAM::Policy": "AWS::IAM::Role", "AWS::S3::BucketPolicy": "AWS::S3::Bucket"}.get(kind, kind)
    missing = []
    for key, (one, properties) in stack.items():
        if one != held:
            continue
        for action in needed:
            if action == "iam:PassRole":
                arn = arn_of("AWS::IAM::Role", f"{STACK}-Role{SUFFIX}")
            elif action in {"s3:GetObject", "s3:GetObjectVersion"}:
                arn = f"{bucket}/{STACK}/package"
            elif known_actions[action.lower()]:
                arn = arn_of(held, name_of(held, key, properties))
            else:
                arn = "*"
            if not allows(policies, action, arn, context):
                missing.append((action, arn))
    assert not missing
    assert needed


@pytest.mark.parametrize("kind", ONLY_FOR_PROPERTY)
def test_spared_permissions_belong_to_properties_that_exist(kind: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    assert ONLY_FOR_PROPERTY[kind].keys() <= schema["properties"].keys()
    assert {one for spared in ONLY_FOR_PROPERTY[kind].values() for one in spared} <= published(kind)


def test_tags_may_be_set_since_every_deployment_has_them(resources: Document) -> None:
    allowed = {
        action
        for one in statements(policies_of(resources["CloudFormationRole"]))
        for action in as_list(one["Action"])
    }
    for kind in KINDS:
        tagging = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("tagging", {})
        assert {one for one in tagging.get("permissions", []) if one != "s3:DeleteBucketTagging"} <= allowed, kind
