"""Splits one large table into a CSV for each value of a column, the rows unchanged."""

from __future__ import annotations

import csv
import difflib
import io
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from automlops.errors import CommandError
from automlops.tables.file_names import FileNames
from automlops.tables.table_file import BYTE_ORDER_MARK, LOSSLESS, open_text_table
from pipeline.naming import item_problem

# Rows are kept in memory and written together, so that any number of values needs only one open file at a time.
MAX_WAITING_CHARACTERS = 64 * 1024 * 1024
MAX_NAMED_VALUES = 20
MAX_NAME_CHARACTERS = 40
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Part:
    """The rows of one value.

    Attributes:
        value: the value in the column, without surrounding spaces.
        item: the item's name: the value, or the file's name where the value is no valid item name.
        path: the file of the rows.
        rows: number of rows.
    """

    value: str
    item: str
    path: Path
    rows: int


@dataclass(frozen=True)
class Split:
    """The result of splitting a table.

    Attributes:
        parts: one for each value that was asked for, the largest first.
        rows_without_value: number of rows whose column is empty or absent; they are in no part.
        notes: a sentence for each sheet of a workbook that is left out.
    """

    parts: list[Part]
    rows_without_value: int
    notes: Sequence[str] = ()


def split_table(source: Path, column: str, out: Path, *, only: Sequence[str] = (), force: bool = False) -> Split:
    """Write `out`/<value>.csv for each value of `column` in the table at `source`.

    Header and rows keep every byte, and so their encoding and quoting. The files appear together at the end, or, after
    an error, not at all.

    Args:
        source: CSV with commas, in UTF-8 (with or without byte order mark) or Latin-1, plain or compressed with gzip
            or xz; a workbook, all sheets together; or Parquet. Parts of the last two are CSV in UTF-8.
        column: name in the header; if no name is equal, one that differs only in case.
        out: directory; created if it does not exist.
        only: the values to write; all if empty.
        force: replace existing files.

    Raises:
        CommandError: the source cannot be read, it has no such column or value, or a file exists.
    """
    notes: list[str] = []
    with (
        open_text_table(source, notes.append) as stream,
        io.TextIOWrapper(stream, encoding=LOSSLESS, newline="") as text,
    ):
        records = _records(text, source)
        try:
            first = next(records)
        except StopIteration:
            raise CommandError(f"{source} is empty.") from None
        position = _find_column(column, first, source)
        with _writing(out):
            out.mkdir(parents=True, exist_ok=True)
            waiting_room = tempfile.TemporaryDirectory(dir=out, prefix=".split-")
        with waiting_room as room:
            parts = _Parts(out, Path(room), header=first.raw, source=source, force=force)
            without_value = _distribute(records, position, parts, frozenset(only))
            _check_found(only, parts, source, column)
            return Split(parts.publish(), without_value, notes)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Translate errors of the file system in the block into CommandError."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"Cannot write into {out}: {error.strerror}: {error.filename}.") from error


@dataclass(frozen=True)
class _Record:
    """A record of a CSV: its fields, and its text with the line end."""

    fields: list[str]
    raw: str


def _records(text: Iterable[str], source: Path) -> Iterator[_Record]:
    """Yield the records of a CSV without its blank lines; a quoted field may span several lines."""
    lines: list[str] = []
    at_end = False

    def remembered() -> Iterator[str]:
        nonlocal at_end
        for line in text:
            lines.append(line)
            yield line
        # At the end of its input the csv module closes an open quote silently. This additional blank line is a record of
        # its own, unless a quote is still open.
        at_end = True
        yield "\n"

    reader = csv.reader(remembered())
    first_line = 1
    try:
        for fields in reader:
            if at_end and lines:
                raise CommandError(
                    f"{source}, line {first_line}: a quote is opened here and never closed.",
                    'Close it, or write "" for a quote that belongs to the text.',
                )
            if fields:
                yield _Record(fields, "".join(lines))
            lines.clear()
            first_line = reader.line_num + 1
    except csv.Error as error:
        raise CommandError(f"{source}, line {first_line}: not readable as CSV ({error}).") from error


def _find_column(column: str, header: _Record, source: Path) -> int:
    names = [_readable(name.removeprefix(BYTE_ORDER_MARK)).strip() for name in header.fields]
    if column in names:
        return names.index(column)
    alike = [position for position, name in enumerate(names) if name.casefold() == column.casefold()]
    if len(alike) == 1:
        return alike[0]
    hints = [
        f"It seems to be separated by {called}: save it with commas."
        for sign, called in OTHER_SEPARATORS.items()
        if len(names) == 1 and sign in names[0]
    ]
    raise CommandError(f"{source} has no column {column!r}.", f"Its columns: {_listed(names)}.", *hints[:1])


