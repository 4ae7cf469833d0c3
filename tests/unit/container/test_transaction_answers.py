"""A whole file of transactions in one request: a line for each customer, as if training had written the features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.container.asking import JSON_LINES, ask, refusal
from tests.unit.container.retail_data import (
    FIRST_DAY,
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

    from flask.testing import FlaskClient

    from next_purchase.sagemaker_contract import ContainerPaths


@pytest.fixture(scope="module")
def transactions(shop_folder: ContainerPaths) -> bytes:
    return (shop_folder.channel("training") / "Online_Retail.csv").read_bytes()


def test_transactions_are_answered_as_their_features_are(
    client: FlaskClient, transactions: bytes, sample: str
) -> None:
    answer = ask(client, transactions)
    assert answer == ask(client, sample)
    assert answer.count("\n") == 201


def test_the_answer_can_be_json_lines(client: FlaskClient, transactions: bytes, sample: str) -> None:
    assert ask(client, transactions, accept=JSON_LINES) == ask(client, sample, accept=JSON_LINES)


@pytest.mark.parametrize(
    ("encoding", "change"),
    [
        pytest.param("latin-1", american_date, id="latin-1-and-american-dates"),
        pytest.param("utf-8-sig", whole_customer, id="byte-order-mark-and-integer-customers"),
    ],
)
def test_all_that_training_reads_is_understood(
    client: FlaskClient, tmp_path: Path, sample: str, encoding: str, change: Callable[[list[str]], list[str]]
) -> None:
    path = write_lines(
        tmp_path / "a.csv", make_shop(customers=200), header=RETAIL_TWO, encoding=encoding, change=change
    )
    assert ask(client, path.read_bytes()) == ask(client, sample)


def test_a_bad_line_is_named_with_its_column(client: FlaskClient, tmp_path: Path) -> None:
    lines = [Line(str(number), 1, FIRST_DAY) for number in range(5)]
    body = write_lines(tmp_path / "a.csv", lines).read_text(encoding="utf-8").splitlines(keepends=True)
    body[3] = body[3].replace("2010-12-01 08:26:00", "yesterday")
    assert refusal(client, "".join(body)).startswith(
        "The request, line 4: InvoiceDate is 'yesterday', not a date such as"
    )


def test_a_file_without_a_purchase_is_refused(client: FlaskClient, tmp_path: Path) -> None:
    body = write_lines(tmp_path / "a.csv", return_all([Line("1", 1, FIRST_DAY)])).read_bytes()
    assert refusal(client, body).startswith("No line is a real purchase")


def test_transactions_without_their_header_are_refused_with_the_reason(
    client: FlaskClient, transactions: bytes
) -> None:
    said = refusal(client, transactions.partition(b"\n")[2])
    assert said.startswith("Line 1: 8 fields, but this model needs 16: CustomerID,")
    assert said.endswith("Transactions are recognised by their header line: send them with it, as one request.\n")
