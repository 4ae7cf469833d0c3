"""How templates are read: text, parameters, transform."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.cloudformation.errors import TemplateError, TransformError
from emulator.cloudformation.template import parse, prepare, resolve_parameters

RESOURCES = "Resources: {Logs: {Type: AWS::Logs::LogGroup}}\n"


def test_short_forms_become_long_ones() -> None:
    document = parse(
        RESOURCES
        + "Outputs:\n  A: {Value: !GetAtt Logs.Arn.Part}\n  B: {Value: !Join ['-', [!Ref Logs, !Sub '${Logs}']]}\n"
        + "Conditions: {C: !Not [!Condition D]}\n"
    )
    assert document["Outputs"]["A"]["Value"] == {"Fn::GetAtt": ["Logs", "Arn.Part"]}
    assert document["Outputs"]["B"]["Value"] == {"Fn::Join": ["-", [{"Ref": "Logs"}, {"Fn::Sub": "${Logs}"}]]}
    assert document["Conditions"]["C"] == {"Fn::Not": [{"Condition": "D"}]}


def test_a_date_stays_text() -> None:
    assert parse(f"AWSTemplateFormatVersion: 2010-09-09\n{RESOURCES}")["AWSTemplateFormatVersion"] == "2010-09-09"


def test_json_is_read_too() -> None:
    assert parse('{"Resources": {"L": {"Type": "T"}}}') == {"Resources": {"L": {"Type": "T"}}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Resources: [", "Template format error", id="broken YAML"),
        pytest.param('{"Resources": ', "Template format error", id="broken JSON"),
        pytest.param("just text", "unsupported structure", id="a string"),
        pytest.param("Description: x", "At least one Resources member", id="no resources"),
        pytest.param("Resources: {A: {Properties: {}}}", "Resources/A.*must have a Type", id="no type"),
    ],
)
def test_what_is_no_template_is_refused(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        parse(text)


@pytest.mark.parametrize(
    ("rule", "given", "value"),
    [
        pytest.param({"Type": "String", "Default": "a"}, None, "a", id="default"),
        pytest.param({"Type": "String", "Default": "a"}, "b", "b", id="given"),
        pytest.param({"Type": "String", "Default": True}, None, "true", id="boolean default"),
        pytest.param({"Type": "Number", "Default": 5}, "7", 7, id="integer"),
        pytest.param({"Type": "Number"}, "0.5", 0.5, id="fraction"),
        pytest.param({"Type": "CommaDelimitedList"}, "a, b", ["a", "b"], id="list"),
        pytest.param({"Type": "List<Number>"}, "1,2", [1, 2], id="numbers"),
        pytest.param({"Type": "String", "AllowedPattern": "^$|^x+$"}, "", "", id="empty allowed by its pattern"),
    ],
)
def test_parameters_get_the_value_of_their_type(rule: dict[str, Any], given: str | None, value: object) -> None:
    assert resolve_parameters({"P": rule}, {} if given is None else {"P": given}) == {"P": value}


@pytest.mark.parametrize(
    ("rule", "given", "words"),
    [
        pytest.param({"Type": "String"}, {}, r"Parameters: \[P\] must have values", id="missing"),
        pytest.param({"Type": "String", "Default": ""}, {"Q": "1"}, r"\[Q\] do not exist", id="unknown"),
        pytest.param(
            {"AllowedValues": ["a", "b"]}, {"P": "c"}, r"one of AllowedValues \[a, b\]", id="not in the list"
        ),
        pytest.param(
            {"AllowedPattern": "[a-z]+"}, {"P": "ab1"}, "must match pattern", id="pattern of the whole value"
        ),
        pytest.param(
            {"AllowedPattern": "x", "ConstraintDescription": "be x"},
            {"P": "y"},
            "constraint: be x",
            id="own words",
        ),
        pytest.param(
            {"AllowedValues": ["x"], "ConstraintDescription": "be x"},
            {"P": "y"},
            "constraint: be x",
            id="own words, list",
        ),
        pytest.param({"MinLength": 2}, {"P": "a"}, "at least 2 characters", id="short"),
        pytest.param({"MaxLength": "2"}, {"P": "abc"}, "at most 2 characters", id="long"),
        pytest.param({"Type": "Number", "MinValue": 1}, {"P": "0"}, "not less than 1", id="small"),
        pytest.param({"Type": "Number", "MaxValue": 10}, {"P": "11"}, "not greater than 10", id="large"),
        pytest.param({"Type": "Number"}, {"P": "many"}, "must be a number", id="no number"),
        pytest.param({"Type": "AWS::SSM::Parameter::Value<String>"}, {"P": "/a"}, "does not resolve", id="SSM"),
    ],
)
def test_parameters_that_break_a_rule_are_refused(rule: dict[str, Any], given: dict[str, str], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        resolve_parameters({"P": rule}, given)


def test_the_serverless_transform_makes_plain_resources() -> None:
    template = prepare(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Parameters: {Processor: {Type: String, Default: arm64}}\n"
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {CodeUri: s3://bucket/key, Handler: a.b, Runtime: python3.13, Architectures: [!Ref Processor]}\n",
        {},
    )
    kinds = {name: resource["Type"] for name, resource in template.document["Resources"].items()}
    assert kinds == {"F": "AWS::Lambda::Function", "FRole": "AWS::IAM::Role"}
    assert template.document["Resources"]["F"]["Properties"]["Code"] == {"S3Bucket": "bucket", "S3Key": "key"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Transform: Other\n" + RESOURCES, "No transform named Other", id="another transform"),
        pytest.param(
            "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: {A: b}}}",
            r"Number of errors found: 1.*\[F\]",
            id="a resource it cannot read",
        ),
    ],
)
def test_a_transform_that_fails_says_why(text: str, words: str) -> None:
    with pytest.raises(TransformError, match=words):
        prepare(text, {})


def test_hidden_parameters_are_known() -> None:
    text = "Parameters: {Secret: {Type: String, NoEcho: true}, Open: {Type: String}}\n" + RESOURCES
    assert prepare(text, {"Secret": "s", "Open": "o"}).hidden == {"Secret"}
