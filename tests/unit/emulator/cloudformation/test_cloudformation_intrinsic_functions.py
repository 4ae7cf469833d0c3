"""The functions and conditions of templates, and the order of resources."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.cloudformation.errors import ResourceError, TemplateError
from emulator.cloudformation.intrinsic_functions import Evaluator, creation_order, missing_resource, references

DOCUMENT = {
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
        "Switched": {"Fn::Equals": [True, "true"]},
    },
    "Mappings": {"Sizes": {"dev": {"Memory": 128}}},
    "Resources": {},
}
VALUES = {"Stage": "dev", "Names": ["a", "b"], "AWS::Region": "us-east-1", "Number": 5}
IDS = {"Bucket": "bucket-id"}
ATTRIBUTES = {("Bucket", "Arn"): "arn:bucket", ("Nested", "Outputs.Key"): "inner"}


def _reference(name: str) -> str:
    if name not in IDS:
        raise missing_resource(name)
    return IDS[name]


@pytest.fixture
def evaluator() -> Evaluator:
    return Evaluator(
        DOCUMENT,
        VALUES,
        reference=_reference,
        attribute=lambda name, attribute: ATTRIBUTES[name, attribute],
        imported={"shared": "exported"}.__getitem__,
    )


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Bucket"}, "bucket-id"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:bucket"),
        ({"Fn::GetAtt": "Nested.Outputs.Key"}, "inner"),
        (
            {"Fn::Sub": "${Stage}/${Bucket}/${Bucket.Arn}/${AWS::Region}/${!Literal}/${Number}"},
            "dev/bucket-id/arn:bucket/us-east-1/${Literal}/5",
        ),
        ({"Fn::Sub": ["${Own}-${Stage}", {"Own": {"Ref": "Bucket"}}]}, "bucket-id-dev"),
        ({"Fn::Join": ["-", [{"Ref": "Stage"}, 5, True]]}, "dev-5-true"),
        ({"Fn::Join": [",", {"Ref": "Names"}]}, "a,b"),
        ({"Fn::Split": ["/", "a/b"]}, ["a", "b"]),
        ({"Fn::Select": ["1", {"Ref": "Names"}]}, "b"),
        ({"Fn::If": ["IsDev", "yes", {"Ref": "Nowhere"}]}, "yes"),
        ({"a": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}, 128),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Fn::ImportValue": "shared"}, "exported"),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a": "dev"}'),
        (
            {"Statement": [{"Condition": {"Bool": {"k": "v"}}}]},
            {"Statement": [{"Condition": {"Bool": {"k": "v"}}}]},
        ),
    ],
    ids=str,
)
def test_functions_give_their_value(evaluator: Evaluator, node: Any, value: Any) -> None:
    assert evaluator.value(node) == value


@pytest.mark.parametrize(
    ("name", "holds"), [("IsProd", False), ("IsDev", True), ("Both", False), ("Either", True), ("Switched", True)]
)
def test_conditions_hold_or_not(evaluator: Evaluator, name: str, holds: bool) -> None:
    assert evaluator.condition(name) is holds


@pytest.mark.parametrize(
    ("node", "error", "words"),
    [
        pytest.param({"Fn::Cidr": []}, TemplateError, "does not evaluate Fn::Cidr", id="unknown function"),
        pytest.param(
            {"Fn::If": ["Nope", 1, 2]}, TemplateError, "condition dependency Nope", id="unknown condition"
        ),
        pytest.param(
            {"Fn::FindInMap": ["Sizes", "prod", "Memory"]}, TemplateError, "Sizes::prod::Memory", id="no entry"
        ),
        pytest.param({"Ref": "Gone"}, ResourceError, "Gone is not in the stack", id="a resource left out"),
    ],
)
def test_what_has_no_value_is_an_error(
    evaluator: Evaluator, node: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluator.value(node)


def test_references_are_found_wherever_they_are() -> None:
    node = {
        "A": {"Ref": "One"},
        "B": [{"Fn::GetAtt": ["Two", "Arn"]}, {"Fn::GetAtt": "Three.Arn"}],
        "C": {"Fn::Sub": "${Four.Arn} ${AWS::Region} ${!No}"},
        "D": {"Fn::Sub": ["${Five} ${Own}", {"Own": {"Ref": "Six"}}]},
    }
    assert references(node) == {"One", "Two", "Three", "Four", "Five", "Six", "AWS::Region"}


def test_resources_come_after_what_they_need() -> None:
    resources = {
        "Last": {"Properties": {"A": {"Ref": "Middle"}}, "DependsOn": "First"},
        "Middle": {"Properties": {"A": {"Fn::Sub": "${First.Arn}"}}},
        "First": {"Properties": {"A": {"Ref": "Parameter"}}},
    }
    assert creation_order({"Resources": resources}, {"Parameter"}) == ["First", "Middle", "Last"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param({"Resources": {"A": {"P": {"Ref": "X"}}}}, r"\[X\] in the Resources block", id="resources"),
        pytest.param(
            {"Resources": {}, "Outputs": {"O": {"Ref": "X"}}}, r"\[X\] in the Outputs block", id="outputs"
        ),
        pytest.param({"Resources": {"A": {"DependsOn": ["X"]}}}, r"\[X\]", id="DependsOn"),
        pytest.param(
            {"Resources": {"A": {"P": {"Ref": "B"}}, "B": {"P": {"Ref": "A"}}}}, r"Circular.*\[A, B\]", id="circle"
        ),
    ],
)
def test_references_that_cannot_be_met_are_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        creation_order(document, set())
