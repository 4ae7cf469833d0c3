"""The order in which CloudFormation makes the stack's resources: each as soon as all that it needs is there."""

from __future__ import annotations

import json

import pytest

from emulator.cloudformation.intrinsic_functions import references
from emulator.cloudformation.template import prepare

from .conftest import Document

MACHINE, ROLE = "StateMachine", "StateMachineRole"


@pytest.fixture(scope="module")
def needs(template: Document) -> dict[str, set[str]]:
    """Return logical id → all that must be there before, of the template as its transform leaves it."""
    packaged = json.loads(json.dumps(template))
    packaged["Globals"]["Function"]["CodeUri"] = "s3://packages/functions"
    packaged["Resources"][MACHINE]["Properties"]["DefinitionUri"] = "s3://packages/definition"
    resources: Document = prepare(json.dumps(packaged), {}).document["Resources"]
    direct = {}
    for name, resource in resources.items():
        depends = resource.get("DependsOn", [])
        named = references(resource) | set([depends] if isinstance(depends, str) else depends)
        direct[name] = named & resources.keys()

    def all_of(name: str) -> set[str]:
        return direct[name].union(*(all_of(one) for one in direct[name]))

    return {name: all_of(name) for name in resources}


@pytest.fixture(scope="module")
def functions(needs: dict[str, set[str]]) -> set[str]:
    found = {name for name in needs if name.endswith("Function")}
    assert {f"{name}Role" for name in found} <= needs.keys()
    return found


def test_the_machines_role_waits_for_nothing(needs: dict[str, set[str]]) -> None:
    assert needs[ROLE] == set()


def test_the_machine_waits_for_functions_that_wait_for_roles_of_their_own(
    needs: dict[str, set[str]], functions: set[str]
) -> None:
    """So at least a role and a function are made one after another while the machine's role grows old."""
    called = needs[MACHINE] & functions
    assert called
    for name in called:
        assert f"{name}Role" in needs[name]
        assert ROLE not in needs[name] | needs[f"{name}Role"]


def test_no_run_can_start_before_everything_is_allowed(needs: dict[str, set[str]], template: Document) -> None:
    policies = {name for name, one in template["Resources"].items() if one["Type"] == "AWS::IAM::Policy"}
    # That one names the machine; a run needs it only once its first state has ended.
    assert policies - needs[MACHINE] == {"StartChildrenPolicy"}
