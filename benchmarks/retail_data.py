"""The data for measuring models: Online Retail, and ten times as much of it.

No generated data can replace it, since the goals and the hand-made image's figures are for this data set.
"""

from __future__ import annotations

import lzma
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from benchmarks.measure import Measure

VARIABLE = "AUTOMLOPS_ONLINE_RETAIL"
TEN = 10


def find_data(work: Path) -> Path | None:
    """Return Online Retail as plain CSV, decompressed to the scratch folder if it is .xz; None without the variable."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    source = Path(path).resolve()
    if source.suffix != ".xz":
        return source
    plain = work / source.stem
    if not plain.exists():
        with lzma.open(source) as packed, plain.open("wb") as file:
            shutil.copyfileobj(packed, file)
    return plain


def without_data(measures: Iterable[Measure]) -> Iterator[Measure]:
    """Yield the measures as not measured, because there is no data."""
    for measure in measures:
        yield replace(measure, note=f"not measured: set {VARIABLE} (CONTRIBUTING.md)")


def multiply(source: Path, target: Path, copies: int = TEN) -> None:
    """Write the lines of `source` several times, each time with other customers, invoices and times.

    Copy 0 is the original. In copy n, n stands before customer and invoice numbers (behind the C of a cancellation),
    and every time is n minutes later, because repeated times could be faster to read.
    """
    lines = pl.read_csv(source, infer_schema=False)
    with target.open("wb") as file:
        for number in range(copies):
            _alter(lines, number).write_csv(file, include_header=number == 0)


def take_country(source: Path, target: Path, country: str) -> None:
    """Write the lines of one country."""
    pl.read_csv(source, infer_schema=False).filter(pl.col("Country") == country).write_csv(target)


def _alter(lines: pl.DataFrame, number: int) -> pl.DataFrame:
    if number == 0:
        return lines
    moment = pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S") + pl.duration(minutes=number)
    return lines.with_columns(
        InvoiceNo=pl.col("InvoiceNo").str.replace(r"^(\D*)", f"${{1}}{number}"),
        CustomerID=pl.lit(str(number)) + pl.col("CustomerID"),
        InvoiceDate=moment.dt.strftime("%Y-%m-%d %H:%M:%S"),
    )
