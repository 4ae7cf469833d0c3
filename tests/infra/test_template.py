"""template.yaml held against the code, the documents and the rules of least privilege."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline import fields, layout, settings
from pipeline.contracts import ItemRequest, RunRequest, parse_event
from pipeline.errors import SettingsError
from pipeline.limits import Limits
from tests.unit.pipeline.conftest import ENVIRONMENT

from .conftest import Document, strings_in

HANDLERS: dict[str, tuple[str, type[settings.StackSettings]]] = {
    "PrepareRunFunction": ("prepare_run", settings.PrepareRunSettings),
    "TrainingJobFunction": ("aws_training_job", settings.TrainingSettings),
    "CreateModelFunction": ("aws_create_model", settings.ModelSettings),
    "BatchTransformFunction": ("aws_batch_transform", settings.TransformSettings),
    "FollowJobFunction": ("follow_job", settings.StackSettings),
    "SummarizeRunFunction": ("summarize_run", settings.SummarizeRunSettings),
}
# The SageMaker role's ARN, whoever has made it.
SAGEMAKER_ROLE = {
    "Fn::If": [
        "MakesSageMakerRole",
        {"Fn::GetAtt": ["SageMakerRole", "Arn"]},
        {"Ref": "ExistingSageMakerRoleArn"},
    ]
}
# What AWS offers no resource level for; everything else names its resources.
WITHOUT_RESOURCE_LEVEL = {
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "sagemaker:ListModels",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
}


def functions(template: Document) -> Document:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def statements(value: Any) -> list[Document]:
    """Return every Allow statement below `value`."""
    if isinstance(value, dict):
        own = [value] if value.get("Effect") == "Allow" and "Resource" in value else []
        return own + [found for inner in value.values() for found in statements(inner)]
    return [found for inner in value for found in statements(inner)] if isinstance(value, list) else []


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_template_has_the_functions_of_the_design(root: Path, template: Document) -> None:
    handlers = {name: properties["Handler"] for name, properties in functions(template).items()}
    assert handlers == {name: f"{module}.lambda_handler" for name, (module, _) in HANDLERS.items()}
    for module, _ in HANDLERS.values():
        assert "def lambda_handler(" in (root / "functions" / f"{module}.py").read_text()


@pytest.mark.parametrize("name", HANDLERS)
def test_a_functions_environment_is_exactly_what_its_settings_read(template: Document, name: str) -> None:
    shared = template["Globals"]["Function"]["Environment"]["Variables"].keys()
    own = functions(template)[name].get("Environment", {}).get("Variables", {}).keys()
    read = {field.upper() for field in HANDLERS[name][1].model_fields}
    outside = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL", "AWS_ENDPOINT_URL"}
    # Set by Lambda, which refuses a template that sets it.
    assert (shared | own) - outside == read - {"AWS_REGION"}


def test_every_function_writes_to_a_log_group_with_retention(template: Document) -> None:
    groups = [properties["LoggingConfig"]["LogGroup"]["Ref"] for properties in functions(template).values()]
    assert len(set(groups)) == len(groups)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Logs::LogGroup":
            assert "RetentionInDays" in resource["Properties"], name
    assert {template["Resources"][group]["Type"] for group in groups} == {"AWS::Logs::LogGroup"}


def test_nothing_is_allowed_on_everything_but_what_has_no_resource_level(template: Document) -> None:
    found = statements(template["Resources"])
    assert found
    for statement in found:
        actions = as_list(statement["Action"])
        assert not [action for action in actions if action.endswith("*")], statement
        if "*" in as_list(statement["Resource"]):
            assert set(actions) <= WITHOUT_RESOURCE_LEVEL, statement


def test_no_managed_policy_and_no_shared_role_is_used(template: Document) -> None:
    assert not [text for text in strings_in(template) if "FullAccess" in text or "ManagedPolicyArns" in text]
    assert not [name for name, properties in functions(template).items() if "Role" in properties]


def test_a_role_is_passed_to_sagemaker_only(template: Document) -> None:
    passing = [entry for entry in statements(template["Resources"]) if "iam:PassRole" in as_list(entry["Action"])]
    assert len(passing) == 3
    for statement in passing:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert statement["Resource"] == SAGEMAKER_ROLE


def test_the_machine_may_do_what_its_sync_tasks_need(template: Document) -> None:
    allowed = {
        action
        for name in ("StateMachineRole", "StateMachinePolicy", "StartChildrenPolicy")
        for statement in statements(template["Resources"][name])
        for action in as_list(statement["Action"])
    }
    assert {
        *(
            f"sagemaker:{verb}{kind}Job"
            for verb in ("Create", "Describe", "Stop")
            for kind in ("Training", "Transform")
        ),
        "sagemaker:AddTags",
        "iam:PassRole",
        "events:PutTargets",
        "events:PutRule",
        "events:DescribeRule",
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
        "lambda:InvokeFunction",
        "s3:GetObject",
        "s3:PutObject",
    } <= allowed


def test_prefixes_in_policies_are_the_layouts(template: Document) -> None:
    text = json.dumps(template["Resources"])
    written = set(re.findall(r"\$\{(?:Data|Output)Bucket\.Arn\}/([a-z_]+)/\*", text))
    assert written == {layout.PREDICTED_PREFIX, layout.PREDICTIONS_PREFIX, layout.RUNS_PREFIX}


def test_every_parameter_is_described_used_and_checked(root: Path, template: Document) -> None:
    text = (root / "template.yaml").read_text()
    grouped = [
        name
        for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for name in group["Parameters"]
    ]
    assert sorted(grouped) == sorted(template["Parameters"])
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"], name
        assert "Default" in parameter, name
        assert {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys(), name
        assert re.search(rf"!Ref {name}\b", text), name
        if "AllowedPattern" in parameter:
            is_list = parameter["Type"] == "CommaDelimitedList"
            for value in parameter["Default"].split(",") if is_list else [parameter["Default"]]:
                assert re.search(parameter["AllowedPattern"], value), name


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        ("", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/image:3f2c1a9", True),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/image@sha256:" + "a" * 64, True),
        ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/team/image:1", True),
        ("123456789012.dkr-ecr.us-east-1.on.aws/image:1", True),
        ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov/image:1", True),
        ("registry.example:5000/team/image:1", True),
        ("localhost:5000/image@sha256:" + "a" * 64, True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/image", False),
        ("registry:5000/image", False),
        ("image:1", False),
        ("team/image:1", False),
        ("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1", False),
        ("s3://bucket/image:1", False),
        ("registry.example/image :1", False),
        ("registry.example//image:1", False),
        ("registry.example/image:1\n", False),
        ("registry.example/image@sha256:" + "a" * 63, False),
        ("<YOUR_ECR_IMAGE_URI>", False),
    ],
)
def test_only_images_of_a_registry_with_a_tag_or_digest_are_accepted(
    template: Document, uri: str, accepted: bool
) -> None:
    # CloudFormation matches the whole value.
    assert bool(re.fullmatch(template["Parameters"]["ImageUri"]["AllowedPattern"], uri)) is accepted


def test_both_buckets_are_kept_alike(template: Document) -> None:
    resources = template["Resources"]
    assert resources["DataBucket"] == resources["OutputBucket"] | {"Condition": "MakesDataBucket"}


def test_limits_of_parameters_and_requests_agree(template: Document) -> None:
    maximum = template["Parameters"]["MaxConcurrency"]["MaxValue"]
    assert maximum == fields.MAX_CONCURRENCY


def test_template_and_function_accept_the_same_error_ratios(template: Document) -> None:
    parameter = template["Parameters"]["MaximumErrorRatio"]
    least, most = parameter["MinValue"], parameter["MaxValue"]
    assert least > 0
    assert parameter["ConstraintDescription"] == f"must be a number from {least} to {most}"

    def read(ratio: float) -> float:
        variables = ENVIRONMENT | {"MAXIMUM_ERROR_RATIO": str(ratio)}
        return settings.load_settings(settings.ModelSettings, variables).maximum_error_ratio

    for ratio in (least, parameter["Default"], most):
        assert read(ratio) == ratio
    for ratio in (least * 0.99, most * 1.01):
        with pytest.raises(SettingsError):
            read(ratio)


def test_outputs_name_what_a_user_needs_next(template: Document) -> None:
    wanted = {"StateMachineArn", "DataBucketName", "OutputBucketName", "ImageRepositoryUri", "DatasetFileName"}
    wanted |= {f"{name}Name" for name in HANDLERS}
    assert wanted <= template["Outputs"].keys()
    assert all(output["Description"] for output in template["Outputs"].values())


def test_yaml_holds_nothing_that_cloudformation_does_not_read(root: Path) -> None:
    text = (root / "template.yaml").read_text()
    assert not re.search(r"^\s*[\w-]+: [&*]\w+\s*$", text, re.MULTILINE), "YAML anchors and aliases"


def test_nothing_is_left_to_edit_by_hand(root: Path) -> None:
    for path in [root / "template.yaml", *(root / "statemachine").iterdir(), *(root / "events").iterdir()]:
        assert not re.search(r"<?YOUR[_-]", path.read_text()), path


def test_the_packages_requirements_are_wheels_of_the_lock_file(root: Path) -> None:
    lines = (root / "functions" / "requirements.txt").read_text().splitlines()
    assert "--only-binary :all:" in lines
    pinned = {line.split(" ")[0] for line in lines if "==" in line}
    locked = set(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', (root / "uv.lock").read_text()))
    assert pinned
    assert pinned <= {f"{name}=={version}" for name, version in locked}
    assert not [line for line in pinned if line.startswith(("boto3", "botocore"))]


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        ("ml.t3.medium", True),
        ("ml.m5.large", True),
        ("ml.m7i.4xlarge", True),
        ("ml.c6i.8xlarge", True),
        ("ml.r5.12xlarge", True),
        ("ml.g4dn.xlarge", True),
        ("ml.g5.2xlarge", True),
        ("ml.g5.48xlarge", False),
        ("ml.p4d.24xlarge", False),
        ("ml.p5.48xlarge", False),
        ("ml.trn1.32xlarge", False),
        ("ml.inf2.48xlarge", False),
    ],
)
def test_an_item_gets_what_an_ordinary_team_needs_by_default(
    template: Document, kind: str, accepted: bool
) -> None:
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    allowed = Limits.from_parameters(defaults, data_bucket="data", output_bucket="output")
    assert allowed is not None
    request = {"item": "a", "training": {"instanceType": kind}, "transform": {"instanceType": kind}}
    assert (allowed.entry_problems(parse_event(ItemRequest, request)) == []) is accepted


def test_every_sample_event_is_within_the_default_limits(root: Path, template: Document) -> None:
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    allowed = Limits.from_parameters(defaults, data_bucket="data", output_bucket="output")
    assert allowed is not None
    for path in sorted((root / "events").glob("run*.json")):
        request = parse_event(RunRequest, json.loads(path.read_text()))
        problems = [allowed.source_problems(request), allowed.concurrency_problems(request.max_concurrency or 1)]
        problems += [allowed.entry_problems(entry) for entry in request.item_list or []]
        assert not any(problems), path.name
