"""Reading: every form people have gives the same orders, and what cannot be read is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from next_purchase.date_format import DateFormat
from next_purchase.errors import DataError
from next_purchase.reading.transactions import is_transactions_header, read_orders, read_orders_from_bytes
from tests.unit.container.retail_data import (
    FIRST_DAY,
    HEADER,
    RETAIL_TWO,
    Line,
    american_date,
    make_shop,
    return_all,
    whole_customer,
    write_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

TODAY = date(2012, 3, 1)
NEEDED = b"Invoice,Quantity,InvoiceDate,Price,Customer ID\n"


def _zip(files: dict[str, bytes]) -> bytes:
    """Return a zip file of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _reordered(fields: list[str]) -> list[str]:
    return fields[::-1]


_FORMS: list[tuple[str, tuple[str, ...], Callable[[list[str]], list[str]]]] = [
    (".csv", HEADER, list),
    (".csv.gz", HEADER, whole_customer),
    (".csv", HEADER[::-1], _reordered),
    (".gz", RETAIL_TWO, american_date),
]


def _read(scratch: Path, *paths: Path) -> pl.DataFrame:
    return read_orders(paths, scratch, TODAY).orders


def _refusal(scratch: Path, *paths: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_orders(paths, scratch, TODAY)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "header", "encoding", "change", "line_end"),
    [
        pytest.param("a.csv", HEADER, "latin-1", list, "\n", id="latin-1"),
        pytest.param("a.csv", HEADER, "cp1252", list, "\n", id="windows-1252"),
        pytest.param("a.csv", HEADER, "utf-8-sig", list, "\n", id="byte-order-mark"),
        pytest.param("a.csv", HEADER, "utf-8", american_date, "\n", id="american-dates"),
        pytest.param("a.csv", HEADER, "utf-8", whole_customer, "\n", id="integer-customers"),
        pytest.param("a.csv", RETAIL_TWO, "utf-8", list, "\n", id="online-retail-ii"),
        pytest.param("a.csv", HEADER, "utf-8", list, "\r\n", id="windows-line-ends"),
        pytest.param("a.csv.gz", HEADER, "latin-1", list, "\n", id="gzip-of-latin-1"),
        pytest.param("a.data", HEADER[::-1], "utf-8", _reordered, "\n", id="other-column-order-and-file-name"),
    ],
)
def test_every_form_gives_the_same_orders(
    tmp_path: Path,
    name: str,
    header: tuple[str, ...],
    encoding: str,
    change: Callable[[list[str]], list[str]],
    line_end: str,
) -> None:
    lines = make_shop(customers=15)
    plain = write_lines(tmp_path / "plain.csv", lines)
    other = write_lines(tmp_path / name, lines, header=header, encoding=encoding, change=change, line_end=line_end)
    expected = _read(tmp_path, plain)
    assert expected.height > 50
    assert_frame_equal(_read(tmp_path, other), expected, check_exact=True)
    assert_frame_equal(read_orders_from_bytes(other.read_bytes(), name, TODAY).orders, expected, check_exact=True)


@settings(max_examples=25)
@given(data=st.data())
def test_lines_in_any_order_and_in_any_number_of_files_give_the_same_orders(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("shop")
    lines = make_shop(customers=6)
    whole = write_lines(folder / "whole.csv", lines)
    shuffled = data.draw(st.permutations(lines))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=4)))
    parts = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(lines)], strict=True)):
        suffix, header, change = data.draw(st.sampled_from(_FORMS))
        parts.append(write_lines(folder / f"{number}{suffix}", shuffled[start:end], header=header, change=change))
    # A handful of lines may have no day above 12.
    together = read_orders(parts, folder, TODAY, DateFormat.MONTH_FIRST).orders
    assert_frame_equal(together, _read(folder, whole), check_exact=True)


def test_a_file_larger_than_the_pieces_it_is_read_in_keeps_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARS_CSV_CHUNK_SIZE", "3000")
    note = "x" * 2000
    lines = [Line(str(number), number % 50, FIRST_DAY, description=f'{note}\n"{note}') for number in range(2000)]
    orders = _read(tmp_path, write_lines(tmp_path / "a.csv", lines))
    assert (orders.height, orders["lines"].sum(), orders["amount"].sum()) == (50, 2000, 30_600.0)


def test_files_of_one_name_in_several_folders_are_each_read(tmp_path: Path) -> None:
    paths = [
        write_lines(tmp_path / folder / "a.csv", [Line("1", customer, FIRST_DAY)], encoding="latin-1")
        for customer, folder in ((1, "first"), (2, "second"))
    ]
    assert _read(tmp_path, *paths)["customer"].to_list() == ["1", "2"]


