"""Puts the answers to one file's requests together into its `.out` file."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from emulator.sagemaker.splitting import Payload

_COPY_BYTES = 2**20


class JoinError(Exception):
    """The answer has not one line for each line of the request."""


class Assembler(Protocol):
    """Adds answers to an output file, in order."""

    def add(self, payload: Payload, answer: BinaryIO, output: BinaryIO) -> None:
        """Add the answer to one request.

        Raises:
            JoinError: input and answer cannot be joined.
        """
        ...


class Concatenation:
    """AssembleWith None: byte after byte."""

    def add(self, payload: Payload, answer: BinaryIO, output: BinaryIO) -> None:  # noqa: ARG002 - Assembler's shape
        """See Assembler."""
        shutil.copyfileobj(answer, output, _COPY_BYTES)


class LineAssembly:
    """AssembleWith Line: every answer ends in a newline."""

    def add(self, payload: Payload, answer: BinaryIO, output: BinaryIO) -> None:  # noqa: ARG002 - Assembler's shape
        """See Assembler."""
        last = b"\n"
        while chunk := answer.read(_COPY_BYTES):
            output.write(chunk)
            last = chunk[-1:]
        if last != b"\n":
            output.write(b"\n")


class CsvJoin:
    """JoinSource Input for text/csv: each line of the request, a comma, the answer's line."""

    def add(self, payload: Payload, answer: BinaryIO, output: BinaryIO) -> None:
        """See Assembler."""
        records = payload.content.splitlines()
        answers = answer.read().splitlines()
        if len(records) != len(answers):
            raise JoinError(f"{len(records)} records were sent, {len(answers)} came back")
        output.writelines(
            record + b"," + answered + b"\n" for record, answered in zip(records, answers, strict=True)
        )


def choose_assembler(assemble_with: str, join_source: str) -> Assembler:
    """Return the assembler for a job's AssembleWith and JoinSource."""
    if join_source == "Input":
        return CsvJoin()
    return LineAssembly() if assemble_with == "Line" else Concatenation()
