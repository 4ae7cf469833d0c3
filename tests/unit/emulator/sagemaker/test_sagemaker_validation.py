"""Requests checked against AWS's service model, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.sagemaker.errors import SerializationError, ValidationError
from emulator.sagemaker.patterns import compile_pattern
from emulator.sagemaker.validation import read_request
from emulator.service_models import service_model

GOOD: dict[str, Any] = {
    "TrainingJobName": "train-1",
    "RoleArn": "arn:aws:iam::123456789012:role/Role",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/path"},
}


def read(**changes: Any) -> dict[str, Any]:
    return read_request("CreateTrainingJob", json.dumps({**GOOD, **changes}))


def test_good_request_comes_back_without_unknown_members_and_nulls() -> None:
    found = read(
        Unknown=1,
        HyperParameters={"a": "1"},
        VpcConfig=None,
        InputDataConfig=[{"ChannelName": "c", "Unknown": 1, "DataSource": {}}],
    )
    assert found == {
        **GOOD,
        "HyperParameters": {"a": "1"},
        "InputDataConfig": [{"ChannelName": "c", "DataSource": {}}],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"OutputDataConfig": {}},
            "1 validation error detected: Value null at 'outputDataConfig.s3OutputPath' failed to satisfy "
            "constraint: Member must not be null",
            id="inner member missing",
        ),
        pytest.param(
            {"HyperParameters": {"a": "x" * 2501}},
            f"1 validation error detected: Value '{{a={'x' * 2501}}}' at 'hyperParameters' failed to satisfy "
            "constraint: Map value must satisfy constraint: [Member must have length less than or equal to 2500, "
            "Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*]",
            id="map value",
        ),
        pytest.param(
            {"Environment": {"1a": "x"}},
            "1 validation error detected: Value '{1a=x}' at 'environment' failed to satisfy constraint: Map keys must "
            "satisfy constraint: [Member must have length less than or equal to 512, Member must have length greater "
            "than or equal to 0, Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]",
            id="map key",
        ),
        pytest.param(
            {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "", "Value": "b"}]},
            "1 validation error detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must "
            "have length greater than or equal to 1",
            id="second list member",
        ),
        pytest.param(
            {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
            "1 validation error detected: Value '0' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1",
            id="number",
        ),
        pytest.param(
            {"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]},
            "Member must have length less than or equal to 50",
            id="list",
        ),
    ],
)
def test_broken_constraint_is_told_in_awss_words(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(**changes)
    assert message in caught.value.message


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        read(TrainingJobName="-", RoleArn=None, RetryStrategy={"MaximumRetryAttempts": 0})
    assert caught.value.message.startswith("3 validation errors detected: ")
    assert caught.value.message.count("; ") == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"TrainingJobName": 1}, "NUMBER_VALUE can not be converted to a String", id="number"),
        pytest.param({"TrainingJobName": True}, "TRUE_VALUE can not be converted to a String", id="boolean"),
        pytest.param({"TrainingJobName": {}}, "Start of structure or map can not be", id="object"),
        pytest.param({"Tags": {}}, "Start of structure or map can not be converted to a List", id="no list"),
        pytest.param({"Tags": ["a"]}, "STRING_VALUE can not be converted to a Structure", id="list of strings"),
        pytest.param(
            {"StoppingCondition": {"MaxRuntimeInSeconds": "60"}},
            "STRING_VALUE can not be converted to an Integer",
            id="number in quotes",
        ),
        pytest.param(
            {"StoppingCondition": {"MaxRuntimeInSeconds": True}},
            "TRUE_VALUE can not be converted to an Integer",
            id="boolean for a number",
        ),
        pytest.param(
            {"EnableNetworkIsolation": "true"}, "STRING_VALUE can not be converted to a Boolean", id="boolean"
        ),
    ],
)
def test_wrong_json_type_is_a_serialization_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SerializationError, match=message):
        read(**changes)


@pytest.mark.parametrize("body", ["{", "[]", '"a"', "nonsense"])
def test_body_that_is_no_json_object_is_a_serialization_error(body: str) -> None:
    with pytest.raises(SerializationError):
        read_request("CreateTrainingJob", body)


@pytest.mark.parametrize(
    ("value", "matches"),
    [
        ("United Kingdom", True),
        ("英國 店", True),
        ("Ünïcödé_.:/=+-@", True),
        ("٣", True),
        ("", True),
        ("a;b", False),
        ("a\nb", False),
        ("€", False),
    ],
)
def test_unicode_classes_of_java_are_understood(value: str, matches: bool) -> None:
    pattern = compile_pattern(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)")
    assert bool(pattern.fullmatch(value)) is matches


def test_every_pattern_of_the_three_requests_can_be_compiled() -> None:
    seen: set[str] = set()

    def walk(shape: Any) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        if "pattern" in shape.metadata:
            compile_pattern(shape.metadata["pattern"])
        for child in getattr(shape, "members", {}).values():
            walk(child)
        for name in ("member", "key", "value"):
            if hasattr(shape, name):
                walk(getattr(shape, name))

    for operation in ("CreateTrainingJob", "CreateTransformJob", "CreateModel", "ListModels", "ListTrainingJobs"):
        walk(service_model("sagemaker").operation_model(operation).input_shape)
    assert len(seen) > 100
