"""Logs cut into lines and bounded; metrics read from them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from emulator.sagemaker.limits import Limits
from emulator.sagemaker.logs import JobLog
from emulator.sagemaker.metrics import MetricScanner


def log_of(limits: Limits, *chunks: bytes, watch: Callable[[str], None] | None = None) -> list[str]:
    kept: list[str] = []
    log = JobLog(kept.extend, limits, watch)
    for chunk in chunks:
        log.write(chunk)
    log.close()
    log.close()
    log.write(b"too late\n")
    log.note("too late")
    return kept


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([b"a\nb\n"], ["a", "b"], id="whole lines"),
        pytest.param([b"a", b"b\nc", b"\n"], ["ab", "c"], id="lines in pieces"),
        pytest.param([b"a\r\nb"], ["a", "b"], id="Windows line end, no last newline"),
        pytest.param(["é".encode()[:1], "é".encode()[1:], b"\n"], ["é"], id="a letter in two pieces"),
        pytest.param([b"\xff\n"], ["\ufffd"], id="no UTF-8"),
        pytest.param([b"\n"], [""], id="empty line"),
        pytest.param([b"x" * 25], ["x" * 10, "x" * 10, "x" * 5], id="a line too long"),
        pytest.param([b"x" * 25 + b"\n"], ["x" * 10, "x" * 10, "x" * 5], id="a line too long, ended"),
    ],
)
def test_chunks_become_lines(chunks: list[bytes], expected: list[str]) -> None:
    assert log_of(Limits(log_line_bytes=10), *chunks) == expected


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(Limits(log_lines=3, log_tail_lines=2), id="by lines"),
        pytest.param(Limits(log_bytes=21, log_tail_lines=2), id="by bytes"),
    ],
)
def test_beyond_the_bound_only_the_end_is_kept(limits: Limits) -> None:
    lines = [f"line {number:02d}" for number in range(100)]
    found = log_of(limits, "".join(f"{line}\n" for line in lines).encode())
    assert found == [
        *lines[:3],
        "[emulator] this log is as long as it may be; only its end is still kept",
        "[emulator] 95 lines were dropped here; the last 2 follow",
        *lines[-2:],
    ]


def test_dropped_lines_are_still_watched() -> None:
    seen: list[str] = []
    log_of(Limits(log_lines=1, log_tail_lines=1), b"1\n2\n3\n", watch=seen.append)
    assert seen == ["1", "2", "3"]


def test_last_value_of_each_metric_is_kept_in_the_order_of_definitions() -> None:
    scanner = MetricScanner(
        [
            {"Name": "error", "Regex": r"mae=(\S+)"},
            {"Name": "rows", "Regex": r"rows (\d+)"},
            {"Name": "no", "Regex": "(z)"},
        ]
    )
    for line in ("rows 5", "mae=2.5", "mae=nan", "mae=much", "mae=1e-1", "nothing"):
        scanner.watch(line)
    assert [(metric["MetricName"], metric["Value"]) for metric in scanner.final] == [("error", 0.1), ("rows", 5.0)]
