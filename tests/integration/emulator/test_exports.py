"""Exports of stacks: one of each name, and none goes while another stack imports it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.endpoint import Clients
from emulator.server import Emulator


@pytest.fixture(scope="module")
def cloudformation() -> Iterator[Any]:
    with Emulator() as running:
        yield Clients(running.url).get("cloudformation")


@pytest.fixture
def names() -> tuple[str, str, str]:
    """Return the name of an export, of the stack that has it, and of another."""
    unique = uuid.uuid4().hex[:12]
    return f"export-{unique}", f"exporter-{unique}", f"importer-{unique}"


def exporting(name: str, value: str = "1") -> str:
    outputs = {"Kept": {"Value": value, "Export": {"Name": name}}}
    return json.dumps({"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}, "Outputs": outputs})


def importing(name: str) -> str:
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Fn::Sub": [f"{name}-${{V}}", VALUE]}}}
    return json.dumps({"Resources": {"Group": group}}).replace("NAME", name)


VALUE = {"V": {"Fn::ImportValue": "NAME"}}
PLAIN = json.dumps({"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}})


def stack_of(cloudformation: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return found


def reasons(cloudformation: Any, name: str) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [event.get("ResourceStatusReason", "") for event in events]


def test_an_export_that_is_imported_keeps_its_stack(cloudformation: Any, names: tuple[str, str, str]) -> None:
    export, exporter, importer = names
    cloudformation.create_stack(StackName=exporter, TemplateBody=exporting(export))
    cloudformation.create_stack(StackName=importer, TemplateBody=importing(export))

    cloudformation.delete_stack(StackName=exporter)
    kept = stack_of(cloudformation, exporter)
    assert (kept["StackStatus"], kept["StackStatusReason"]) == (
        "CREATE_COMPLETE",
        f"Export {export} cannot be deleted as it is in use by {importer}",
    )

    cloudformation.delete_stack(StackName=importer)
    cloudformation.delete_stack(StackName=exporter)
    with pytest.raises(ClientError, match="does not exist"):
        stack_of(cloudformation, exporter)


@pytest.mark.parametrize(("value", "change"), [(None, "deleted"), ("2", "updated")])
def test_an_update_of_an_export_that_is_imported_is_taken_back(
    cloudformation: Any, names: tuple[str, str, str], value: str | None, change: str
) -> None:
    export, exporter, importer = names
    cloudformation.create_stack(StackName=exporter, TemplateBody=exporting(export))
    cloudformation.create_stack(StackName=importer, TemplateBody=importing(export))
    cloudformation.update_stack(
        StackName=exporter, TemplateBody=PLAIN if value is None else exporting(export, value)
    )
    assert stack_of(cloudformation, exporter)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Export {export} cannot be {change} as it is in use by {importer}" in reasons(cloudformation, exporter)
    assert stack_of(cloudformation, exporter)["Outputs"][0]["OutputValue"] == "1"

    # Once the importer uses it no more, it may go.
    cloudformation.update_stack(StackName=importer, TemplateBody=PLAIN)
    cloudformation.update_stack(
        StackName=exporter, TemplateBody=PLAIN if value is None else exporting(export, value)
    )
    assert stack_of(cloudformation, exporter)["StackStatus"] == "UPDATE_COMPLETE"


def test_a_second_export_of_a_name_fails_its_stack(cloudformation: Any, names: tuple[str, str, str]) -> None:
    export, first, second = names
    cloudformation.create_stack(StackName=first, TemplateBody=exporting(export))
    cloudformation.create_stack(StackName=second, TemplateBody=exporting(export))
    assert stack_of(cloudformation, second)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"Export with name {export} is already exported by stack {first}" in reasons(cloudformation, second)
    assert stack_of(cloudformation, first)["StackStatus"] == "CREATE_COMPLETE"


def test_an_export_that_is_not_there_fails_the_stack_by_its_name(
    cloudformation: Any, names: tuple[str, str, str]
) -> None:
    export, _, importer = names
    cloudformation.create_stack(StackName=importer, TemplateBody=importing(export))
    assert stack_of(cloudformation, importer)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(f"No export named {export} found." in reason for reason in reasons(cloudformation, importer))
