"""Finds what Step Functions refuses in a definition before it runs: fields, targets, ends, names, tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulator.stepfunctions.check_tasks import find_task_problems

LARGEST_DEFINITION = 1_048_576
LONGEST_LABEL = 40
LONGEST_STATE_NAME = 80
SCHEMA = "SCHEMA_VALIDATION_FAILED"
NO_TARGET = "MISSING_TRANSITION_TARGET"
NO_END = "MISSING_END_STATE"
NO_JSON = "INVALID_JSON_DESCRIPTION"

_EVERY = frozenset({"Type", "Comment", "QueryLanguage"})
_FLOW = frozenset({"Next", "End", "InputPath", "OutputPath", "Assign", "Output"})
_WORK = _FLOW | {"Parameters", "Arguments", "ResultPath", "ResultSelector", "Retry", "Catch"}
_TIMES = frozenset({"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"})
_DISTRIBUTED_ONLY = frozenset(
    {"ItemReader", "ItemBatcher", "ResultWriter", "Label"}
    | {f"ToleratedFailure{what}{path}" for what in ("Count", "Percentage") for path in ("", "Path")}
)
# https://states-language.net/#statetypes; AWS refuses a field on a type that has no use for it.
_FIELDS = {
    "Pass": _FLOW | {"Parameters", "ResultPath", "Result"},
    "Task": _WORK | _TIMES | {"Resource", "Credentials"},
    "Choice": frozenset({"Choices", "Default", "InputPath", "OutputPath", "Assign", "Output"}),
    "Wait": _FLOW | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": frozenset({"InputPath", "OutputPath", "Output"}),
    "Fail": frozenset({"Error", "ErrorPath", "Cause", "CausePath"}),
    "Parallel": _WORK | {"Branches"},
    "Map": _WORK
    | _DISTRIBUTED_ONLY
    | {"ItemProcessor", "Iterator", "ItemSelector", "ItemsPath", "Items", "MaxConcurrency", "MaxConcurrencyPath"},
}
_WAITING_FORMS = frozenset({"sync", "sync:2", "waitForTaskToken"})


@dataclass(frozen=True)
class Problem:
    """One reason to refuse a definition, as ValidateStateMachineDefinition reports it."""

    code: str
    message: str
    location: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.location or 'null'}"


def find_problems(definition: str) -> list[Problem]:
    """Everything that is wrong with a definition, in the order in which it is written."""
    if len(definition.encode()) > LARGEST_DEFINITION:
        return [Problem(SCHEMA, f"The definition is larger than {LARGEST_DEFINITION} bytes")]
    try:
        machine = json.loads(definition)
    except ValueError as error:
        return [Problem(NO_JSON, f"The definition is not JSON: {error}")]
    if not isinstance(machine, dict):
        return [Problem(NO_JSON, "The definition is not a JSON object")]
    return [*_check_machine(machine, ""), *_check_names(machine)]


def _check_machine(machine: dict[str, Any], path: str) -> Iterator[Problem]:
    yield from _check_language(machine, path)
    states = machine.get("States")
    if not isinstance(states, dict) or not states or not all(isinstance(s, dict) for s in states.values()):
        yield Problem(SCHEMA, "'States' must be an object of states", f"{path}/States")
        return
    start = machine.get("StartAt")
    if start not in states:
        yield Problem(NO_TARGET, f"Missing 'Next' target: {start}", f"{path}/StartAt")
    for name, state in states.items():
        yield from _check_state(state, f"{path}/States/{name}")
        for target, where in _targets(state):
            if target not in states:
                yield Problem(NO_TARGET, f"Missing 'Next' target: {target}", f"{path}/States/{name}/{where}")
    if not any(s.get("End") is True or s.get("Type") in {"Succeed", "Fail"} for s in states.values()):
        yield Problem(NO_END, "Workflow has no terminal state")
    elif start in states:
        for name in sorted(states.keys() - _reachable(states, str(start))):
            yield Problem(NO_TARGET, f'State "{name}" is not reachable.', f"{path}/States/{name}")


def _check_language(declaring: dict[str, Any], path: str) -> Iterator[Problem]:
    language = declaring.get("QueryLanguage", "JSONPath")
    if language not in {"JSONPath", "JSONata"}:
        yield Problem(SCHEMA, f"Unknown QueryLanguage: {language}", f"{path}/QueryLanguage")


def _targets(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("Next", "Default"):
        if field in state:
            yield state[field], field
    for field in ("Choices", "Catch"):
        for number, rule in enumerate(state.get(field) or []):
            if isinstance(rule, dict) and "Next" in rule:
                yield rule["Next"], f"{field}[{number}]/Next"


def _reachable(states: dict[str, Any], start: str) -> set[str]:
    found, ahead = {start}, [start]
    while ahead:
        for target, _ in _targets(states[ahead.pop()]):
            if target in states and target not in found:
                found.add(target)
                ahead.append(target)
    return found


def _check_state(state: dict[str, Any], path: str) -> Iterator[Problem]:
    kind = state.get("Type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        yield Problem(SCHEMA, f"Unknown state type: {kind}", f"{path}/Type")
        return
    yield from _check_language(state, path)
    for field in sorted(state.keys() - _FIELDS[kind] - _EVERY):
        yield Problem(SCHEMA, f"Field '{field}' is not supported", path)
    if "Next" in _FIELDS[kind] and ("Next" in state) == (state.get("End") is True):
        yield Problem(SCHEMA, "Exactly one of 'Next' and 'End' is required", path)
    for field in ("Retry", "Catch"):
        yield from _check_rules(state.get(field) or [], f"{path}/{field}")
    if kind == "Task":
        yield from (Problem(SCHEMA, text, f"{path}{where}") for text, where in find_task_problems(state))
    if kind == "Parallel":
        for number, branch in enumerate(state.get("Branches") or []):
            yield from _check_machine(branch, f"{path}/Branches[{number}]")
    if kind == "Map":
        yield from _check_map(state, path)


def _check_rules(rules: list[dict[str, Any]], path: str) -> Iterator[Problem]:
    for number, rule in enumerate(rules):
        names = rule.get("ErrorEquals") or []
        if "States.ALL" in names and (len(names) > 1 or number < len(rules) - 1):
            yield Problem(SCHEMA, "'States.ALL' must stand alone and in the last place", f"{path}[{number}]")


def _check_map(state: dict[str, Any], path: str) -> Iterator[Problem]:
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    processor = state.get(field) or {}
    config = processor.get("ProcessorConfig") or {}
    if config.get("Mode", "INLINE") == "INLINE":
        for name in sorted(state.keys() & _DISTRIBUTED_ONLY):
            yield Problem(SCHEMA, f"Field '{name}' is only supported in a DISTRIBUTED Map", path)
    elif config.get("ExecutionType") not in {"STANDARD", "EXPRESS"}:
        yield Problem(SCHEMA, "'ExecutionType' must be STANDARD or EXPRESS", f"{path}/{field}/ProcessorConfig")
    if config.get("ExecutionType") == "EXPRESS":
        for resource, place in _resources(processor, f"{path}/{field}"):
            if resource.rpartition(".")[2] in _WAITING_FORMS:
                yield Problem(SCHEMA, f"Express child workflows do not support {resource}", place)
    label = state.get("Label")
    if label is not None and (not isinstance(label, str) or not 1 <= len(label) <= LONGEST_LABEL):
        yield Problem(SCHEMA, f"'Label' must have 1 to {LONGEST_LABEL} characters", f"{path}/Label")
    yield from _check_machine(processor, f"{path}/{field}")


def _resources(machine: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, state in (machine.get("States") or {}).items():
        here = f"{path}/States/{name}"
        if "Resource" in state:
            yield str(state["Resource"]), f"{here}/Resource"
        for inner, place in _inner_machines(state, here):
            yield from _resources(inner, place)


def _inner_machines(state: dict[str, Any], path: str) -> Iterator[tuple[dict[str, Any], str]]:
    for number, branch in enumerate(state.get("Branches") or []):
        yield branch, f"{path}/Branches[{number}]"
    for field in ("ItemProcessor", "Iterator"):
        yield state.get(field) or {}, f"{path}/{field}"


def _check_names(machine: dict[str, Any]) -> Iterator[Problem]:
    """State names are unique in the whole machine, its branches and maps included (https://states-language.net)."""
    seen: set[str] = set()
    for name, path in _names(machine, ""):
        if len(name) > LONGEST_STATE_NAME:
            yield Problem(SCHEMA, f"A state's name has at most {LONGEST_STATE_NAME} characters: {name}", path)
        if name in seen:
            yield Problem("DUPLICATE_STATE_NAME", f"Duplicate State name: {name}", path)
        seen.add(name)


def _names(machine: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    states = machine.get("States")
    for name, state in (states if isinstance(states, dict) else {}).items():
        here = f"{path}/States/{name}"
        yield name, here
        if isinstance(state, dict):
            for inner, place in _inner_machines(state, here):
                yield from _names(inner, place)
