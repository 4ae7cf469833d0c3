"""Where the data set comes from, and what is made of it."""

from __future__ import annotations

import csv
import lzma
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.measure import Goal, Measure
from benchmarks.retail_data import VARIABLE, find_data, multiply, take_country, without_data

TABLE = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,"HOLDER, WHITE",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
C536379,D,Discount,-1,2010-12-01 23:59:00,27.50,14527.0,France
536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return an order, a return and a line without a customer."""
    path = tmp_path / "retail.csv"
    path.write_text(TABLE)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_environment_names_the_data(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(table))
    assert find_data(tmp_path / "none") == table


def test_packed_data_is_unpacked_once(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "packed.csv.xz"
    packed.write_bytes(lzma.compress(table.read_bytes()))
    monkeypatch.setenv(VARIABLE, str(packed))
    plain = find_data(tmp_path)
    assert plain is not None
    assert plain.read_text() == TABLE
    plain.write_text("kept")
    assert find_data(tmp_path) == plain
    assert plain.read_text() == "kept"


def test_without_data_goals_are_not_met_and_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert find_data(tmp_path) is None
    (measure,) = without_data([Measure("speed", "s", None, goal=Goal(1, "ratio"))])
    assert measure.met is False
    assert measure.note.startswith("not measured: set AUTOMLOPS_ONLINE_RETAIL")


def test_the_first_of_many_copies_is_the_original(table: Path, tmp_path: Path) -> None:
    multiply(table, tmp_path / "many.csv", copies=3)
    assert rows(tmp_path / "many.csv")[:3] == rows(table)
    assert len(rows(tmp_path / "many.csv")) == 9


def test_every_copy_has_customers_invoices_and_moments_of_its_own(table: Path, tmp_path: Path) -> None:
    multiply(table, tmp_path / "many.csv")
    many = rows(tmp_path / "many.csv")
    assert [(row["InvoiceNo"], row["CustomerID"], row["InvoiceDate"]) for row in many[6:9]] == [
        ("2536365", "217850.0", "2010-12-01 08:28:00"),
        ("C2536379", "214527.0", "2010-12-02 00:01:00"),
        ("2536414", "", "2010-12-01 11:54:00"),
    ]
    assert len({row["InvoiceNo"] for row in many}) == len({row["InvoiceDate"] for row in many}) == 30
    assert len({row["CustomerID"] for row in many}) == 2 * 10 + 1
    assert max(datetime.fromisoformat(row["InvoiceDate"]) for row in many) < datetime(2010, 12, 2, 0, 9)  # noqa: DTZ001
    unaltered = ("StockCode", "Description", "Quantity", "UnitPrice", "Country")
    assert [[row[name] for name in unaltered] for row in many] == [
        [row[name] for name in unaltered] for row in rows(table) * 10
    ]


def test_a_country_is_taken_as_it_stands(table: Path, tmp_path: Path) -> None:
    take_country(table, tmp_path / "one.csv", "United Kingdom")
    assert rows(tmp_path / "one.csv") == [rows(table)[0], rows(table)[2]]