def test_a_file_name_is_no_pattern(tmp_path: Path) -> None:
    assert _read(tmp_path, write_lines(tmp_path / "shop [1]*.csv", [Line("1", 1, FIRST_DAY)])).height == 1


def test_customer_ids_keep_letters_in_any_encoding_and_any_length(tmp_path: Path) -> None:
    for customer in ("Ä-007.0", "x" * 200, "9" * 200):
        for encoding in ("utf-8", "latin-1"):
            path = write_lines(
                tmp_path / f"{encoding}.csv",
                [Line("536365", 1, FIRST_DAY)],
                encoding=encoding,
                change=lambda fields: [*fields[:6], customer, *fields[7:]],  # noqa: B023 - used at once
            )
            assert _read(tmp_path, path)["customer"].to_list() == [customer]


def test_one_customer_written_in_two_ways_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        NEEDED + b"1,1,2011-01-01,1,17850\n2,1,1/1/2011 9:00,1,17850.0\n3,1,2011-01-01 10:00, 1 , 17850 \n"
    )
    assert _read(tmp_path, path).rows() == [("17850", date(2011, 1, 1), 3.0, 3)]


def test_equal_lines_are_each_counted(tmp_path: Path) -> None:
    line = Line("536365", 17850, FIRST_DAY, quantity=2, price=1.5)
    once, twice = (_read(tmp_path, write_lines(tmp_path / "a.csv", [line] * times)) for times in (1, 2))
    assert once.rows() == [("17850", date(2010, 12, 1), 3.0, 1)]
    assert twice.rows() == [("17850", date(2010, 12, 1), 6.0, 2)]


def test_cancellations_and_lines_without_customer_may_be_wrong_in_other_fields(tmp_path: Path) -> None:
    good = Line("536365", 17850, FIRST_DAY)
    broken = [replace(good, invoice="C536366"), replace(good, invoice=" c536367"), replace(good, customer=None)]

    def spoil(fields: list[str]) -> list[str]:
        return fields if fields == good.fields() else [*fields[:3], "many", "never", "dear", *fields[6:]]

    def blank_customer(fields: list[str]) -> list[str]:
        return [*spoil(fields)[:6], fields[6] or "  ", fields[7]]

    for change in (spoil, blank_customer):
        path = write_lines(tmp_path / "a.csv", [*broken, good], change=change)
        assert _read(tmp_path, path).rows() == [("17850", date(2010, 12, 1), 15.3, 1)]


