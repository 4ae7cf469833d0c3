"""Excel workbooks and Parquet files: the rows that are in them, as CSV."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from automlops.errors import CommandError
from automlops.split import split_table
from automlops.table_file import check_table, open_table
from tests.unit.automlops.workbooks import Cell, write_workbook

HEADER: list[Cell] = ["Invoice", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
MOMENT = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 - Excel has no zones


def row(invoice: float | str, country: str, customer: float | None = 17850.0) -> list[Cell]:
    return [invoice, 'MUG, 12" RED', 6.0, MOMENT, 2.55, customer, country]


def text_of(path: Path) -> str:
    with open_table(path) as stream:
        return stream.read().decode()


def test_all_sheets_stand_below_one_header(tmp_path: Path) -> None:
    path = write_workbook(
        tmp_path / "online_retail_II.xlsx",
        {
            "Year 2009-2010": [HEADER, row(489434.0, "France"), row("C489435", "Spain", None)],
            "Year 2010-2011": [HEADER, row(536365.0, "France")],
        },
    )
    check_table(path)
    assert text_of(path) == (
        "Invoice,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
        '489434,"MUG, 12"" RED",6,2010-12-01 08:26:00,2.55,17850,France\n'
        'C489435,"MUG, 12"" RED",6,2010-12-01 08:26:00,2.55,,Spain\n'
        '536365,"MUG, 12"" RED",6,2010-12-01 08:26:00,2.55,17850,France\n'
    )


def test_titles_and_empty_rows_and_sheets_are_passed_over(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["Sales report 2011"], [], HEADER, row(1.0, "France"), [None] * 7, row(2.0, "Spain")]
    path = write_workbook(tmp_path / "a.xlsx", {"Notes": [["made by hand"]], "Data": rows, "Sheet3": []})
    assert [line.split(",")[0] for line in text_of(path).splitlines()] == ["Invoice", "1", "2"]


def test_sheets_of_other_columns_are_refused_by_name(tmp_path: Path) -> None:
    prices: list[list[Cell]] = [["Code", "Price"], ["A", 1.0]]
    path = write_workbook(tmp_path / "a.xlsx", {"Sales": [HEADER, row(1.0, "France")], "Prices": prices})
    with pytest.raises(CommandError, match="the sheet 'Prices' has other columns than 'Sales': Code, Price"):
        check_table(path)


def test_names_that_differ_by_case_and_spaces_are_the_same(tmp_path: Path) -> None:
    other: list[Cell] = [str(name).upper().replace(" ", "") for name in HEADER]
    path = write_workbook(
        tmp_path / "a.xlsx", {"1": [HEADER, row(1.0, "France")], "2": [other, row(2.0, "Spain")]}
    )
    assert text_of(path).count("\n") == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (17850.0, "17850"),
        (0.1, "0.1"),
        (2.55, "2.55"),
        (-1e-7, "-1e-07"),
        (2.0**60, "1.152921504606847e+18"),
        ("007", "007"),
        ("2011-12-09", "2011-12-09"),
        (datetime(2011, 12, 9), "2011-12-09"),  # noqa: DTZ001 - Excel has no zones
    ],
)
def test_a_value_is_what_excel_keeps(tmp_path: Path, value: Cell, text: str) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"1": [["a", "b"], ["x", value]]})
    assert text_of(path) == f"a,b\nx,{text}\n"


def test_a_workbook_without_a_row_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    empty = write_workbook(tmp_path / "empty.xlsx", {"1": []})
    with pytest.raises(CommandError, match="has no sheet with a row"):
        check_table(empty)
    with pytest.raises(CommandError, match="a header and nothing below it"):
        check_table(write_workbook(tmp_path / "header.xlsx", {"1": [HEADER]}))
    old = tmp_path / "old.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    with pytest.raises(CommandError, match=r"old\.xls cannot be read as an Excel workbook: .*"):
        check_table(old)


def test_a_workbook_is_split_over_all_sheets(tmp_path: Path) -> None:
    path = write_workbook(
        tmp_path / "a.xlsx",
        {"1": [HEADER, row(1.0, "France"), row(2.0, "Spain")], "2": [HEADER, row(3.0, "France")]},
    )
    found = split_table(path, "Country", tmp_path / "out")
    assert {part.item: part.rows for part in found.parts} == {"France": 2, "Spain": 1}
    assert (tmp_path / "out" / "Spain.csv").read_text() == (
        "Invoice,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
        '2,"MUG, 12"" RED",6,2010-12-01 08:26:00,2.55,17850,Spain\n'
    )


def test_parquet_is_split_and_as_an_item_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {"Invoice": [1, 2, 3], "InvoiceDate": [MOMENT] * 3, "Country": ["France", "Spain", "France"]}
    )
    frame.write_parquet(path)
    check_table(path)
    with open_table(path) as stream:
        assert stream.read() == path.read_bytes()
    split_table(path, "Country", tmp_path / "out")
    assert (
        tmp_path / "out" / "Spain.csv"
    ).read_text() == "Invoice,InvoiceDate,Country\n2,2010-12-01 08:26:00,Spain\n"


def test_without_polars_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"Country": ["France"]}).write_parquet(path)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(CommandError, match="needs the package polars here: pip install polars"):
        split_table(path, "Country", tmp_path / "out")
