"""What people give by mistake, each with its exit code and its sentence; and what only looks like a mistake and works."""

from __future__ import annotations

import gzip
import http.client
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from benchmarks.batch_client import call
from tests.unit.container.retail_data import FIRST_DAY, Line, csv_bytes, make_shop, return_all

from .running import run_to_end, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .containers import Container

NAME = "Online_Retail.csv"
SHOP = make_shop(customers=40)
ONE_DAY = [Line(str(customer), customer, FIRST_DAY) for customer in (1, 2, 3)]
ONE_ORDER_EACH = [replace(line, moment=FIRST_DAY + timedelta(days=number)) for number, line in enumerate(ONE_DAY)]
ONE_CUSTOMER = [Line(str(day), 1, FIRST_DAY.replace(day=day)) for day in (1, 11, 31)]
NEXT_YEAR = f"{datetime.now(UTC) + timedelta(days=400):%Y-%m-%d %H:%M:%S}"
QUANTITY, DATE, PRICE, CUSTOMER = 3, 4, 5, 6

NO_PURCHASE = (
    "No line is a real purchase: none has a customer, is no cancellation (invoice number not beginning with C), and has "
    "a quantity and a price above 0."
)


def _shop(column: int, change: Callable[[str], str], *, lines: int | None = None) -> bytes:
    """Return the shop's file with a column changed, in so many lines from line 7 on, or in all."""
    records = count()

    def change_fields(fields: list[str]) -> list[str]:
        if lines is not None and not 5 <= next(records) < 5 + lines:
            return fields
        return [*fields[:column], change(fields[column]), *fields[column + 1 :]]

    return csv_bytes(SHOP, change=change_fields)


def _with_two_digit_year(date: str) -> str:
    return f"{datetime.fromisoformat(date):%m/%d/%y %H:%M}"


def _give(root: Path, content: bytes) -> None:
    """Put a file into the channel."""
    path = root / "input" / "data" / "training" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty", id="no-rows"),
        pytest.param(csv_bytes([]), "a header line and no line below it", id="header-only"),
        pytest.param(
            b"1,85123A,MUG,6,2010-12-01,2.5,1,UK\n", "has no header line with the expected", id="no-header"
        ),
        pytest.param(
            b"InvoiceNo,Quantity,InvoiceDate,CustomerID\n1,1,2010-12-01,1\n",
            "has no column UnitPrice or Price; its columns are InvoiceNo, Quantity, InvoiceDate, CustomerID",
            id="column-missing",
        ),
        pytest.param(
            csv_bytes(ONE_ORDER_EACH),
            "Of 3 customers none came back on another day, so there",
            id="no-repeat-customer",
        ),
        pytest.param(csv_bytes(ONE_CUSTOMER[:1]), "Of 1 customers none came back", id="one-customer-once"),
        pytest.param(csv_bytes(ONE_DAY), "Of 3 customers none came back", id="single-day"),
        pytest.param(csv_bytes(return_all(SHOP)), NO_PURCHASE, id="returns-only"),
        pytest.param(_shop(PRICE, lambda _: "-2.5"), NO_PURCHASE, id="negative-prices"),
        pytest.param(_shop(PRICE, lambda _: "0"), NO_PURCHASE, id="zero-prices"),
        pytest.param(
            _shop(PRICE, lambda _: "NaN", lines=1), "line 7: UnitPrice is 'NaN', not a number", id="nan-price"
        ),
        pytest.param(
            _shop(QUANTITY, lambda _: "six", lines=2),
            "line 7: Quantity is 'six', not a number of at most 1,000,000,000 (2 lines are like this)",
            id="column-of-the-wrong-type",
        ),
        pytest.param(
            _shop(DATE, lambda _: "gestern", lines=1), "line 7: InvoiceDate is 'gestern', not a date", id="no-date"
        ),
        pytest.param(
            _shop(DATE, lambda _: NEXT_YEAR, lines=1), f"line 7: InvoiceDate is '{NEXT_YEAR}'", id="future-date"
        ),
        pytest.param(
            _shop(DATE, _with_two_digit_year),
            "not a date such as 2010-12-01 08:26:00 or 12/1/2010 8:26, the year with all four digits",
            id="two-digit-years",
        ),
        pytest.param(
            gzip.compress(csv_bytes(SHOP))[:-20], "is a damaged or cut-off gzip file", id="truncated-gzip"
        ),
    ],
)
def test_what_cannot_be_used_is_the_users_fault(
    container: Container, tmp_path: Path, content: bytes, said: str
) -> None:
    _give(tmp_path, content)
    run = run_to_end(container, tmp_path, "train")
    assert run.returncode == 1, run.output
    failure = (tmp_path / "output" / "failure").read_text(encoding="utf-8")
    assert said in failure
    assert failure in run.output
    assert "Traceback" not in run.output
    assert not (tmp_path / "model" / "model.json").exists()


