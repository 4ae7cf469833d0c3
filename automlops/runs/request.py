"""Turns the options of `automlops run` into one request, and checks it before anything starts."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automlops.errors import CommandError
from automlops.tables.table_file import check_file, check_table
from pipeline.contracts import SOURCES, RunRequest, parse_event
from pipeline.errors import InvalidRequestError
from pipeline.naming import item_problem

# The input of an execution is limited to 262,144 bytes (Step Functions, quotas). So is the input of PrepareRun's task, which
# adds the execution's name and more to the request.
MAX_INPUT_BYTES = 240 * 1024
# The limits of an execution's name: StartExecution, Step Functions API reference.
MAX_EXECUTION_NAME_LENGTH = 80
REFUSED_IN_NAMES = frozenset(' <>{}[]?*"#%\\^|~`$&,;:/')


@dataclass(frozen=True)
class ItemFile:
    """An item's data on this machine.

    Attributes:
        item: the item.
        path: the file.
        notes: a sentence for each sheet of a workbook that is left out.
    """

    item: str
    path: Path
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Order:
    """What the user wants to run, checked as far as possible without a call to AWS.

    Attributes:
        files: the items' data to upload first.
        request: the execution's input.
        name: the execution's name.
        out: directory for the results.
        anyway: whether to skip the checks for other runs and quotas.
    """

    files: Sequence[ItemFile]
    request: Mapping[str, Any]
    name: str
    out: Path
    anyway: bool = False


def make_order(
    items: Sequence[str],
    event: Path | None,
    *,
    name: str | None,
    out: Path,
    choices: Mapping[str, Any] | None = None,
    anyway: bool = False,
) -> Order:
    """Return the order for the options of `automlops run`.

    Args:
        items: NAME=FILE words.
        event: file with a request.
        name: the execution's name; None generates one.
        out: directory for the results.
        choices: further keys of the request; None where an option is not given.
        anyway: whether to skip the checks for other runs and quotas.

    Raises:
        CommandError: the options are wrong; every problem is listed.
    """
    if name is not None:
        check_execution_name(name)
    if out.exists() and not out.is_dir():
        raise CommandError(f"--out {out} is not a directory.")
    files = parse_item_files(items)
    request = build_request(files, event, choices)
    return Order(files, request, name or f"cli-{uuid.uuid4().hex[:8]}", out, anyway)


def check_execution_name(name: str) -> None:
    """Raise an error unless `name` is a valid name of an execution.

    Raises:
        CommandError: the name is not valid.
    """
    if not 0 < len(name) <= MAX_EXECUTION_NAME_LENGTH:
        raise CommandError(f"--name: 1 to {MAX_EXECUTION_NAME_LENGTH} characters, not {len(name)}.")
    if refused := sorted({letter for letter in name if letter in REFUSED_IN_NAMES or not letter.isprintable()}):
        raise CommandError(f"--name {name!r}: Step Functions refuses {' '.join(map(repr, refused))} in a name.")


def parse_item_files(words: Sequence[str]) -> list[ItemFile]:
    """Parse the NAME=FILE words of --item.

    Both names and paths may contain `=`: the word is split where the rest is an existing file.

    Raises:
        CommandError: lists every wrong word: no `=`, an invalid or repeated name, a file that is missing or holds no
            table.
    """
    files: list[ItemFile] = []
    problems: list[str] = []
    for word in words:
        try:
            file = _cut(word)
            file = replace(file, notes=tuple(check_table(file.path)))
        except CommandError as error:
            problems += error.lines
            continue
        if problem := item_problem(file.item):
            problems.append(f"--item {word}: {problem}.")
        files.append(file)
    for name, count in Counter(file.item for file in files).items():
        if count > 1:
            problems.append(f"--item: {name!r} is given {count} times; give each item once.")
    if problems:
        raise CommandError(*problems)
    return files


def _cut(word: str) -> ItemFile:
    places = [place for place, letter in enumerate(word) if letter == "="]
    if not places or not word[places[0] + 1 :]:
        raise CommandError(f"--item {word}: write it as NAME=FILE.csv.")
    cuts = [ItemFile(word[:place], Path(word[place + 1 :])) for place in places]
    existing = [cut for cut in cuts if cut.path.is_file()]
    if len(existing) > 1:
        raise CommandError(
            f"--item {word}: ambiguous, the item can be {' or '.join(repr(cut.item) for cut in existing)}."
        )
    return existing[0] if existing else cuts[0]


def build_request(
    files: Sequence[ItemFile], event_path: Path | None, choices: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the execution's input.

    The items are those of the event's itemList; without one, those of `files`.

    Args:
        files: the items' data to upload first.
        event_path: file with the rest of the request.
        choices: keys of the request that override the event's; None keeps the event's.

    Raises:
        CommandError: the request breaks its contract (every problem is listed), or the item of a file is not in the
            event's itemList or has an input of its own there.
    """
    request = _read_event(event_path) if event_path else {}
    request |= {key: value for key, value in (choices or {}).items() if value is not None}
    if "itemList" not in request and files:
        request["itemList"] = [file.item for file in files]
    elif not event_path and request.keys().isdisjoint(SOURCES):
        raise CommandError(
            "There is nothing to run: give --item NAME=FILE.csv, --input EVENT.json, --items-uri, --item-prefix or"
            " --rerun-of RUN."
        )
    try:
        parsed = parse_event(RunRequest, request)
    except InvalidRequestError as error:
        raise CommandError("The request is not valid:", *(f"  {problem}" for problem in error.problems)) from error
    inputs: Mapping[str, str | None] = {entry.item: entry.input for entry in parsed.item_list or []}
    problems = []
    for file in files:
        if file.item not in inputs:
            problems.append(f"--item {file.item}: the itemList of {event_path} does not contain it.")
        elif inputs[file.item]:
            problems.append(
                f"--item {file.item}: its input in {event_path} is {inputs[file.item]}, not the uploaded file."
            )
    if problems:
        raise CommandError(*problems)
    if (size := len(json.dumps(request, ensure_ascii=False).encode())) > MAX_INPUT_BYTES:
        raise CommandError(
            f"The request has {size:,} bytes; Step Functions allows at most {MAX_INPUT_BYTES:,} for it.",
            "Write the items to a file, one entry of itemList on each line, upload it to S3, and give --items-uri.",
        )
    return request


def require_no_history(request: Mapping[str, Any]) -> None:
    """Raise an error if `request` needs an earlier run or data in S3, which a new emulator does not have.

    Raises:
        CommandError: it does.
    """
    needs = [name for name in ("rerunOf", "itemsUri", "itemPrefix") if name in request]
    if request.get("mode") == "score":
        needs.append("mode score")
    if needs:
        raise CommandError(
            "--local starts a new emulator, which has no earlier run, list, data or model for"
            f" {' and '.join(needs)}.",
            "Start `automlops up`, paste the exports that it prints into this shell, and leave out --local.",
        )


def _read_event(path: Path) -> dict[str, Any]:
    check_file(path)
    try:
        event = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        raise CommandError(f"{path} is not JSON: {error}.") from error
    if not isinstance(event, dict):
        raise CommandError(f'{path} must hold an object such as {{"itemList": ["item1"]}}.')
    return event
