"""Asks the application and takes its answer, in both forms."""

from __future__ import annotations

import csv
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask.testing import FlaskClient

CSV, JSON_LINES = "text/csv", "application/jsonlines"
ANSWER_HEADER = (
    "CustomerID,last_order_date,as_of,"
    "predicted_days,predicted_date,lower_days,upper_days,return_probability,overdue"
)


def ask(client: FlaskClient, body: str | bytes, given: str = CSV, accept: str | None = None) -> str:
    """Return the text of the answer, which must be a success."""
    headers = {"Content-Type": given} | ({} if accept is None else {"Accept": accept})
    answer = client.post("/invocations", data=body, headers=headers)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.text


def refusal(client: FlaskClient, body: str | bytes, given: str = CSV) -> str:
    """Return the sentence with which a line is refused."""
    answer = client.post("/invocations", data=body, content_type=given)
    assert answer.status_code == HTTPStatus.BAD_REQUEST, answer.text
    return answer.text


def read_objects(sample: str) -> list[dict[str, Any]]:
    """Return the lines of the features file as objects; what is unknown is null."""
    texts = ("CustomerID", "last_order_date", "as_of")
    return [
        {name: value if name in texts else float(value) if value else None for name, value in row.items()}
        for row in csv.DictReader(sample.splitlines())
    ]


def write_objects(objects: list[dict[str, Any]]) -> str:
    """Objects as JSON Lines."""
    return "".join(json.dumps(content, ensure_ascii=False) + "\n" for content in objects)
