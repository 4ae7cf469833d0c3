"""Excel workbooks and Parquet files: the rows that are in them, as CSV."""

from __future__ import annotations

import csv
import io
import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automlops.errors import CommandError
from automlops.runs.request import parse_item_files
from automlops.tables.split import split_table
from automlops.tables.table_file import check_table, open_table
from tests.unit.automlops.tables.workbooks import Cell, write_workbook, zip_of

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


NOTES: list[list[Cell]] = [["Name", "Meaning"], ["Invoice number", "C is a return"], ["Price", "in pounds"]]


@pytest.mark.parametrize("order", [("Data", "Notes", "By hand"), ("Notes", "By hand", "Data")])
def test_sheets_without_the_columns_are_left_out_and_told(tmp_path: Path, order: tuple[str, ...]) -> None:
    sheets: dict[str, list[list[Cell]]] = {
        "Data": [HEADER, row(1.0, "France"), row(2.0, "Spain")],
        "Notes": NOTES,
        "By hand": [["made by hand"]],
    }
    path = write_workbook(tmp_path / "a.xlsx", {name: sheets[name] for name in order})
    told = {
        f"{path}: the sheet 'Notes' is left out: it has no column of 'Data'.",
        f"{path}: the sheet 'By hand' is left out: it has no table.",
    }
    assert set(check_table(path)) == told
    assert [file.notes for file in parse_item_files([f"x={path}"])] == [tuple(check_table(path))]
    found = split_table(path, "Country", tmp_path / "out")
    assert set(found.notes) == told
    assert {part.item: part.rows for part in found.parts} == {"France": 1, "Spain": 1}


def test_a_title_of_two_cells_is_no_header(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["Exported on", "2011-12-09"], HEADER, row(1.0, "France")]
    path = write_workbook(tmp_path / "a.xlsx", {"1": rows})
    assert text_of(path).splitlines()[0] == "Invoice,Description,Quantity,InvoiceDate,Price,Customer ID,Country"


def test_a_header_with_an_unnamed_column_stays_the_header(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"1": [[None, "Id", "Day"], ["0", "a", "b"], ["1", "c", "d"]]})
    assert text_of(path) == ",Id,Day\n0,a,b\n1,c,d\n"


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
        # A column has one form of dates, also at midnight.
        (datetime(2011, 12, 9), "2011-12-09 00:00:00"),  # noqa: DTZ001 - Excel has no zones
        (datetime(2011, 12, 9, 23, 59, 59), "2011-12-09 23:59:59"),  # noqa: DTZ001 - Excel has no zones
        (2.5500000000000003, "2.5500000000000003"),
        (True, "TRUE"),
    ],
)
def test_a_value_is_what_excel_keeps(tmp_path: Path, value: Cell, text: str) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"1": [["a", "b"], ["x", value]]})
    assert text_of(path) == f"a,b\nx,{text}\n"


def test_a_workbook_without_a_row_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    empty = write_workbook(tmp_path / "empty.xlsx", {"1": []})
    with pytest.raises(CommandError, match="has no sheet with a table"):
        check_table(empty)
    with pytest.raises(CommandError, match="a header and nothing below it"):
        check_table(write_workbook(tmp_path / "header.xlsx", {"1": [HEADER]}))
    old = tmp_path / "old.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    with pytest.raises(CommandError, match=r"old\.xls cannot be read as a workbook: .*"):
        check_table(old)
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(empty.read_bytes()[:-30])
    with pytest.raises(CommandError, match=r"cut\.xlsx is a damaged workbook or zip file"):
        check_table(cut)


@pytest.mark.parametrize("name", ["table.xlsx", "table.csv"])
def test_a_workbook_with_a_password_is_refused_by_this_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    # Around the encrypted workbook is a file as .xls are (MS-CFB), whose directory names what is in it.
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(CommandError, match="is protected by a password: save it without one"):
        check_table(path)


def test_a_workbook_is_known_whatever_its_name(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "table.csv", {"1": [HEADER, row(1.0, "France")]})
    assert len(text_of(path).splitlines()) == 2


def test_an_open_document_is_read(tmp_path: Path) -> None:
    kinds = " ".join(
        f'xmlns:{kind}="urn:oasis:names:tc:opendocument:xmlns:{kind}:1.0"'
        for kind in ("office", "table", "text", "manifest")
    )

    def line(*cells: str) -> str:
        return (
            "<table:table-row>" + "".join(f"<table:table-cell {cell}/>" for cell in cells) + "</table:table-row>"
        )

    rows = line(
        'office:value-type="string" office:string-value="Id"',
        'office:value-type="string" office:string-value="Day"',
    ) + line(
        'office:value-type="float" office:value="17850"',
        'office:value-type="date" office:date-value="2010-12-01T08:26:00"',
    )
    content = (
        f"<office:document-content {kinds}><office:body><office:spreadsheet>"
        f'<table:table table:name="S">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'<manifest:manifest {kinds}><manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        "</manifest:manifest>"
    )
    path = tmp_path / "table.ods"
    path.write_bytes(zip_of({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest}))
    assert text_of(path) == "Id,Day\n17850,2010-12-01 08:26:00\n"


@given(texts=st.lists(st.text(st.sampled_from('ab ,"\n\r')), min_size=1))
def test_every_text_is_one_field_of_one_row(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = write_workbook(Path(folder) / "a.xlsx", {"1": [["a", "b"], *([["x", text] for text in texts])]})
        with open_table(path) as stream, io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            assert [len(fields) for fields in csv.reader(text)] == [2] * (1 + len(texts))


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
    assert check_table(path) == []
    with open_table(path) as stream:
        assert stream.read() == path.read_bytes()
    split_table(path, "Country", tmp_path / "out")
    assert (
        tmp_path / "out" / "Spain.csv"
    ).read_text() == "Invoice,InvoiceDate,Country\n2,2010-12-01 08:26:00,Spain\n"


def test_whole_floats_of_parquet_are_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"Store": [7.0, 7.0], "CustomerID": [17850.0, None], "Price": [2.55, 0.1]})
    frame.write_parquet(path)
    [part] = split_table(path, "Store", tmp_path / "out").parts
    assert (part.item, part.path.read_text()) == ("7", "Store,CustomerID,Price\n7,17850,2.55\n7,,0.1\n")


def test_without_polars_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"Country": ["France"]}).write_parquet(path)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(CommandError, match="reading it needs the package polars: pip install polars"):
        split_table(path, "Country", tmp_path / "out")