def _listed(names: Sequence[str]) -> str:
    """Return the first of `names`, each shortened and on one line."""
    more = len(names) - MAX_NAMED_VALUES
    return ", ".join(map(_shown, names[:MAX_NAMED_VALUES])) + (f" and {more} more" if more > 0 else "")


def _shown(name: str) -> str:
    cut = name if len(name) <= MAX_NAME_CHARACTERS else f"{name[:MAX_NAME_CHARACTERS]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def _readable(field: str) -> str:
    """Return the text of a field that was read with the encoding LOSSLESS."""
    data = field.encode(LOSSLESS)
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return field


class _Part:
    """The rows of one value that are being written."""

    def __init__(self, value: str, target: Path, waiting_file: Path) -> None:
        self.value = value
        self.target = target
        self.waiting_file = waiting_file
        self.rows = 0
        self.waiting: list[str] = []

    def flush(self) -> None:
        with self.waiting_file.open("a", encoding=LOSSLESS, newline="") as file:
            file.writelines(self.waiting)
        self.waiting.clear()


class _Parts:
    """The parts of one table, by value.

    Args:
        out: directory of the finished files.
        waiting_room: directory on the same disk for files that are being written.
        header: first record of every file.
        source: the table, which must not be overwritten.
        force: replace files that exist.
    """

    def __init__(self, out: Path, waiting_room: Path, *, header: str, source: Path, force: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._out = out
        self._waiting_room = waiting_room
        self._header = header
        self._source = source
        self._force = force
        self._names = FileNames()
        self._parts: dict[str, _Part] = {}
        self._waiting_characters = 0

    def add(self, value: str, row: str) -> None:
        part = self._parts.get(value)
        if part is None:
            part = self._parts[value] = self._open(value)
        part.rows += 1
        part.waiting.append(row)
        self._waiting_characters += len(row)
        if self._waiting_characters > MAX_WAITING_CHARACTERS:
            self._flush()

    def publish(self) -> list[Part]:
        """Move the finished files to `out`, and return them."""
        self._flush()
        ordered = sorted(self._parts.values(), key=lambda part: -part.rows)
        with _writing(self._out):
            for part in ordered:
                part.waiting_file.replace(part.target)
        return [
            Part(part.value, part.target.stem if item_problem(part.value) else part.value, part.target, part.rows)
            for part in ordered
        ]

    def _open(self, value: str) -> _Part:
        target = self._out / self._names.take(value, ".csv")
        if target.exists():
            if target.samefile(self._source):
                raise CommandError(f"{target} is the file that is being split: give another --out.")
            if not self._force:
                raise CommandError(f"{target} already exists.", "Replace it with --force, or give another --out.")
        part = _Part(value, target, self._waiting_room / str(len(self._parts)))
        part.waiting.append(self._header)
        return part

    def _flush(self) -> None:
        with _writing(self._out):
            for part in self._parts.values():
                part.flush()
        self._waiting_characters = 0


def _distribute(records: Iterator[_Record], position: int, parts: _Parts, only: frozenset[str]) -> int:
    """Add each record to its part, and return the number of records without a value."""
    values: dict[str, str] = {}
    without_value = 0
    for record in records:
        field = record.fields[position] if position < len(record.fields) else ""
        value = values.get(field)
        if value is None:
            value = values[field] = _readable(field).strip()
        if not value:
            without_value += 1
            continue
        parts.counts[value] += 1
        if not only or value in only:
            parts.add(value, record.raw)
    return without_value


def _check_found(only: Sequence[str], parts: _Parts, source: Path, column: str) -> None:
    if not parts.counts:
        raise CommandError(f"{source} has no row with a {column}.")
    by_size = [value for value, _ in parts.counts.most_common()]
    folded = {value.casefold(): value for value in by_size}
    problems = []
    for missing in dict.fromkeys(value for value in only if value not in parts.counts):
        near = difflib.get_close_matches(missing.casefold(), folded, n=3)
        hint = f" Did you mean {' or '.join(repr(folded[name]) for name in near)}?" if near else ""
        problems.append(f"{source} has no row whose {column} is {missing!r}.{hint}")
    if problems:
        raise CommandError(*problems, f"There are, the largest first: {_listed(by_size)}.")
