"""The made-up web shop."""

from __future__ import annotations

import csv
import hashlib
import statistics
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from automlops.tables.sample_data import COLUMNS, country_names, write_transactions

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    path = tmp_path_factory.mktemp("sample") / "transactions.csv"
    write_transactions(path, country_names(3), 2010)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def moment_of(row: Row) -> datetime:
    return datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC)


def test_same_seed_makes_the_same_bytes_on_every_python(tmp_path: Path) -> None:
    write_transactions(tmp_path / "a.csv", country_names(2), 7)
    digest = hashlib.sha256((tmp_path / "a.csv").read_bytes()).hexdigest()
    assert digest == "645ccebeb2d066a1ea9c1dfb95e954b89a61a3381949843f9f12c29923c2448d"


def test_another_seed_makes_another_shop(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_transactions(tmp_path / f"{seed}.csv", country_names(1), seed)
    assert (tmp_path / "1.csv").read_bytes() != (tmp_path / "2.csv").read_bytes()


def test_returned_number_is_the_number_of_rows(tmp_path: Path) -> None:
    written = write_transactions(tmp_path / "a.csv", country_names(1), 1)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert written == sum(1 for _ in csv.DictReader(file))


def test_columns_are_those_of_online_retail(rows: list[Row]) -> None:
    assert tuple(rows[0]) == COLUMNS
    assert all(None not in row and None not in row.values() for row in rows)


def test_returns_are_negative_and_their_invoices_begin_with_c(rows: list[Row]) -> None:
    returns = [row for row in rows if int(row["Quantity"]) < 0]
    assert 0.002 < len(returns) / len(rows) < 0.05
    assert {row["InvoiceNo"][0] for row in returns} == {"C"}
    assert not any(row["InvoiceNo"].startswith("C") for row in rows if int(row["Quantity"]) > 0)


def test_some_rows_have_no_customer_and_the_others_a_float(rows: list[Row]) -> None:
    without = [row for row in rows if not row["CustomerID"]]
    assert 0.05 < len(without) / len(rows) < 0.3
    names = {row["CustomerID"] for row in rows if row["CustomerID"]}
    assert all(name.endswith(".0") and name[:-2].isdigit() for name in names)


def test_invoice_has_one_moment_one_customer_and_one_country(rows: list[Row]) -> None:
    facts = defaultdict(set)
    for row in rows:
        facts[row["InvoiceNo"]].add((row["InvoiceDate"], row["CustomerID"], row["Country"]))
    assert all(len(found) == 1 for found in facts.values())


def test_every_country_has_hundreds_of_customers_who_came_twice(rows: list[Row]) -> None:
    orders = defaultdict(set)
    for row in rows:
        if row["CustomerID"] and int(row["Quantity"]) > 0:
            orders[row["Country"], row["CustomerID"]].add(row["InvoiceNo"])
    twice = [country for (country, _), invoices in orders.items() if len(invoices) > 1]
    assert {country: twice.count(country) > 200 for country in set(twice)} == dict.fromkeys(country_names(3), True)


def test_customers_past_tells_of_their_next_purchase(rows: list[Row]) -> None:
    days = defaultdict(set)
    for row in rows:
        if row["CustomerID"] and int(row["Quantity"]) > 0:
            days[row["CustomerID"]].add(moment_of(row))
    gaps = [
        [(later - earlier).days for earlier, later in pairwise(ordered)] for ordered in map(sorted, days.values())
    ]
    gaps = [found for found in gaps if len(found) > 2]
    usual = statistics.mean(found[-1] for found in gaps)
    by_own_past = statistics.mean(abs(found[-1] - statistics.mean(found[:-1])) for found in gaps)
    by_everyone = statistics.mean(abs(found[-1] - usual) for found in gaps)
    assert 0 < by_own_past < 0.7 * by_everyone


def test_names_of_countries_never_run_out() -> None:
    assert len(set(country_names(300))) == 300