@pytest.mark.parametrize(
    ("content", "customers"),
    [
        pytest.param(csv_bytes(SHOP, encoding="utf-8-sig"), 40, id="byte-order-mark"),
        pytest.param(_shop(CUSTOMER, lambda name: name and name.rjust(200, "x")), 40, id="ids-of-200-characters"),
        pytest.param(csv_bytes([line for line in SHOP for _ in range(2)]), 40, id="duplicate-lines"),
        # One customer has bought nothing else.
        pytest.param(_shop(PRICE, lambda _: "-1", lines=3), 39, id="some-negative-prices"),
        pytest.param(_shop(PRICE, lambda _: "0", lines=3), 39, id="some-zero-prices"),
        pytest.param(csv_bytes(ONE_CUSTOMER), 1, id="one-customer-who-came-back"),
    ],
)
def test_what_only_looks_wrong_is_learned_from_and_served(
    container: Container, tmp_path: Path, content: bytes, customers: int
) -> None:
    _give(tmp_path, content)
    run = run_to_end(container, tmp_path, "train")
    assert run.returncode == 0, run.output
    assert not (tmp_path / "output" / "failure").exists()
    sample = (tmp_path / "output" / "data" / "sample_prediction.csv").read_bytes()
    with serving(container, tmp_path) as (_, port):
        status, answer = call(port, "POST", "/invocations", sample)
    assert status == http.client.OK, answer
    asked, answered = ([line.split(b",")[0] for line in text.splitlines()] for text in (sample, answer))
    assert answered == asked
    assert len(answered) == 1 + customers


@pytest.mark.parametrize(
    ("hyperparameters", "said"),
    [
        ({"probability_days": "91"}, "probability_days must be a whole number from 1 to 90, not '91'."),
        ({"horizon": "5"}, "Unknown hyperparameter horizon; known are as_of, cutoff, "),
        ({"cutoff": 1}, "Hyperparameter cutoff must be a string, as SageMaker passes all of them, not 1."),
        ({"model_backend": "xgboost"}, "model_backend 'xgboost' is unknown; this image has auto, mean_gap,"),
        ({"as_of": "2999-01-01"}, "as_of must not be after today, "),
        ({"cutoff": "2009-01-01"}, "cutoff must be a day after 2010-12-01 and until 2010-12-31, the data's days"),
    ],
)
def test_hyperparameters_that_cannot_be_used_are_the_users_fault(
    container: Container, tmp_path: Path, hyperparameters: dict[str, object], said: str
) -> None:
    _give(tmp_path, csv_bytes(ONE_CUSTOMER))
    config = tmp_path / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir()
    config.write_text(json.dumps(hyperparameters), encoding="utf-8")
    assert run_to_end(container, tmp_path, "train").returncode == 1
    assert (tmp_path / "output" / "failure").read_text(encoding="utf-8").startswith(said)


@pytest.fixture(scope="module")
def trained(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    _give(root, csv_bytes(ONE_CUSTOMER))
    run = run_to_end(container, root, "train")
    assert run.returncode == 0, run.output
    return root


def test_a_features_file_of_another_version_is_refused_by_the_server(container: Container, trained: Path) -> None:
    """The file of version 1 had no counts of the orders of the last days."""
    header, line = (trained / "output" / "data" / "sample_prediction.csv").read_bytes().splitlines()
    names = header.split(b",")
    kept = [
        place for place, name in enumerate(names) if not (name.startswith(b"orders_") and name.endswith(b"_days"))
    ]
    assert len(kept) < len(names)
    with serving(container, trained) as (_, port):
        for text in (header, line):
            body = b",".join(text.split(b",")[place] for place in kept) + b"\n"
            status, answer = call(port, "POST", "/invocations", body)
            assert status == http.client.BAD_REQUEST
            assert b"ine 1" in answer


def test_a_model_of_another_version_is_not_served(container: Container, trained: Path, tmp_path: Path) -> None:
    description = json.loads((trained / "model" / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text(
        json.dumps(description | {"schema_version": 1}), encoding="utf-8"
    )
    run = run_to_end(container, tmp_path, "serve")
    assert run.returncode == 1
    assert "model.json has schema version 1, this image reads 3: train again with this image" in run.output
