"""Writes the parts of the documents that are made from the code: the picture and the tables (`make docs`)."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeline import errors

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    "README.zh-TW.md",
    "docs/architecture.md",
    "docs/configuration.md",
    "docs/errors.md",
    "docs/operations.md",
]
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SHAPES = {"Choice": ("{{", "}}"), "Succeed": ("([", "])"), "Fail": ("([", "])")}


def pipeline() -> str:
    """The state machine as a Mermaid flowchart: every state, every way on; dashed where an error is caught."""
    definition = json.loads((ROOT / "statemachine" / "automlops.asl.json").read_text())
    lines = ["```mermaid", "flowchart TD"]
    for name, state in definition["States"].items():
        if state["Type"] == "Map":
            child = state["ItemProcessor"]
            lines.append(f'    subgraph {name}["{name}: one execution per item, side by side"]')
            lines += [f"    {line}" for line in _states(child["States"])]
            lines.append("    end")
        else:
            lines += _states({name: state})
    for states in (definition["States"], definition["States"]["ProcessItems"]["ItemProcessor"]["States"]):
        lines += [line for name, state in states.items() for line in _ways_on(name, state)]
    return "\n".join([*lines, "```"])


def _states(states: dict[str, Any]) -> list[str]:
    lines = []
    for name, state in states.items():
        left, right = SHAPES.get(state["Type"], ("[", "]"))
        lines.append(f'    {name}{left}"{name}"{right}')
    return lines


def _ways_on(name: str, state: dict[str, Any]) -> list[str]:
    straight = [state.get("Next"), state.get("Default"), *(choice["Next"] for choice in state.get("Choices", []))]
    caught = {catch["Next"] for catch in state.get("Catch", [])} - set(straight)
    lines = [f"    {name} --> {target}" for target in straight if target]
    return lines + [f"    {name} -.-> {target}" for target in sorted(caught)]


def parameters() -> str:
    """The template's parameters as a table."""
    template = yaml.load((ROOT / "template.yaml").read_text(), Loader=_TemplateLoader)  # noqa: S506 - a SafeLoader
    lines = ["| parameter | default | what it is |", "|---|---|---|"]
    for name, parameter in template["Parameters"].items():
        default = parameter["Default"]
        lines.append(
            f"| `{name}` | {f'`{default}`' if default != '' else '(empty)'} | {parameter['Description']} |"
        )
    return "\n".join(lines)


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short tags as nothing; only the parameters matter here."""


_TemplateLoader.add_multi_constructor("!", lambda loader, suffix, node: None)  # noqa: ARG005


def error_names() -> str:
    """The errors that the functions raise, with their kind, as a table."""
    lines = ["| error | kind | meaning |", "|---|---|---|"]
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.PipelineError) and not kind.__subclasses__():
            meaning = (inspect.getdoc(kind) or "").split("\n")[0]
            lines.append(f"| `{name}` | {kind.__mro__[1].__name__} | {meaning} |")
    return "\n".join(lines)


def retriers() -> str:
    """The definition's retriers as a table; states that retry alike share their rows."""
    definition = json.loads((ROOT / "statemachine" / "automlops.asl.json").read_text())
    children = definition["States"]["ProcessItems"]["ItemProcessor"]["States"]
    states: dict[str, list[str]] = {}
    for name, state in (definition["States"] | children).items():
        for retrier in state.get("Retry", []):
            states.setdefault(json.dumps(retrier), []).append(name)
    lines = ["| states | errors | attempts after the first | delay: first, growth, longest |", "|---|---|---|---|"]
    for text, names in states.items():
        retrier = json.loads(text)
        errors_told = ", ".join(f"`{error}`" for error in retrier["ErrorEquals"])
        delay = f"{retrier['IntervalSeconds']} s, {retrier['BackoffRate']} times the last, {retrier['MaxDelaySeconds']} s"
        lines.append(f"| {', '.join(names)} | {errors_told} | {retrier['MaxAttempts']} | {delay} |")
    return "\n".join(lines)


GENERATORS: dict[str, Callable[[], str]] = {
    "pipeline": pipeline,
    "retriers": retriers,
    "parameters": parameters,
    "errors": error_names,
}


def written(text: str) -> str:
    """`text` with every generated block made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}{GENERATORS[match[2]]()}\n{match[3]}", text)


def main() -> None:
    """Writes the documents."""
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(written(path.read_text()))
    sys.stdout.write(f"written: {', '.join(DOCUMENTS)}\n")


if __name__ == "__main__":
    main()
