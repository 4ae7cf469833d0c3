"""Files as people have them: each kind gives the orders of the plain file, or is refused with what stands where.

The kinds are those of public bug reports on other programs; the files are made here.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from next_purchase.date_format import DateFormat
from next_purchase.errors import DataError
from next_purchase.reading.transactions import read_orders, read_orders_from_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from next_purchase.reading.transactions import Transactions

TODAY = date(2012, 3, 1)
HEADER = "InvoiceNo,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
MOMENTS = [
    datetime(2011, 1, 3, 9) + timedelta(days=9 * number, hours=number)  # noqa: DTZ001 - a shop's wall clock
    for number in range(24)
]


def _rows(moment: str = "%Y-%m-%d %H:%M:%S", name: str = "RED LAMP") -> list[list[str]]:
    return [
        [
            str(1000 + number),
            name,
            str(2 + number % 5),
            when.strftime(moment),
            f"{2 + number / 8:.2f}",
            str(501 + number % 4),
            "Spain",
        ]
        for number, when in enumerate(MOMENTS)
    ]


def _csv(rows: list[list[str]], header: str = HEADER, separator: str = ",") -> str:
    lines = [header.replace(",", separator), *(separator.join(row) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


PLAIN = _csv(_rows())


def _read(tmp_path: Path, content: str | bytes, **options: DateFormat) -> Transactions:
    path = tmp_path / "shop.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_orders([path], tmp_path, TODAY, **options)


def _refusal(tmp_path: Path, content: str | bytes, **options: DateFormat) -> str:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, content, **options)
    return str(caught.value)


def _changed(column: int, change: Callable[[str], str]) -> list[list[str]]:
    return [[*row[:column], change(row[column]), *row[column + 1 :]] for row in _rows()]


def _excel_serial(text: str) -> str:
    passed = datetime.fromisoformat(text) - datetime(1899, 12, 30)  # noqa: DTZ001 - a shop's wall clock
    return f"{passed / timedelta(days=1):.6f}"


def _zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, PLAIN)
    return packed.getvalue()


def _zstd(text: str) -> bytes:
    # A frame of raw blocks, as RFC 8878 has it: nothing here can pack zstd before Python 3.14.
    content = text.encode()
    block = (len(content) << 3 | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\x60" + (len(content) - 256).to_bytes(2, "little") + block + content


SAME: dict[str, str | bytes] = {
    "semicolons": _csv(_rows(), separator=";"),
    "decimal-comma": _csv(_changed(4, lambda price: price.replace(".", ",")), separator=";"),
    "tabs": _csv(_rows(), separator="\t"),
    "pipes": _csv(_rows(), separator="|"),
    "sep-line": "sep=,\n" + PLAIN,
    "sep-line-of-semicolons": "sep=;\r\n" + _csv(_rows(), separator=";"),
    "title-and-blank-rows": "Sales report 2011,,,,,,\n,,,,,,\n\n" + PLAIN,
    "twenty-rows-above": "Note\n" * 20 + PLAIN,
    "two-marks": "\ufeff\ufeff" + PLAIN,
    "three-marks": "\ufeff\ufeff\ufeff" + PLAIN,
    "carriage-returns-alone": PLAIN.replace("\n", "\r"),
    "utf-16-with-mark": PLAIN.encode("utf-16"),
    "utf-16-without-mark": PLAIN.encode("utf-16-le"),
    "utf-16-big-end-first": PLAIN.encode("utf-16-be"),
    "bz2": bz2.compress(PLAIN.encode()),
    "xz": lzma.compress(PLAIN.encode()),
    "zstd": _zstd(PLAIN),
    "zip": _zipped("report.csv"),
    "zip-of-a-mac": _zipped("report.csv", "__MACOSX/._report.csv"),
    "day-first-with-dashes": _csv(_rows("%d-%m-%Y %H:%M")),
    "day-first-with-slashes": _csv(_rows("%d/%m/%Y %H:%M")),
    "day-first-with-dots": _csv(_rows("%d.%m.%Y %H:%M"), separator=";"),
    "month-first-with-dashes": _csv(_rows("%m-%d-%Y")),
    "year-first-with-slashes": _csv(_rows("%Y/%m/%d %H:%M")),
    "utc-as-a-word": _csv(_rows("%Y-%m-%d %H:%M:%S UTC")),
    "zone-after-a-blank": _csv(_rows("%Y-%m-%d %H:%M:%S +01:00")),
    "zone-of-hours": _csv(_rows("%Y-%m-%d %H:%M:%S+00")),
    "customers-with-decimal-commas": _csv(_changed(5, lambda customer: f"{customer},0"), separator=";"),
    "excel-serials": _csv(_changed(3, _excel_serial)),
    "quotes-of-spark": _csv(_rows(name='"12\\" SHELF, OAK"')),
    "bare-inches": _csv(_rows(name='SHELF 12" OAK')),
    "bare-inches-twice": _csv(_rows(name='SHELF 12" x 5" OAK')),
    "bare-inches-with-semicolons": _csv(_rows(name='SHELF 12" OAK'), separator=";"),
    "header-repeated": _csv(_rows()[:10]) + _csv(_rows()[10:]),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_kind_that_can_be_read_gives_the_same_orders(tmp_path: Path, kind: str) -> None:
    expected = _read(tmp_path, PLAIN)
    assert expected.orders.height == 24
    assert_frame_equal(_read(tmp_path, SAME[kind]).orders, expected.orders, check_exact=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            _csv(_rows("%d/%m/%Y")[:1]),
            "shop.csv, line 2: InvoiceDate is '03/01/2011', which can be read in two ways, since no day is above 12",
            id="two-readings",
        ),
        pytest.param(
            _csv([*_rows("%d-%m-%Y"), *_rows("%m-%d-%Y")]),
            "shop.csv, line 4: InvoiceDate is '21-01-2011', the day first, but shop.csv, line 28: InvoiceDate is "
            "'01-21-2011', the month first",
            id="both-readings",
        ),
        pytest.param(
            _csv(_changed(5, lambda _customer: "1.7005E+06")),
            "shop.csv, line 2: CustomerID is '1.7005E+06', a number whose last digits are lost",
            id="scientific-ids",
        ),
        pytest.param(
            _csv(_changed(5, lambda _customer: "1.7005E7")),
            "whose last digits are lost",
            id="scientific-ids-of-java",
        ),
        pytest.param(
            _csv([["1", "x", "1.234", "2011-01-03", "5,50", "501", "Spain"]], separator=";"),
            "shop.csv, line 2: Quantity is '1.234', but other numbers of the file have a decimal comma",
            id="two-decimal-signs",
        ),
        pytest.param(PLAIN.replace("1004,RED", "10\0 04,RED"), "shop.csv, line 6: a NUL character", id="nul"),
        pytest.param(
            _csv(_rows(name="x" * 60_000)) + "9,x,1,2011-01-03,1,5\x0001,Spain\n",
            "line 26: CustomerID is",
            id="late-nul",
        ),
        pytest.param("Note\n" * 21 + PLAIN, "no header line with the expected columns", id="21-rows-above"),
        pytest.param(
            _csv(_rows(), separator="~"), "no header line with the expected columns", id="other-separator"
        ),
        pytest.param(
            _csv(_changed(4, lambda price: price.replace(".", ",")), separator="\t"),
            "shop.csv, line 2: UnitPrice is '2,00', not a number",
            id="decimal-comma-without-semicolons",
        ),
        pytest.param(
            _csv(_rows(name='SHELF, 12" OAK')), "8 fields, but the header has 7", id="bare-inches-and-comma"
        ),
        pytest.param(_csv(_changed(3, lambda _day: "9999")), "'9999', not a date such as", id="no-serial"),
        pytest.param(_zipped("a.csv", "b.csv"), "a zip file with 2 files in it", id="two-in-a-zip"),
        pytest.param(PLAIN.encode("utf-16")[:-1], "damaged or cut-off UTF-16 text", id="cut-utf-16"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in _refusal(tmp_path, content)


def test_an_order_of_day_and_month_can_be_told(tmp_path: Path) -> None:
    text = _csv(_rows("%d/%m/%Y")[:1] + _rows("%d/%m/%Y")[11:12])
    assert "date_format" in _refusal(tmp_path, text)
    for told, dates in {
        DateFormat.DAY_FIRST: [date(2011, 1, 3), date(2011, 4, 12)],
        DateFormat.MONTH_FIRST: [date(2011, 3, 1), date(2011, 12, 4)],
    }.items():
        assert sorted(_read(tmp_path, text, date_format=told).orders["date"]) == dates
    assert "'03/01/2011', not a date" in _refusal(tmp_path, text, date_format=DateFormat.YEAR_FIRST)


def test_one_reading_is_enough_where_both_are_the_same(tmp_path: Path) -> None:
    assert _read(tmp_path, _csv([[*_rows()[0][:3], "2/2/2011", *_rows()[0][4:]]])).orders["date"].to_list() == [
        date(2011, 2, 2)
    ]


def test_the_files_of_an_item_decide_together(tmp_path: Path) -> None:
    paths = []
    for number, rows in enumerate((_rows("%d/%m/%Y")[:1], _rows("%d/%m/%Y")[1:])):
        paths.append(tmp_path / f"{number}.csv")
        paths[-1].write_text(_csv(rows), encoding="utf-8")
    assert_frame_equal(read_orders(paths, tmp_path, TODAY).orders, _read(tmp_path, PLAIN).orders)


@pytest.mark.parametrize("word", ["nan", "NaN", "NULL", "NA", "N/A", "None", "<NA>", "-", "#N/A", " nan ", r"\N"])
def test_ids_that_mean_none_are_no_customer_and_are_counted(tmp_path: Path, word: str) -> None:
    spoilt = _csv([[*row[:5], word if row[0] in {"1003", "1007"} else row[5], row[6]] for row in _rows()])
    read = _read(tmp_path, spoilt)
    assert read.orders.height == 22
    assert read.orders["customer"].unique().sort().to_list() == ["501", "502", "503", "504"]
    assert read.left_out.counts()["missing_customer_ids"] == 2
    assert read.left_out.note() == "Left out: 2 ids that mean none."


@pytest.mark.parametrize("name", ["Nancy", "12E4", "5e12", "1E05", "12,000"])
def test_customers_may_be_called_like_words_and_numbers(tmp_path: Path, name: str) -> None:
    names = _csv([[*row[:5], name, row[6]] for row in _rows()], separator=";")
    assert _read(tmp_path, names).orders["customer"].unique().to_list() == [name]


def test_a_row_far_from_all_others_is_left_out_and_told(tmp_path: Path) -> None:
    for year in ("2001", "2009"):
        read = _read(tmp_path, PLAIN.replace("2011-01-12", f"{year}-01-12"))
        assert read.orders["date"].min() == date(2011, 1, 3)
        assert read.orders.height == 23
        assert read.left_out.counts()["rows_far_in_time"] == 1
        assert read.left_out.note() == "Left out: 1 rows far in time."


def test_more_than_one_row_in_a_hundred_that_far_away_is_refused(tmp_path: Path) -> None:
    text = PLAIN.replace("2011-01-12", "2001-01-12").replace("2011-01-03", "2002-06-03")
    said = _refusal(tmp_path, text)
    assert said.startswith(
        "shop.csv, line 3: InvoiceDate is '2001-01-12 10:00:00': 2 of 24 rows have more than a year between them and "
        "all others (2011-01-21 to 2011-07-30)"
    )
    many = [row for _ in range(9) for row in _rows()]
    spoilt = _csv(many).replace("2011-01-12 10:00:00", "2001-01-12 10:00:00", 2)
    assert _read(tmp_path, spoilt).left_out.counts()["rows_far_in_time"] == 2


def test_a_request_of_few_customers_keeps_one_who_was_away_for_long() -> None:
    dates = ["2009-01-05", "2011-01-03", "2011-01-03"]
    for count in (2, 3):
        rows = [[*row[:3], day, *row[4:]] for row, day in zip(_rows(), dates[:count], strict=False)]
        read = read_orders_from_bytes(_csv(rows).encode(), "The request", TODAY)
        assert read.orders["date"].sort().cast(str).to_list() == dates[:count]
        assert read.left_out.counts()["rows_far_in_time"] == 0


def test_midnight_may_be_a_little_less_than_a_whole_day(tmp_path: Path) -> None:
    text = _csv([[*_rows()[0][:3], "40545.9999999999", *_rows()[0][4:]]])
    assert _read(tmp_path, text).orders["date"].to_list() == [date(2011, 1, 3)]


def test_a_request_of_many_rows_leaves_out_those_that_training_leaves_out(tmp_path: Path) -> None:
    spoilt = _csv([row for _ in range(9) for row in _rows()]).replace("2011-01-12 10:00:00", "2001-01-12", 2)
    read = read_orders_from_bytes(spoilt.encode(), "The request", TODAY)
    assert read.left_out == _read(tmp_path, spoilt).left_out
    assert read.left_out.counts()["rows_far_in_time"] == 2


def test_a_year_without_an_order_is_no_typing_error(tmp_path: Path) -> None:
    text = PLAIN.replace("2011-01-03", "2010-01-11")
    assert _read(tmp_path, text).left_out.counts()["rows_far_in_time"] == 0


def test_every_row_that_is_in_no_order_is_counted_once(tmp_path: Path) -> None:
    rows = _rows()
    rows[0][5] = ""
    rows[1][5] = "NULL"
    rows[2][0] = "C1002"
    rows[3][4] = "0"
    rows[4][2] = "-3"
    rows[5][5], rows[5][0] = "", "C1005"
    read = _read(tmp_path, _csv(rows) + HEADER + "\n")
    assert read.left_out.counts() == {
        "repeated_headers": 1,
        "rows_without_customer": 2,
        "missing_customer_ids": 1,
        "cancellations": 1,
        "rows_far_in_time": 0,
        "rows_without_purchase": 2,
    }
    assert read.orders["lines"].sum() == 18
    note = read.left_out.note()
    assert note == "Left out: 1 ids that mean none, 1 repeated headers."


def test_what_every_file_has_makes_no_note(tmp_path: Path) -> None:
    rows = _rows()
    rows[0][5], rows[2][0], rows[3][4] = "", "C1002", "0"
    read = _read(tmp_path, _csv(rows))
    assert read.left_out.note() is None
    assert read.left_out.describe() == "1 rows without customer, 1 cancellations, 1 rows without purchase"


def _frame(**columns: pl.Expr) -> bytes:
    frame = pl.read_csv(PLAIN.encode(), infer_schema=False).select(
        InvoiceNo=pl.col("InvoiceNo"),
        Quantity=pl.col("Quantity").cast(pl.Int32),
        InvoiceDate=pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S"),
        UnitPrice=pl.col("UnitPrice").cast(pl.Float64),
        CustomerID=pl.col("CustomerID").cast(pl.Int64),
    )
    file = io.BytesIO()
    frame.with_columns(**columns).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({}, id="numbers-and-moments"),
        pytest.param({"CustomerID": pl.col("CustomerID").cast(pl.Float64)}, id="float-ids"),
        pytest.param({"CustomerID": pl.col("CustomerID").cast(pl.String)}, id="text-ids"),
        pytest.param({"InvoiceDate": pl.col("InvoiceDate").dt.date()}, id="days"),
        pytest.param({"InvoiceDate": pl.col("InvoiceDate").dt.strftime("%d/%m/%Y")}, id="days-as-text"),
        pytest.param({"UnitPrice": pl.col("UnitPrice").cast(pl.Decimal(10, 2))}, id="decimals"),
        pytest.param({"Quantity": pl.col("Quantity").cast(pl.String)}, id="quantities-as-text"),
    ],
)
def test_parquet_gives_the_same_orders(tmp_path: Path, columns: dict[str, pl.Expr]) -> None:
    expected = _read(tmp_path, PLAIN).orders
    assert_frame_equal(_read(tmp_path, _frame(**columns)).orders, expected, check_exact=True)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        pytest.param(
            {"Quantity": pl.col("Quantity") > 1},
            "the column Quantity is of the type Boolean, which is no quantity",
            id="type",
        ),
        pytest.param(
            {"InvoiceDate": pl.col("InvoiceDate").dt.epoch("d")},
            "the column InvoiceDate is of the type Int32, which is no date",
            id="number-as-date",
        ),
        pytest.param(
            {"CustomerID": pl.concat_list("CustomerID")}, "the column CustomerID is of the type List", id="list"
        ),
        pytest.param(
            {"UnitPrice": pl.when(pl.col("InvoiceNo") != "1004").then("UnitPrice")},
            "shop.csv, row 5: UnitPrice is empty, not a number",
            id="no-price",
        ),
    ],
)
def test_parquet_that_cannot_be_used_is_explained(tmp_path: Path, columns: dict[str, pl.Expr], said: str) -> None:
    assert said in _refusal(tmp_path, _frame(**columns))
