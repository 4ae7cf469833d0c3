"""JSON Lines: the same answers as CSV, line for line, and refusals that name line and key."""

from __future__ import annotations

import csv
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.container.asking import ANSWER_HEADER, CSV, JSON_LINES, ask, read_objects, refusal, write_objects

if TYPE_CHECKING:
    from flask.testing import FlaskClient

ids = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=200
).filter(str.strip)


def _answered(answer: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.removesuffix("\n").split("\n")]


def test_every_object_is_answered_with_an_object_that_says_what_csv_says(client: FlaskClient, sample: str) -> None:
    in_csv = list(csv.DictReader(ask(client, sample).splitlines()))
    answers = _answered(ask(client, write_objects(read_objects(sample)), JSON_LINES))
    assert list(answers[0]) == ANSWER_HEADER.split(",")
    numbers = ("predicted_days", "lower_days", "upper_days", "return_probability")
    assert answers == [
        {name: None if value == "" else value for name, value in row.items()}
        | {name: float(row[name]) if row[name] else None for name in numbers}
        | {"overdue": row["overdue"] == "true"}
        for row in in_csv
    ]


def test_accept_chooses_the_form_of_the_answer(client: FlaskClient, sample: str) -> None:
    body = write_objects(read_objects(sample))
    in_csv, in_json = ask(client, sample), ask(client, body, JSON_LINES)
    assert ask(client, sample, CSV, accept=JSON_LINES) == in_json
    # Objects have no header that could be given back.
    assert ANSWER_HEADER + "\n" + ask(client, body, JSON_LINES, accept=CSV) == in_csv


@settings(max_examples=50)
@given(
    names=st.lists(ids, min_size=1, max_size=20), cut=st.integers(0, 20), line_end=st.sampled_from(["\n", "\r\n"])
)
def test_any_cut_at_line_ends_gives_the_same_lines(
    client: FlaskClient, sample: str, names: list[str], cut: int, line_end: str
) -> None:
    lines = [
        write_objects([content | {"CustomerID": name}])
        for name, content in zip(names, read_objects(sample), strict=False)
    ]
    whole = ask(client, "".join(lines), JSON_LINES)
    parts = ["".join(part).replace("\n", line_end) for part in (lines[:cut], lines[cut:]) if part]
    assert "".join(ask(client, part, JSON_LINES) for part in parts) == whole
    assert [answer["CustomerID"] for answer in _answered(whole)] == names


def test_what_is_unknown_may_be_left_out(client: FlaskClient, sample: str) -> None:
    objects = read_objects(sample)
    sparse = [{name: value for name, value in content.items() if value is not None} for content in objects]
    assert len(sparse[0]) < len(objects[0]) or sparse != objects
    assert ask(client, write_objects(sparse), JSON_LINES) == ask(client, write_objects(objects), JSON_LINES)


def test_whole_numbers_and_a_missing_last_line_end_change_nothing(client: FlaskClient, sample: str) -> None:
    body = write_objects(read_objects(sample))
    assert ".0," in body
    same = b"\xef\xbb\xbf" + body.replace(".0,", ",").removesuffix("\n").encode()
    assert ask(client, same, JSON_LINES) == ask(client, body, JSON_LINES)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        pytest.param("gap_1", "7", "Line 2, key gap_1: '7' is not a number.", id="text"),
        pytest.param("gap_1", True, "Line 2, key gap_1: True is not a number.", id="truth"),
        pytest.param("gap_1", float("nan"), "Line 2, key gap_1: nan is not a number.", id="nan"),
        pytest.param("gap_1", 10**400, "Line 2, key gap_1: 1000000", id="too-large"),
        pytest.param("orders", None, "Line 2, key orders: None is not a number.", id="null"),
        pytest.param(
            "CustomerID",
            17850,
            'Line 2, key CustomerID: 17850 is a number, but a customer is a text: write "17850".',
            id="number-as-id",
        ),
        pytest.param("CustomerID", " ", "Line 2, key CustomerID: ' ' is not a customer.", id="blank-id"),
        pytest.param("CustomerID", "a\nb", "Line 2, key CustomerID: 'a\\nb' has '\\n' in it", id="line-end-in-id"),
        pytest.param("CustomerID", "\ud83d", "Line 2, key CustomerID: '\\ud83d' has '\\ud83d' in it", id="half"),
        pytest.param(
            "last_order_date", "2011-02-30", "Line 2, key last_order_date: '2011-02-30' is not", id="date"
        ),
        pytest.param("last_order_date", 20110209, "Line 2, key last_order_date: 20110209 is not a date", id="day"),
        pytest.param("age", 33, "Line 2, key 'age': not one of this model's; they are CustomerID,", id="unknown"),
    ],
)
def test_a_bad_value_is_named_with_its_key(
    client: FlaskClient, sample: str, key: str, value: object, said: str
) -> None:
    first, second, *rest = read_objects(sample)[:5]
    body = "".join(json.dumps(content) + "\n" for content in (first, second | {key: value}, *rest))
    assert refusal(client, body, JSON_LINES).startswith(said)


@pytest.mark.parametrize("key", ["CustomerID", "last_order_date", "as_of", "orders", "days_since_first_order"])
def test_a_missing_key_is_named(client: FlaskClient, sample: str, key: str) -> None:
    content = read_objects(sample)[0]
    del content[key]
    assert refusal(client, write_objects([content]), JSON_LINES) == f"Line 1, key {key}: missing.\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(b"", "Line 2: not an object of JSON in UTF-8 (Expecting value", id="blank"),
        pytest.param(b"{", "Line 2: not an object of JSON in UTF-8 (Expecting", id="cut-off"),
        pytest.param(b"[1, 2]", "Line 2: [1, 2] is not an object.", id="list"),
        pytest.param(b"null", "Line 2: None is not an object.", id="null"),
        pytest.param(b'{"a": "\xff"}', "Line 2: not an object of JSON in UTF-8 ('utf-8' codec", id="not-utf-8"),
        pytest.param(b"[" * 100_000, "Line 2: not an object, but lists or objects nested too deeply.", id="deep"),
        pytest.param(b"9" * 10_000, "Line 2: not an object of JSON in UTF-8 (Exceeds the limit", id="long-number"),
    ],
)
def test_a_line_that_is_no_object_is_named(client: FlaskClient, sample: str, line: bytes, said: str) -> None:
    first, last = read_objects(sample)[:2]
    body = write_objects([first]).encode() + line + b"\n" + write_objects([last]).encode()
    assert refusal(client, body, JSON_LINES).startswith(said)


def test_the_header_of_a_csv_file_is_no_object(client: FlaskClient, sample: str) -> None:
    answer = client.post("/invocations", data=sample, content_type=JSON_LINES)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.text.startswith("Line 1: not an object")
