"""Reads templates: YAML or JSON text, parameters and their constraints, the Serverless transform.

Touches moto's private parts: aws_managed_policies_data.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from emulator.cloudformation.errors import TemplateError, TransformError
from emulator.cloudformation.intrinsic_functions import check_functions, scalar_text
from emulator.endpoint import isolated_session

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVERLESS = "AWS::Serverless-2016-10-31"


@dataclass(frozen=True)
class Template:
    """A template that is ready to be deployed.

    Attributes:
        document: the template after its transform.
        parameters: value of every parameter, defaults included; lists and numbers as their types say.
        hidden: names of the parameters that are NoEcho.
    """

    document: dict[str, Any]
    parameters: dict[str, Any]
    hidden: frozenset[str] = frozenset()


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms of functions, and dates are strings."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the one kind of node that is left
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str | None) -> dict[str, Any]:
    """Return the template as plain dictionaries, functions in their long form.

    Raises:
        TemplateError: there is none, it is neither YAML nor JSON, or no template.
    """
    if not text:
        raise TemplateError("Either Template URL or Template Body must be specified.")
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else parse_yaml(text)
    except (ValueError, yaml.YAMLError) as error:
        raise TemplateError(f"Template format error: {error}") from error
    if not isinstance(document, dict):
        raise TemplateError("Template format error: unsupported structure.")
    if not isinstance(document.get("Resources"), dict) or not document["Resources"]:
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    for section in ("Conditions", "Mappings", "Outputs", "Parameters"):
        if not all(isinstance(one, dict) for one in _entries(document, section)):
            raise TemplateError(f"Template format error: [/{section}] Every {section} member must be an object.")
    for name, resource in document["Resources"].items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise TemplateError(
                f"Template format error: [/Resources/{name}] Every Resources object must have a Type."
            )
    return document


def _entries(document: dict[str, Any], section: str) -> list[Any]:
    """Return a section of a template and its members."""
    found = document.get(section) or {}
    return [found, *found.values()] if isinstance(found, dict) else [found]


def parse_yaml(text: str) -> Any:
    """YAML as CloudFormation reads it."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def prepare(text: str, given: Mapping[str, str]) -> Template:
    """Read `text`, check `given` against its parameters and apply its transform.

    Raises:
        TemplateError: as `parse`, a function has a wrong argument, or a parameter is missing, unknown or not allowed.
        TransformError: the Serverless transform refuses the template, or another transform is asked for.
    """
    document = parse(text)
    check_functions(document)
    declared: dict[str, Any] = document.get("Parameters") or {}
    parameters = resolve_parameters(declared, given)
    transforms = document.get("Transform") or []
    for transform in [transforms] if isinstance(transforms, str) else transforms:
        if transform != SERVERLESS:
            raise TransformError(f"No transform named {transform} found.")
        document = _apply_serverless(document, given)
    hidden = frozenset(name for name, rule in declared.items() if str(rule.get("NoEcho", "")).lower() == "true")
    return Template(document, parameters, hidden)


def _apply_serverless(document: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    # Imported here: half a second, and only for templates that ask for it.
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # The translator warns about measurements of its own, which are off here.
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
    translator = Translator(None, Parser(), boto_session=isolated_session())
    try:
        translated = translator.translate(
            json.loads(json.dumps(document)), dict(given), get_managed_policy_map=aws_managed_policies
        )
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes)
        raise TransformError(
            f"Transform {SERVERLESS} failed with: Invalid Serverless Application Specification document. "
            f"Number of errors found: {len(error.causes)}. {causes}"
        ) from error
    plain: dict[str, Any] = json.loads(json.dumps(translated))
    return plain


@functools.cache
def aws_managed_policies() -> dict[str, str]:
    """Name of every policy that AWS manages → its ARN."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    known = json.loads(aws_managed_policies_data)
    return {name: f"arn:aws:iam::aws:policy{policy['Path']}{name}" for name, policy in known.items()}


def resolve_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every declared parameter.

    Raises:
        TemplateError: one is missing, unknown, or breaks a constraint; worded as CloudFormation words it.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, rule in declared.items() if name not in given and "Default" not in rule]
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return {name: _value(name, rule, given.get(name, rule.get("Default"))) for name, rule in declared.items()}


def _value(name: str, rule: Mapping[str, Any], raw: Any) -> Any:
    text = scalar_text(raw)
    kind = rule.get("Type", "String")
    if kind.startswith("AWS::SSM::"):
        raise TemplateError(f"Parameter {name}: the emulator does not resolve parameters of type {kind}")
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    values = [part.strip() for part in text.split(",")] if is_list else [text]
    for value in values:
        _check(name, rule, value)
    if kind in {"Number", "List<Number>"}:
        numbers = [_number(name, value) for value in values]
        return numbers if is_list else numbers[0]
    return values if is_list else text


def _check(name: str, rule: Mapping[str, Any], value: str) -> None:
    description = rule.get("ConstraintDescription")

    def refuse(reason: str) -> TemplateError:
        return TemplateError(f"Parameter {name} failed to satisfy constraint: {description or reason}")

    allowed = rule.get("AllowedValues")
    if allowed is not None and value not in [scalar_text(one) for one in allowed]:
        known = ", ".join(scalar_text(one) for one in allowed)
        raise TemplateError(
            f"Parameter '{name}' must be one of AllowedValues [{known}]" if not description else str(refuse(""))
        )
    pattern = rule.get("AllowedPattern")
    # CloudFormation matches the whole value.
    if pattern is not None and re.fullmatch(pattern, value) is None:
        raise TemplateError(
            f"Parameter {name} failed to satisfy constraint: {description}"
            if description
            else f"Parameter '{name}' must match pattern {pattern}"
        )
    if "MinLength" in rule and len(value) < int(rule["MinLength"]):
        raise refuse(f"must contain at least {rule['MinLength']} characters")
    if "MaxLength" in rule and len(value) > int(rule["MaxLength"]):
        raise refuse(f"must contain at most {rule['MaxLength']} characters")
    if rule.get("Type") in {"Number", "List<Number>"}:
        number = _number(name, value)
        if "MinValue" in rule and number < float(rule["MinValue"]):
            raise refuse(f"must be a number not less than {rule['MinValue']}")
        if "MaxValue" in rule and number > float(rule["MaxValue"]):
            raise refuse(f"must be a number not greater than {rule['MaxValue']}")


def _number(name: str, value: str) -> int | float:
    try:
        return int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
    except ValueError:
        raise TemplateError(f"Parameter '{name}' must be a number.") from None
