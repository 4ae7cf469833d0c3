"""Evaluates the intrinsic functions and conditions of a template, and tells which resource needs which."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from emulator.cloudformation.errors import ResourceError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
# What AWS::NoValue leaves: the property is taken out.
_NOTHING = object()
_CONDITION_FUNCTIONS = {"Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition"}


def scalar_text(value: object) -> str:
    """Return `value` as CloudFormation writes it in text: `true` or `false` for a boolean, else as it stands."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Evaluator:
    """Evaluates values of one template.

    Args:
        document: the template, its transform applied.
        values: parameters and pseudo parameters (`AWS::Region`, …).
        reference: the value of `Ref` to a resource; raises ResourceError if it is not there.
        attribute: the value of `Fn::GetAtt`.
        imported: the value of an export.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        reference: Callable[[str], Any],
        attribute: Callable[[str, str], Any],
        imported: Callable[[str], Any],
    ) -> None:
        self._document = document
        self._values = values
        self._reference = reference
        self._attribute = attribute
        self._imported = imported

    def value(self, node: Any) -> Any:
        """`node` with every function evaluated."""
        found = self._value(node)
        return None if found is _NOTHING else found

    def condition(self, name: str) -> bool:
        """Whether the named condition holds.

        Raises:
            TemplateError: there is no such condition.
        """
        conditions = self._document.get("Conditions") or {}
        if name not in conditions:
            raise TemplateError(f"Template format error: Unresolved condition dependency {name}")
        return self._truth(conditions[name])

    def _truth(self, node: Any) -> bool:
        if isinstance(node, dict) and len(node) == 1:
            [(function, argument)] = node.items()
            match function:
                case "Condition":
                    return self.condition(argument)
                case "Fn::Equals":
                    left, right = (self._value(one) for one in argument)
                    return scalar_text(left) == scalar_text(right)
                case "Fn::And":
                    return all(self._truth(one) for one in argument)
                case "Fn::Or":
                    return any(self._truth(one) for one in argument)
                case "Fn::Not":
                    return not self._truth(argument[0])
        return scalar_text(self._value(node)) == "true"

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [found for one in node if (found := self._value(one)) is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        found = {key: self._value(value) for key, value in node.items()}
        return {key: value for key, value in found.items() if value is not _NOTHING}

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._attribute(resource, str(self._value(attribute)))
            case "Fn::Sub":
                return self._substitute(argument)
            case "Fn::Join":
                delimiter, parts = argument
                return delimiter.join(scalar_text(part) for part in self._value(parts))
            case "Fn::Split":
                delimiter, text = argument
                return scalar_text(self._value(text)).split(delimiter)
            case "Fn::Select":
                index, choices = argument
                return self._value(choices)[int(self._value(index))]
            case "Fn::If":
                condition, then, otherwise = argument
                return self._value(then if self.condition(condition) else otherwise)
            case "Fn::FindInMap":
                keys = [scalar_text(self._value(key)) for key in argument[:3]]
                found: Any = self._document.get("Mappings") or {}
                for key in keys:
                    if key not in found:
                        raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(keys)}")
                    found = found[key]
                return found
            case "Fn::Base64":
                return base64.b64encode(scalar_text(self._value(argument)).encode()).decode()
            case "Fn::ImportValue":
                return self._imported(scalar_text(self._value(argument)))
            case "Fn::ToJsonString":
                return json.dumps(self._value(argument))
            case _ if name in _CONDITION_FUNCTIONS:
                return self._truth({name: argument})
        raise TemplateError(f"Template error: the emulator does not evaluate {name}")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        return self._values[name] if name in self._values else self._reference(name)

    def _substitute(self, argument: Any) -> str:
        text, extra = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in extra:
                return scalar_text(self._value(extra[name]))
            if name in self._values or "." not in name:
                return scalar_text(self._ref(name))
            return scalar_text(self._attribute(*name.split(".", 1)))

        return _PLACEHOLDER.sub(replace, text)


def _is_pair(argument: Any) -> bool:
    return isinstance(argument, list) and len(argument) == 2


# What each function can be given; others take anything.
_ARGUMENTS: dict[str, Callable[[Any], bool]] = {
    "Ref": lambda argument: isinstance(argument, str),
    "Fn::And": lambda argument: isinstance(argument, list),
    "Fn::Equals": _is_pair,
    "Fn::FindInMap": lambda argument: isinstance(argument, list) and len(argument) >= 3,
    "Fn::GetAtt": lambda argument: (
        "." in argument if isinstance(argument, str) else _is_pair(argument) and isinstance(argument[0], str)
    ),
    "Fn::If": lambda argument: isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str),
    "Fn::Join": lambda argument: _is_pair(argument) and isinstance(argument[0], str),
    "Fn::Not": lambda argument: isinstance(argument, list) and len(argument) == 1,
    "Fn::Or": lambda argument: isinstance(argument, list),
    "Fn::Select": _is_pair,
    "Fn::Split": lambda argument: _is_pair(argument) and isinstance(argument[0], str),
    "Fn::Sub": lambda argument: (
        isinstance(argument, str)
        or (_is_pair(argument) and isinstance(argument[0], str) and isinstance(argument[1], dict))
    ),
}


def check_functions(node: Any) -> None:
    """Refuse functions in a template whose argument has not the form that they take.

    Raises:
        TemplateError: naming the first of them.
    """
    if isinstance(node, list):
        for one in node:
            check_functions(one)
    if not isinstance(node, dict):
        return
    if len(node) == 1:
        [(name, argument)] = node.items()
        if not _ARGUMENTS.get(name, lambda _: True)(argument):
            raise TemplateError(f"Template error: {name} cannot be given {json.dumps(argument)}")
    for one in node.values():
        check_functions(one)


def creation_order(document: Mapping[str, Any], known: set[str]) -> list[str]:
    """Logical ids so that each comes after all it needs; `known` are the names that are no resources.

    Raises:
        TemplateError: something refers to what is not in the template, or resources need each other in a circle.
    """
    resources: Mapping[str, Any] = document["Resources"]
    needs: dict[str, set[str]] = {}
    for logical_id, resource in resources.items():
        depends = resource.get("DependsOn") or []
        wanted = references(resource) | set([depends] if isinstance(depends, str) else depends)
        _require(wanted, known | set(resources), "Resources")
        needs[logical_id] = wanted & set(resources)
    _require(references(document.get("Conditions") or {}), known, "Conditions")
    _require(references(document.get("Outputs") or {}), known | set(resources), "Outputs")
    order: list[str] = []
    while needs:
        ready = [logical_id for logical_id, wanted in needs.items() if wanted <= set(order)]
        if not ready:
            raise TemplateError(f"Circular dependency between resources: [{', '.join(needs)}]")
        order += ready
        for logical_id in ready:
            del needs[logical_id]
    return order


def references(node: Any) -> set[str]:
    """Names that `node` refers to: parameters, pseudo parameters and resources."""
    if isinstance(node, list):
        return set().union(*(references(one) for one in node))
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for name, argument in node.items():
        if name == "Ref" and isinstance(argument, str):
            found.add(argument)
        elif name == "Fn::GetAtt":
            found.add(argument.split(".", 1)[0] if isinstance(argument, str) else argument[0])
        elif name == "Fn::Sub":
            text, extra = (argument, {}) if isinstance(argument, str) else argument
            names = {match[2].strip() for match in _PLACEHOLDER.finditer(text) if not match[1]}
            found |= {one.split(".", 1)[0] for one in names - set(extra)} | references(extra)
        else:
            found |= references(argument)
    return found


def _require(wanted: set[str], known: set[str], block: str) -> None:
    unknown = sorted(name for name in wanted - known if not name.startswith("AWS::"))
    if unknown:
        raise TemplateError(
            f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] "
            f"in the {block} block of the template"
        )


def missing_resource(logical_id: str) -> ResourceError:
    """Return the error of a reference to a resource that the stack does not have."""
    return ResourceError(f"{logical_id} is not in the stack: its condition is false")
