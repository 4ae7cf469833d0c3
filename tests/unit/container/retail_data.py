"""Writes small, seeded transaction files in the forms in which people have them."""

from __future__ import annotations

import csv
import gzip
import io
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.reading.orders import make_orders, purchase_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
RETAIL_TWO = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
"""The header of Online Retail II."""
FIRST_DAY = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 - a shop's wall clock, as in the data set


@dataclass(frozen=True)
class Line:
    """One invoice line."""

    invoice: str
    customer: int | None
    moment: datetime
    quantity: int = 6
    price: float = 2.55
    description: str = 'CAFÉ MUG, 12" "RETRO"'

    def fields(self) -> list[str]:
        """Return the line as Online Retail writes it."""
        return [
            self.invoice,
            "85123A",
            self.description,
            str(self.quantity),
            f"{self.moment:%Y-%m-%d %H:%M:%S}",
            str(self.price),
            "" if self.customer is None else f"{self.customer}.0",
            "United Kingdom",
        ]


def make_shop(customers: int = 120, days: int = 365, seed: int = 7) -> list[Line]:
    """Lines of a shop whose customers come back each in their own rhythm, some never; noise included."""
    chance = random.Random(seed)  # noqa: S311 - test data
    lines: list[Line] = []
    for customer in range(12_000, 12_000 + customers):
        rhythm = chance.choice((7, 14, 30, 60, 10_000))
        day = chance.uniform(0, days * 0.4)
        while day <= days:
            moment = FIRST_DAY + timedelta(days=int(day), minutes=chance.randrange(500))
            invoice = str(500_000 + len(lines))
            lines += [
                Line(invoice, customer, moment, chance.randrange(1, 40), chance.choice((0.85, 2.55, 4.25)))
                for _ in range(chance.randrange(1, 4))
            ]
            if chance.random() < 0.1:
                lines.append(Line(f"C{invoice}", customer, moment, -1))
            if chance.random() < 0.1:
                lines.append(Line(invoice, None, moment))
            day += max(1.0, chance.gauss(rhythm, rhythm / 5))
    return sorted(lines, key=lambda line: (line.moment, line.invoice))


def sum_orders(lines: Sequence[tuple[str, date, float, float]]) -> pl.DataFrame:
    """Return the orders of lines of customer, day, quantity and price."""
    schema = {"customer": pl.String, "date": pl.Date, "quantity": pl.Float64, "price": pl.Float64}
    read = pl.DataFrame(lines, schema=schema, orient="row")
    return make_orders(read.group_by("customer", "date").agg(**purchase_sums()))


def csv_bytes(
    lines: Sequence[Line],
    *,
    header: Sequence[str] = HEADER,
    encoding: str = "utf-8",
    change: Callable[[list[str]], list[str]] = list,
    line_end: str = "\n",
) -> bytes:
    """Return the lines as a CSV file has them; `change` rewrites each line's fields."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    if header:
        writer.writerow(header)
    writer.writerows(change(line.fields()) for line in lines)
    return text.getvalue().encode(encoding)


def write_lines(
    path: Path,
    lines: Sequence[Line],
    *,
    header: Sequence[str] = HEADER,
    encoding: str = "utf-8",
    change: Callable[[list[str]], list[str]] = list,
    line_end: str = "\n",
) -> Path:
    """Write lines as CSV; `.gz` names are compressed; the rest as csv_bytes."""
    content = csv_bytes(lines, header=header, encoding=encoding, change=change, line_end=line_end)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def american_date(fields: list[str]) -> list[str]:
    """Return the date as `12/1/2010 8:26`."""
    moment = datetime.strptime(fields[4], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - a shop's wall clock
    return [*fields[:4], f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment:%M}", *fields[5:]]


def whole_customer(fields: list[str]) -> list[str]:
    """Return the customer as `17850`."""
    return [*fields[:6], fields[6].removesuffix(".0"), *fields[7:]]


def return_all(lines: Sequence[Line]) -> list[Line]:
    """Return the same lines, all of them sent back."""
    return [replace(line, invoice=f"C{line.invoice}", quantity=-abs(line.quantity)) for line in lines]
