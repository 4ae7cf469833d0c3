"""The files that are deployed, as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Document = dict[str, Any]


class Loader(yaml.SafeLoader):
    """CloudFormation's short tags as plain data: `!Ref X` becomes {"Ref": "X"}."""


def _short_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Document:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _short_tag)


@pytest.fixture(scope="session")
def template(root: Path) -> Document:
    """Return template.yaml."""
    document: Document = yaml.load((root / "template.yaml").read_text(), Loader=Loader)  # noqa: S506 - a SafeLoader
    return document


@pytest.fixture(scope="session")
def definition(root: Path) -> Document:
    """Return statemachine/automlops.asl.json."""
    document: Document = json.loads((root / "statemachine" / "automlops.asl.json").read_text())
    return document


@pytest.fixture(scope="session")
def child(definition: Document) -> Document:
    """Return the part of the definition that runs once per item."""
    processor: Document = definition["States"]["ProcessItems"]["ItemProcessor"]
    return processor


@pytest.fixture(scope="session")
def tasks(definition: Document, child: Document) -> Document:
    """Return every Task state of the definition, parent and child, by name."""
    states = definition["States"] | child["States"]
    return {name: state for name, state in states.items() if state["Type"] == "Task"}


def strings_in(value: object) -> Iterator[str]:
    """Return every string below `value`, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_in(inner)
