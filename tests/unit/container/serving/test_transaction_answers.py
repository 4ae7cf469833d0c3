"""A whole file of transactions in one request: a line for each customer, as if training had written the features."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from next_purchase.learning.training import train
from next_purchase.models.artifact import load_artifact
from next_purchase.sagemaker_contract import ContainerPaths
from next_purchase.serving.application import create_application
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


def _as_parquet(body: bytes) -> bytes:
    file = io.BytesIO()
    pl.read_csv(body, infer_schema=False).write_parquet(file)
    return file.getvalue()


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
    "change",
    [
        pytest.param(lambda body: b"Report\n\n" + body, id="title"),
        pytest.param(lambda body: b"sep=,\r\n" + body, id="sep-line"),
        pytest.param(lambda body: body.decode().encode("utf-16"), id="utf-16"),
        pytest.param(lambda body: body.replace(b"\n", b"\r"), id="carriage-returns-alone"),
        pytest.param(_as_parquet, id="parquet"),
    ],
)
def test_transactions_are_known_wherever_their_header_stands(
    client: FlaskClient, transactions: bytes, sample: str, change: Callable[[bytes], bytes]
) -> None:
    assert ask(client, change(transactions)) == ask(client, sample)


def test_a_model_that_was_told_the_order_of_day_and_month_keeps_to_it(tmp_path: Path) -> None:
    paths = ContainerPaths(tmp_path)
    lines = [Line(str(day), 1, FIRST_DAY.replace(month=month, day=day)) for month, day in ((1, 2), (2, 3), (4, 5))]

    def day_first(fields: list[str]) -> list[str]:
        moment = datetime.fromisoformat(fields[4])
        return [*fields[:4], f"{moment:%d/%m/%Y}", *fields[5:]]

    path = write_lines(paths.channel("training") / "a.csv", lines, change=day_first)
    paths.hyperparameters.parent.mkdir(parents=True)
    paths.hyperparameters.write_text('{"date_format": "dmy"}', encoding="utf-8")
    train(paths, {})
    client = create_application(load_artifact(paths.model), concurrent_requests=1).test_client()
    assert ask(client, path.read_bytes()).splitlines()[1].startswith("1,2010-04-05,2010-04-05,")


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
