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

from emulator.aws_evidence import Belief, Group, read_beliefs
from pipeline import errors

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "docs/architecture.md",
    "docs/aws-evidence.md",
    "docs/configuration.md",
    "docs/decisions/README.md",
    "docs/errors.md",
    "docs/operations.md",
]
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SHAPES = {"Choice": ("{{", "}}"), "Succeed": ("([", "])"), "Fail": ("([", "])")}


def pipeline() -> str:
    """Return the state machine as a Mermaid flowchart: every state, every way on; dashed where an error is caught."""
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
    """Return the template's parameters as a table."""
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
    """Return the errors that the functions raise, with their kind, as a table."""
    lines = ["| error | kind | meaning |", "|---|---|---|"]
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.PipelineError) and not kind.__subclasses__():
            meaning = (inspect.getdoc(kind) or "").split("\n")[0]
            lines.append(f"| `{name}` | {kind.__mro__[1].__name__} | {meaning} |")
    return "\n".join(lines)


def decisions() -> str:
    """Return the decisions as a table: number, title, and whether another one has replaced it."""
    lines = ["| number | decision | state |", "|---|---|---|"]
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        text = path.read_text()
        title = text.partition("\n")[0].removeprefix("# ")
        replaced = re.search(r"^\*\*Replaced\*\* by (\[[^)]*\))", text, re.MULTILINE)
        state = f"replaced by {replaced[1]}" if replaced else "in force"
        lines.append(f"| [{path.name[:4]}]({path.name}) | {title} | {state} |")
    return "\n".join(lines)


def retriers() -> str:
    """Return the definition's retriers as a table; states that retry alike share their rows."""
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


# What a group is about, as its heading.
GROUPS: dict[Group, str] = {
    "createTrainingJob": "Fields of sagemaker:createTrainingJob.sync",
    "createTransformJob": "Fields of sagemaker:createTransformJob.sync",
    "results": "What results hold",
    "errors": "Names of errors",
    "permissions": "What roles need",
    "language": "The language of state machines",
    "map": "The Distributed Map",
    "jobs": "SageMaker's jobs and models",
    "s3": "S3",
    "functions": "Lambda",
    "deployment": "CloudFormation and deployments",
    "limits": "Limits",
}


def unproven() -> str:
    """Return the beliefs that AWS does not document: first those that no test on AWS can show, then the others."""
    undocumented = [(name, belief) for name, belief in read_beliefs().items() if not belief.documented]
    lines = ["| belief | evidence | live test | if it were otherwise |", "|---|---|---|---|"]
    for name, belief in sorted(undocumented, key=lambda entry: bool(entry[1].live)):
        shown = ", ".join(map(_test, belief.live)) or f"None. {belief.not_live}"
        lines.append(f"| [{belief.belief}](#{name}) | {_kinds(belief)} | {shown} | {belief.otherwise} |")
    return "\n".join(lines)


def beliefs() -> str:
    """All beliefs in their groups, a table each."""
    parts = []
    for group, heading in GROUPS.items():
        parts += [
            f"### {heading}", "",
            "| belief | evidence | if it were otherwise | held here by |", "|---|---|---|---|",
        ]  # fmt: skip
        for name, belief in read_beliefs().items():
            if belief.group == group:
                evidence = "<br>".join(f"{one.kind}: {_source(one.source)}" for one in belief.evidence)
                tests = "<br>".join(map(_test, belief.tests))
                what = f'<a id="{name}"></a>{belief.belief}{_names(belief)}'
                parts.append(f"| {what} | {evidence} | {belief.otherwise} | {tests} |")
        parts.append("")
    return "\n".join(parts[:-1])


def _names(belief: Belief) -> str:
    return "<br>" + ", ".join(f"`{name}`" for name in belief.names) if belief.names else ""


def _kinds(belief: Belief) -> str:
    return ", ".join(dict.fromkeys(one.kind for one in belief.evidence))


def _source(source: str) -> str:
    """Return a source that can be followed, told by what tells it from others."""
    if not source.startswith("https://"):
        return source
    repository = re.match(r"https://github\.com/([^/]+/[^/]+)(?:/(?:issues|pull)/(\d+)|/blob/\w+/(.*))?$", source)
    if repository:
        name, number, path = repository.groups()
        return f"[{name}{f'#{number}' if number else ''}{f': {path}' if path else ''}]({source})"
    return f"[{source.removeprefix('https://').rpartition('/')[2].removesuffix('.html') or source}]({source})"


def _test(node_id: str) -> str:
    file, _, name = node_id.partition("::")
    return f"[{name or Path(file).name}](../{file})"


GENERATORS: dict[str, Callable[[], str]] = {
    "decisions": decisions,
    "pipeline": pipeline,
    "retriers": retriers,
    "parameters": parameters,
    "errors": error_names,
    "unproven": unproven,
    "beliefs": beliefs,
}


def written(text: str) -> str:
    """`text` with every generated block made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}{GENERATORS[match[2]]()}\n{match[3]}", text)


def main() -> None:
    """Write the documents."""
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(written(path.read_text()))
    sys.stdout.write(f"written: {', '.join(DOCUMENTS)}\n")


if __name__ == "__main__":
    main()