@pytest.mark.parametrize(
    ("field", "value", "column", "said"),
    [
        pytest.param(4, "1 Dec 2010", "InvoiceDate", "'1 Dec 2010', not a date such as", id="unknown-date-form"),
        pytest.param(4, "1.12.2010", "InvoiceDate", "which can be read in two ways", id="two-readings"),
        pytest.param(4, "2010-31-12 8:26", "InvoiceDate", "not a date such as", id="day-before-month"),
        pytest.param(4, "12/1/10 8:26", "InvoiceDate", "the year with all four digits", id="two-digit-year"),
        pytest.param(4, "10-12-01", "InvoiceDate", "the year with all four digits", id="two-digit-iso-year"),
        pytest.param(4, "2011-02-30 08:00:00", "InvoiceDate", "'2011-02-30 08:00:00'", id="no-such-day"),
        pytest.param(4, "", "InvoiceDate", "is empty", id="no-date"),
        pytest.param(4, "2012-03-03", "InvoiceDate", "'2012-03-03', later than 2012-03-02", id="future"),
        pytest.param(4, "1/1/1900 0:00", "InvoiceDate", "not after 1970-01-01", id="date-for-none"),
        pytest.param(4, "1970-01-01 00:00:00", "InvoiceDate", "not after 1970-01-01", id="moment-0-for-none"),
        pytest.param(3, "six", "Quantity", "'six', not a number", id="quantity-in-words"),
        pytest.param(3, "", "Quantity", "is empty, not a number", id="no-quantity"),
        pytest.param(3, "2000000000", "Quantity", "at most 1,000,000,000", id="quantity-beyond-all-sense"),
        pytest.param(5, "2,55", "UnitPrice", "'2,55', not a number", id="decimal-comma"),
        pytest.param(5, "nan", "UnitPrice", "'nan', not a number", id="price-nan"),
        pytest.param(5, "-inf", "UnitPrice", "'-inf', not a number", id="price-infinite"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, field: int, value: str, column: str, said: str
) -> None:
    lines = [Line(str(number), 17850, FIRST_DAY) for number in range(5)]

    def spoil(fields: list[str]) -> list[str]:
        return [*fields[:field], value, *fields[field + 1 :]] if fields[0] == "3" else fields

    for name in ("shop.csv", "shop.csv.gz"):
        refusal = _refusal(tmp_path, write_lines(tmp_path / name, lines, change=spoil))
        assert refusal.startswith(f"{name}, line 5: {column} is ")
        assert said in refusal


def test_a_request_may_be_called_anything() -> None:
    body = NEEDED + "1,1,2011-01-01,1,Ä\n".encode("latin-1")
    assert read_orders_from_bytes(body, "a/b" * 200, TODAY).orders["customer"].to_list() == ["Ä"]


def test_a_request_with_a_wrong_value_is_named_as_it_was_called() -> None:
    with pytest.raises(DataError, match=r"^The request, line 2: InvoiceDate is 'never', not a date"):
        read_orders_from_bytes(NEEDED + b"1,1,never,1,9\n", "The request", TODAY)


def test_a_column_of_the_wrong_type_is_named_once_with_the_number_of_lines(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.csv",
        [Line(str(number), 17850, FIRST_DAY) for number in range(1234)],
        change=lambda fields: [*fields[:3], "MUG", *fields[4:]],
    )
    assert _refusal(tmp_path, path).startswith("a.csv, line 2: Quantity is 'MUG', not a number")
    assert _refusal(tmp_path, path).endswith(" (1,234 lines are like this).")


@pytest.mark.parametrize(
    "wrong", list(permutations(["1,1,2011-01-01,dear,9", "1,many,2011-01-01,1,9", "1,1,never,1,9"]))
)
def test_the_first_wrong_value_of_a_known_customer_is_named(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([NEEDED.decode() + "1,one,2011-01-01,1, ", *wrong]))
    (value,) = {"dear", "many", "never"}.intersection(wrong[0].split(","))
    assert re.match(rf"a\.csv, line 3: \w+ is '{value}', not ", _refusal(tmp_path, path))


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\n\nNote," + NEEDED + b'"two\r\nlines",1,1,2011-01-01,1,9\n\na\rb,1,1,2011-01-01,1,9\nx,1,1,never,1,9\n'
    )
    assert _refusal(tmp_path, path).startswith("a.csv, line 8: InvoiceDate is 'never'")


def test_a_field_of_any_length_does_not_hide_a_wrong_value(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(NEEDED + b"x" * 500_000 + b",1,2011-01-01,1,9\n1,1,never,1,9\n")
    assert _refusal(tmp_path, path).startswith("a.csv, line 3: InvoiceDate is 'never'")


def test_tomorrow_is_no_future_since_it_has_begun_east_of_here(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", [Line("1", 1, FIRST_DAY)])
    assert read_orders([path], tmp_path, FIRST_DAY.date() - timedelta(days=1)).orders.height == 1
    with pytest.raises(DataError, match=r"line 2: InvoiceDate is .* later than 2010-11-30"):
        read_orders([path], tmp_path, FIRST_DAY.date() - timedelta(days=2))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(return_all(make_shop(customers=3)), id="all-returns"),
        pytest.param([Line("1", 1, FIRST_DAY, quantity=-1)], id="negative-quantity"),
        pytest.param([Line("1", 1, FIRST_DAY, price=0.0)], id="price-zero"),
        pytest.param([Line("1", 1, FIRST_DAY, price=-11062.06)], id="price-negative"),
        pytest.param([Line("1", None, FIRST_DAY)], id="no-customer"),
    ],
)
def test_lines_without_a_real_purchase_are_refused(tmp_path: Path, lines: list[Line]) -> None:
    refusal = _refusal(tmp_path, write_lines(tmp_path / "a.csv", lines, encoding="latin-1"))
    assert refusal.startswith("No line is a real purchase: none has a customer")


def test_headers_alone_are_refused_but_may_stand_beside_lines(tmp_path: Path) -> None:
    alone = [write_lines(tmp_path / name, []) for name in ("1.csv", "2.csv.gz")]
    assert _refusal(tmp_path, *alone) == "1.csv, 2.csv.gz: a header line and no line below it."
    assert _read(tmp_path, *alone, write_lines(tmp_path / "3.csv", [Line("1", 1, FIRST_DAY)])).height == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "shop.csv is empty", id="no-byte"),
        pytest.param(b"\xef\xbb\xbf\n\n", "shop.csv is empty", id="blank-lines-only"),
        pytest.param(b"536365,85123A,6,2010-12-01,2.55,17850\n", "no header line", id="no-header"),
        pytest.param(b"InvoiceNo,Quantity\n1,2\n", "InvoiceDate.*UnitPrice or Price.*CustomerID", id="columns"),
        pytest.param(b"PK\x03\x04rest", "damaged or cut-off zip", id="half-a-zip"),
        pytest.param(_zip({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "automlops split", id="excel"),
        pytest.param(
            _zip({"a.csv": NEEDED, "b.csv": NEEDED}), r"2 files in it \(a.csv, b.csv\)", id="two-in-a-zip"
        ),
        pytest.param(_zip({}), "without a file in it", id="empty-zip"),
        pytest.param(b"\x28\xb5\x2f\xfdrest", "damaged or cut-off zstd file", id="half-a-zstd"),
        pytest.param(bz2.compress(NEEDED)[:-9], "damaged or cut-off bz2 file", id="half-a-bz2"),
        pytest.param(lzma.compress(NEEDED)[:-9], "damaged or cut-off xz file", id="half-an-xz"),
        pytest.param(b"PAR1rest", "damaged Parquet file", id="half-a-parquet"),
        pytest.param(b"\x04\x22\x4d\x18rest", "an lz4 file: unpack it", id="lz4"),
        pytest.param(b"ORCrest", "an ORC file: save it as CSV or Parquet", id="orc"),
        pytest.param(b"\xff\xfeI\x00n\x00v", "damaged or cut-off UTF-16 text", id="half-a-utf-16"),
        pytest.param(b"abc\x00\x01\x02", "not a text file", id="binary"),
        pytest.param(gzip.compress(NEEDED)[:-9], "shop.csv is a damaged or cut-off gzip", id="cut-small-gzip"),
        pytest.param(
            gzip.compress(NEEDED + b"".join(b"%d,1,2011-01-01,1,9\n" % line for line in range(100_000)))[:-9],
            "shop.csv is a damaged or cut-off gzip",
            id="cut-large-gzip",
        ),
        pytest.param(
            NEEDED + b"1,1,2011-01-01,1,9\n1,1,2011-01-01,1,9,MUG, RED\n",
            "shop.csv, line 3: 7 fields, but the header has 5",
            id="too-many-fields-at-the-end",
        ),
        pytest.param(
            b"Description," + NEEDED[:-1] + b",Country\nMUG, RED,1,6,2011-01-01,1,9,UK\n",
            "shop.csv, line 2: 8 fields, but the header has 7",
            id="too-many-fields-before-others",
        ),
        pytest.param(
            NEEDED + b'1,1,2011-01-01,1,9\n"2 MUG,1,2011-01-01,1,9\n',
            "shop.csv, line 3: a double quote without its partner",
            id="lone-quote",
        ),
        pytest.param(
            NEEDED + b'1,1,2011-01-01,1,9\n"MUG,1,2011-01-01,1,9\n' + b"1,1,2011-01-01,1,9\n" * 10_000,
            "shop.csv, line 3: a double quote without its partner",
            id="field-that-never-ends",
        ),
        pytest.param(b'"' + b"x" * 200_000, "no header line", id="header-that-never-ends"),
        pytest.param(
            b'"' + b"x" * 200_000 + b'",' + NEEDED + b'"12,1,1,2011-01-01,1,9\n',
            "shop.csv, line 2: a double quote without its partner",
            id="lone-quote-below-a-long-header",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        _read(tmp_path, path)


def test_bytes_without_a_meaning_in_any_encoding_do_not_keep_the_rest_from_being_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"Note," + NEEDED + b"\x81\xe9,1,1,2011-01-01,1,9\n")
    assert _read(tmp_path, path).height == 1


def test_a_file_that_is_gone_is_not_the_data_s_fault(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"gone\.csv"):
        _read(tmp_path, tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("first_line", "is_one"),
    [
        pytest.param(",".join(HEADER), True, id="online-retail"),
        pytest.param(
            "\ufeff" + ",".join(f'"{name}"' for name in RETAIL_TWO) + "\r\n", True, id="quoted-with-mark"
        ),
        pytest.param("customer_id,PRICE,invoice date,quantity,invoiceno", True, id="other-spelling"),
        pytest.param(",".join(HEADER).replace("CustomerID", "Customer"), False, id="a-column-short"),
        pytest.param("CustomerID,last_order_date,gap_1", False, id="features"),
        pytest.param("", False, id="nothing"),
        pytest.param("x" * 200_000, False, id="no-csv"),
    ],
)
def test_transactions_are_known_by_their_header(first_line: str, *, is_one: bool) -> None:
    assert is_transactions_header(first_line) is is_one
