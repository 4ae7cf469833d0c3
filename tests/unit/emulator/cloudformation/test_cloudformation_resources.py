"""What resource types are made of: names, properties, definitions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from emulator.cloudformation.errors import ResourceError
from emulator.cloudformation.resources.base import Context, api_parameters
from emulator.cloudformation.resources.state_machine import substitute
from emulator.cloudformation.resources.storage import _lifecycle_rule
from emulator.endpoint import Clients
from emulator.keys import make_keys, remember_keys

URL = "http://127.0.0.1:1"
remember_keys(URL, make_keys())
CLIENTS = Clients(URL)


def context(stack: str = "automlops", tags: dict[str, str] | None = None) -> Context:
    return Context(CLIENTS, "123456789012", "us-east-1", stack, "DataBucket", tags or {})


def test_generated_names_are_stack_logical_id_and_a_suffix() -> None:
    assert re.fullmatch(r"automlops-DataBucket-[A-Za-z0-9]{12}", context().generated_name(64))
    assert re.fullmatch(r"automlops-databucket-[a-z0-9]{12}", context().generated_name(63, lower=True))
    assert re.fullmatch(r"DataBucket-[A-Za-z0-9]{12}", context().generated_name(80, with_stack=False))


def test_generated_names_differ_and_keep_the_limit() -> None:
    names = {context("a-stack-with-quite-a-long-name" * 4).generated_name(63, lower=True) for _ in range(50)}
    assert len(names) == 50
    assert {len(name) for name in names} <= {62, 63}


def test_a_resources_own_tag_wins_over_the_stacks() -> None:
    tagged = context(tags={"team": "a", "run": "r"}).tag_list({"Tags": [{"Key": "team", "Value": "b"}]})
    assert tagged == [{"Key": "team", "Value": "b"}, {"Key": "run", "Value": "r"}]


def test_properties_become_what_the_api_takes() -> None:
    properties: dict[str, Any] = {
        "FunctionName": "f",
        "Timeout": "30",
        "Environment": {"Variables": {"N": 5, "FLAG": True}},
        "Publish": "true",
    }
    assert api_parameters(CLIENTS.get("lambda"), "CreateFunction", properties) == {
        "FunctionName": "f",
        "Timeout": 30,
        "Environment": {"Variables": {"N": "5", "FLAG": "true"}},
        "Publish": True,
    }


def test_names_match_whatever_the_case_of_their_first_letter() -> None:
    ecr = CLIENTS.get("ecr")
    properties = {"RepositoryName": "r", "ImageScanningConfiguration": {"ScanOnPush": "false"}}
    assert api_parameters(ecr, "CreateRepository", properties) == {
        "repositoryName": "r",
        "imageScanningConfiguration": {"scanOnPush": False},
    }


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        pytest.param({"TimeOut": 3}, r"extraneous key \[TimeOut\]", id="unknown"),
        pytest.param({"Timeout": "soon"}, "'soon' of CreateFunction.Timeout", id="no number"),
        pytest.param({"Publish": "perhaps"}, "'perhaps'", id="no boolean"),
        pytest.param({"Environment": "A=b"}, "CreateFunction.Environment", id="no object"),
    ],
)
def test_properties_the_api_does_not_take_are_refused(properties: dict[str, Any], words: str) -> None:
    with pytest.raises(ResourceError, match=words):
        api_parameters(CLIENTS.get("lambda"), "CreateFunction", properties)


def test_only_known_placeholders_are_substituted() -> None:
    text = '{"a": "${Name}", "b": "${Flag}", "c": "${Other}", "d": "$.x"}'
    assert substitute(text, {"Name": "n", "Flag": True}) == '{"a": "n", "b": "true", "c": "${Other}", "d": "$.x"}'


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            {"Id": "a", "Prefix": "tmp/", "Status": "Enabled", "ExpirationInDays": "7"},
            {"ID": "a", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": "7"}, "Status": "Enabled"},
        ),
        (
            {"Status": "Enabled", "NoncurrentVersionExpirationInDays": 3},
            {"Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 3}, "Status": "Enabled"},
        ),
        (
            {"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 9}]},
            {
                "Filter": {"Prefix": ""},
                "Transitions": [{"StorageClass": "GLACIER", "Days": 9}],
                "Status": "Enabled",
            },
        ),
    ],
    ids=["expiration", "old versions", "transitions"],
)
def test_lifecycle_rules_get_the_apis_words(rule: dict[str, Any], told: dict[str, Any]) -> None:
    assert _lifecycle_rule(rule) == told
