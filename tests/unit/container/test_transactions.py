"""Reading: every form people have gives the same lines, and what cannot be read is named."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

from next_purchase.errors import DataError
from next_purchase.transactions import read_transactions
from tests.unit.container.retail_data import (
    FIRST_DAY,
    HEADER,
    Line,
    american_date,
    make_shop,
    whole_customer,
    write_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RETAIL_TWO = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")


def _reordered(fields: list[str]) -> list[str]:
    return fields[::-1]


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
def test_every_form_gives_the_same_lines(
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
    expected = read_transactions([plain], tmp_path)
    assert expected.height > 50
    assert_frame_equal(read_transactions([other], tmp_path), expected)


def test_customer_ids_with_letters_keep_them_in_any_encoding(tmp_path: Path) -> None:
    def named(fields: list[str]) -> list[str]:
        return [*fields[:6], "Ä-007.0", *fields[7:]]

    line = Line("536365", 1, FIRST_DAY)
    for encoding in ("utf-8", "latin-1"):
        path = write_lines(tmp_path / f"{encoding}.csv", [line], encoding=encoding, change=named)
        assert read_transactions([path], tmp_path)["customer"].to_list() == ["Ä-007.0"]


def test_files_of_one_channel_are_read_as_one(tmp_path: Path) -> None:
    lines = make_shop(customers=10)
    whole = write_lines(tmp_path / "whole.csv", lines)
    half = len(lines) // 2
    parts = [
        write_lines(tmp_path / "1.csv", lines[:half]),
        write_lines(tmp_path / "2.csv.gz", lines[half:], header=RETAIL_TWO, change=american_date),
    ]
    assert_frame_equal(read_transactions(parts, tmp_path), read_transactions([whole], tmp_path))


def test_cancellations_and_lines_without_customer_may_be_wrong_in_other_fields(tmp_path: Path) -> None:
    good = Line("536365", 17850, FIRST_DAY)
    broken = [replace(good, invoice="C536366"), replace(good, customer=None)]

    def no_date(fields: list[str]) -> list[str]:
        return fields if fields == good.fields() else [*fields[:4], "never", *fields[5:]]

    path = write_lines(tmp_path / "a.csv", [*broken, good], change=no_date)
    assert read_transactions([path], tmp_path).rows() == [("17850", date(2010, 12, 1), 6.0, 2.55)]


@pytest.mark.parametrize(
    ("field", "value", "column", "said"),
    [
        pytest.param(4, "1.12.2010", "InvoiceDate", "'1.12.2010', not a date such as", id="unknown-date-form"),
        pytest.param(4, "31/12/2010 8:26", "InvoiceDate", "month/day/year", id="day-before-month"),
        pytest.param(4, "12/1/10 8:26", "InvoiceDate", "'12/1/10 8:26'", id="two-digit-year"),
        pytest.param(4, "2011-02-30 08:00:00", "InvoiceDate", "'2011-02-30 08:00:00'", id="no-such-day"),
        pytest.param(4, "", "InvoiceDate", "is empty", id="no-date"),
        pytest.param(3, "six", "Quantity", "'six', not a number", id="quantity-in-words"),
        pytest.param(5, "2,55", "UnitPrice", "'2,55', not a number", id="decimal-comma"),
        pytest.param(5, "nan", "UnitPrice", "'nan', not a number", id="price-nan"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, field: int, value: str, column: str, said: str
) -> None:
    lines = [Line(str(number), 17850, FIRST_DAY) for number in range(5)]

    def spoil(fields: list[str]) -> list[str]:
        return [*fields[:field], value, *fields[field + 1 :]] if fields[0] == "3" else fields

    path = write_lines(tmp_path / "shop.csv", lines, change=spoil)
    with pytest.raises(DataError) as caught:
        read_transactions([path], tmp_path)
    assert str(caught.value).startswith(f"shop.csv, line 5: {column} is ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "shop.csv is empty", id="no-byte"),
        pytest.param(b"\xef\xbb\xbf\n\n", "shop.csv is empty", id="blank-lines-only"),
        pytest.param(b"536365,85123A,6,2010-12-01,2.55,17850\n", "no header line", id="no-header"),
        pytest.param(b"InvoiceNo,Quantity\n1,2\n", "InvoiceDate.*UnitPrice or Price.*CustomerID", id="columns"),
        pytest.param(b"PK\x03\x04rest", "Excel", id="excel"),
        pytest.param(b"\xff\xfeI\x00n\x00", "UTF-16", id="utf-16"),
        pytest.param(b"abc\x00\x01\x02", "not a text file", id="binary"),
        pytest.param(gzip.compress(random.Random(1).randbytes(5000))[:-100], "cut-off gzip", id="cut-gzip"),  # noqa: S311 - test data
        pytest.param(
            b"Invoice,Quantity,InvoiceDate,Price,Customer ID\n1,1,2011-01-01,1,9\n1,1,2011-01-01,1,9,MUG, RED\n",
            "line 3: 7 fields, but the header has 5",
            id="too-many-fields",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_transactions([path], tmp_path)
