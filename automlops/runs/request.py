"""Makes one run request of the options of `automlops run`, checked before anything starts."""

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

# An execution's input ends at 262,144 bytes (Step Functions, quotas), and so does that of PrepareRun's task, which has the
# execution's name and more around the request.
MAX_INPUT_BYTES = 240 * 1024
# Of an execution's name: StartExecution, Step Functions API reference.
MAX_EXECUTION_NAME_LENGTH = 80
REFUSED_IN_NAMES = frozenset(' <>{}[]?*"#%\\^|~`$&,;:/')


@dataclass(frozen=True)
class ItemFile:
    """An item's data on this machine.

    Attributes:
        item: whose.
        path: the file.
        notes: what of it is left out, a sentence for each sheet of a workbook.
    """

    item: str
    path: Path
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Order:
    """What is to be run, checked as far as it can be without asking AWS.

    Attributes:
        files: what is uploaded first.
        request: the execution's input.
        name: the execution's name.
        out: where results are copied to.
        anyway: whether it runs although it is unwise.
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
    """The order that the options of `automlops run` make.

    Args:
        items: NAME=FILE words.
        event: file with a request.
        name: the execution's name; otherwise one is made.
        out: where results are copied to.
        choices: further keys of the request; None where an option was not given.
        anyway: whether it runs although it is unwise.

    Raises:
        CommandError: they do not make one; lists what is wrong.
    """
    if name is not None:
        check_execution_name(name)
    if out.exists() and not out.is_dir():
        raise CommandError(f"--out {out} is not a directory.")
    files = parse_item_files(items)
    request = build_request(files, event, choices)
    return Order(files, request, name or f"cli-{uuid.uuid4().hex[:8]}", out, anyway)


def check_execution_name(name: str) -> None:
    """Makes sure that Step Functions will take `name` for an execution.

    Raises:
        CommandError: it will not.
    """
    if not 0 < len(name) <= MAX_EXECUTION_NAME_LENGTH:
        raise CommandError(f"--name: 1 to {MAX_EXECUTION_NAME_LENGTH} characters, not {len(name)}.")
    if refused := sorted({letter for letter in name if letter in REFUSED_IN_NAMES or not letter.isprintable()}):
        raise CommandError(f"--name {name!r}: Step Functions refuses {' '.join(map(repr, refused))} in a name.")


def parse_item_files(words: Sequence[str]) -> list[ItemFile]:
    """The NAME=FILE words of --item.

    A name may hold `=`, and so may a path: the cut is made where what follows is a file.

    Raises:
        CommandError: lists every word that is wrong: no `=`, an illegal name, a name given twice, a file that is
            missing or holds no table.
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
            problems.append(f"--item: {name!r} is given {count} times; each item may be given once.")
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
        raise CommandError(f"--item {word}: can be read as {' and as '.join(repr(cut.item) for cut in existing)}.")
    return existing[0] if existing else cuts[0]


def build_request(
    files: Sequence[ItemFile], event_path: Path | None, choices: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The execution's input.

    The event's itemList says what runs; without it, the items of `files` do.

    Args:
        files: data that is uploaded first.
        event_path: the rest of the request.
        choices: keys of the request; they win over the event's, and None leaves the event's as it is.

    Raises:
        CommandError: the request breaks its contract (every problem is listed), or a file's item is not in the
            event's itemList or reads its data from elsewhere.
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
            problems.append(f"--item {file.item}: the itemList of {event_path} does not name it.")
        elif inputs[file.item]:
            problems.append(
                f"--item {file.item}: {event_path} has it read {inputs[file.item]}, not what is uploaded."
            )
    if problems:
        raise CommandError(*problems)
    if (size := len(json.dumps(request, ensure_ascii=False).encode())) > MAX_INPUT_BYTES:
        raise CommandError(
            f"The request takes {size:,} bytes; Step Functions takes at most {MAX_INPUT_BYTES:,} of it.",
            "Put the items into a file, one entry of itemList a line, upload it to S3, and give its --items-uri.",
        )
    return request


def require_beginning(request: Mapping[str, Any]) -> None:
    """Makes sure that `request` needs nothing of earlier times, as an emulator of one's own has none.

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
            "Start `automlops up`, paste the exports that it prints here, and leave out --local.",
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
