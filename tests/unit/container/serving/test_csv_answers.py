"""CSV lines of features: each is answered in its place, or the request is refused with line and column."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from datetime import date, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from next_purchase.schema import feature_names, file_columns
from tests.unit.container.asking import ANSWER_HEADER, ask, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

COLUMNS = file_columns(feature_names(5))
LAST = len(COLUMNS) - 1

# What a line of UTF-8 can hold. A byte order mark is no part of an id where it stands first.
ids = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), min_size=1, max_size=200
).filter(str.strip)


def _line(*fields: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _ids(answer: str) -> list[str]:
    return [fields[0] for fields in csv.reader(io.StringIO(answer, newline=""))]


def test_every_line_is_answered_in_order(client: FlaskClient, sample: str) -> None:
    answer = ask(client, sample)
    assert answer.endswith("\n")
    lines = [line.split(",") for line in answer.splitlines()]
    assert ",".join(lines[0]) == ANSWER_HEADER
    assert [line[:3] for line in lines] == [line.split(",")[:3] for line in sample.splitlines()]
    for _, last_order, as_of, predicted, predicted_date, lower, upper, probability, overdue in lines[1:]:
        assert last_order <= as_of
        assert re.fullmatch(r"[1-9][0-9]*", predicted)
        assert re.fullmatch(r"[0-9]+\.[0-9]", lower)
        assert 1 <= float(lower) <= int(predicted) <= float(upper or 90) <= 90
        expected = date.fromisoformat(as_of) + timedelta(days=int(predicted))
        assert predicted_date == (expected.isoformat() if predicted_date or int(predicted) < 90 else "")
        assert upper or int(predicted) <= 90
        assert 0 <= float(probability) <= 1
        assert overdue in {"true", "false"}
    assert len({tuple(line[3:]) for line in lines[1:]}) > 20
    assert len({line[-1] for line in lines[1:]}) == 2
    assert len({line[4] for line in lines[1:]} & {""}) == 1


@st.composite
def _cuts(draw: st.DrawFn) -> tuple[list[str], list[bool]]:
    """Ids of lines, and for each whether a request ends behind it."""
    names = draw(st.lists(ids, min_size=1, max_size=20))
    return names, draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)))


@settings(max_examples=50)
@given(
    cuts=_cuts(), line_end=st.sampled_from(["\n", "\r\n"]), ends_with_it=st.booleans(), header_alone=st.booleans()
)
def test_any_cut_at_line_ends_gives_the_same_lines(
    client: FlaskClient,
    sample: str,
    cuts: tuple[list[str], list[bool]],
    line_end: str,
    ends_with_it: bool,
    header_alone: bool,
) -> None:
    names, ends = cuts
    header, *rest = sample.splitlines()
    lines = [_line(name, *rest[place].split(",")[1:]) for place, name in enumerate(names)]
    parts = [header + "\n"]
    for line, begins in zip(lines, [header_alone, *ends], strict=False):
        parts[len(parts) - 1 :] = [parts[-1], line] if begins else [parts[-1] + line]
    whole = ask(client, header + "\n" + "".join(lines))
    answers = []
    for part in parts:
        sent = part.replace("\n", line_end)
        answers.append(ask(client, sent if ends_with_it else sent.removesuffix(line_end)))
    assert "".join(answers) == whole
    assert _ids(whole) == [COLUMNS[0], *names]


def test_a_header_alone_gives_a_header_alone(client: FlaskClient, sample: str) -> None:
    assert ask(client, sample.partition("\n")[0]) == ANSWER_HEADER + "\n"


def test_a_byte_order_mark_changes_nothing(client: FlaskClient, sample: str) -> None:
    assert ask(client, b"\xef\xbb\xbf" + sample.encode()) == ask(client, sample)


def test_ids_are_given_back_as_they_came(client: FlaskClient, sample: str) -> None:
    rest = sample.splitlines()[1].partition(",")[2]
    names = ["007", '"Ä, B"', "1" * 200, "17850.0", "顾客", "CustomerID", '"said ""no"""', " x "]
    answer = ask(client, "".join(f"{name},{rest}\n" for name in names))
    assert [line.rsplit(",", 8)[0] for line in answer.splitlines()] == names


def test_a_customer_called_like_the_column_can_stand_first(client: FlaskClient, sample: str) -> None:
    line = "CustomerID," + sample.splitlines()[1].partition(",")[2]
    assert ask(client, line).startswith("CustomerID,20")


def _with(sample: str, column: int, value: str) -> str:
    """Five lines below the header, the third of them with another value."""
    lines = sample.splitlines()[:6]
    fields = lines[3].split(",")
    fields[column] = value
    return "\n".join([*lines[:3], ",".join(fields), *lines[4:]])


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        pytest.param(3, "soon", "Line 4, column gap_1: 'soon' is not a number.", id="word"),
        pytest.param(3, "inf", "Line 4, column gap_1: 'inf' is not a number.", id="infinity"),
        pytest.param(3, "NaN", "Line 4, column gap_1: 'NaN' is not a number.", id="nan"),
        pytest.param(3, "1e400", "Line 4, column gap_1: '1e400' is not a number.", id="too-large"),
        pytest.param(2, "2011-12", "Line 4, column as_of: '2011-12' is not a date", id="no-day"),
        pytest.param(2, "2010-01-01", "Line 4, column as_of: 2010-01-01 is before the last order, 20", id="past"),
        pytest.param(3, "1_0", "Line 4, column gap_1: '1_0' is not a number.", id="only-python-reads-it"),
        pytest.param(LAST, "", "Line 4, column days_since_first_order: '' is not a number.", id="empty"),
        pytest.param(
            1, "2011-13-01", "Line 4, column last_order_date: '2011-13-01' is not a date", id="no-such-month"
        ),
        pytest.param(1, "2011-1-9", "Line 4, column last_order_date: '2011-1-9' is not a date", id="short-date"),
        pytest.param(1, "20110109", "Line 4, column last_order_date: '20110109' is not a date", id="other-date"),
        pytest.param(1, "", "Line 4, column last_order_date: '' is not a date", id="no-date"),
        pytest.param(0, " ", "Line 4, column CustomerID: ' ' is not a customer.", id="blank-customer"),
        pytest.param(0, "", "Line 4, column CustomerID: '' is not a customer.", id="no-customer"),
        pytest.param(
            LAST, "1,2", f"Line 4: {LAST + 2} fields, but this model needs {LAST + 1}: Cust", id="too-many"
        ),
        pytest.param(0, '"a', "Line 4: not a line of CSV in UTF-8 (", id="open-quote"),
        pytest.param(0, '"a\nb"', "Line 4: not a line of CSV in UTF-8 (", id="line-end-in-id"),
        pytest.param(0, 'a"b', "Line 4: not a line of CSV; a value with a double quote", id="lone-quote"),
    ],
)
def test_a_bad_line_is_named_with_its_column(
    client: FlaskClient, sample: str, column: int, value: str, said: str
) -> None:
    assert refusal(client, _with(sample, column, value)).startswith(said)


@pytest.mark.parametrize("value", ["0", "-5", "1e300", "-1e300", "0.5"])
def test_a_number_that_cannot_be_is_answered_all_the_same(client: FlaskClient, sample: str, value: str) -> None:
    header, line = (text.split(",") for text in sample.splitlines()[:2])
    for column in range(3, len(header)):
        answer = ask(client, ",".join([*line[:column], value, *line[column + 1 :]]))
        assert len(answer.split(",")) == len(ANSWER_HEADER.split(",")), header[column]
        assert 1 <= int(answer.split(",")[3]) <= 90
        assert 0 <= float(answer.split(",")[7]) <= 1
    long_ago = ",".join([line[0], "0001-01-01", "9999-12-31", *line[3:]])
    assert ask(client, long_ago).startswith(f"{line[0]},0001-01-01,9999-12-31,")


@settings(max_examples=200)
@given(
    column=st.integers(0, LAST),
    value=st.one_of(st.text(max_size=8), st.text("0123456789+-.eE \t\",'na", max_size=6)),
)
def test_whatever_stands_in_a_field_is_answered_or_named(
    client: FlaskClient, sample: str, column: int, value: str
) -> None:
    body = _with(sample, column, value).encode("utf-8", errors="surrogatepass")
    answer = client.post("/invocations", data=body, content_type="text/csv")
    if answer.status_code == HTTPStatus.OK:
        assert answer.text.count("\n") == 6
    else:
        assert answer.status_code == HTTPStatus.BAD_REQUEST
        assert re.match(r"Line [45]\b", answer.text), answer.text


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_empty_line_at_the_end_is_no_line(client: FlaskClient, sample: str, end: str) -> None:
    body = sample.replace("\n", end)
    assert ask(client, body + end) == ask(client, body)
    assert refusal(client, body + end * 2).startswith("Line 202: ")


@pytest.mark.parametrize("place", [1, 3, 5])
@pytest.mark.parametrize("wrong", ["", "12000,2011-01-01,1.0"], ids=["blank", "cut-off"])
def test_a_blank_or_cut_line_is_refused(client: FlaskClient, sample: str, place: int, wrong: str) -> None:
    lines = sample.splitlines()[:6]
    body = "\n".join([*lines[:place], wrong, *lines[place:], ""])
    assert refusal(client, body).startswith(f"Line {place + 1}: ")


def test_the_first_of_many_bad_lines_is_named(client: FlaskClient, sample: str) -> None:
    lines = sample.splitlines()
    for place in (150, 77, 120):
        lines[place] += "x"
    assert refusal(client, "\n".join(lines)).startswith("Line 78, column days_since_first_order: ")


def test_lines_that_are_not_utf_8_are_refused(client: FlaskClient, sample: str) -> None:
    body = sample.replace("12003,", "Müller,").encode("latin-1")
    assert refusal(client, body).startswith(
        "Line 5: not a line of CSV in UTF-8 ('utf-8' codec can't decode byte 0xfc"
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda header: header.replace("gap_5,", ""), id="column-less"),
        pytest.param(lambda header: header.replace("gap_4,gap_5", "gap_5,gap_4"), id="other-order"),
        pytest.param(lambda header: header + ",age", id="column-more"),
    ],
)
def test_a_header_of_another_version_is_refused(
    client: FlaskClient, sample: str, change: Callable[[str], str]
) -> None:
    header, _, rest = sample.partition("\n")
    said = refusal(client, change(header) + "\n" + rest)
    assert said.startswith(f"Line 1: the header is {change(header)}, but this model needs {header}. ")
    assert "another training or another version" in said


def test_lines_of_another_version_are_refused_without_their_header(client: FlaskClient, sample: str) -> None:
    line = sample.splitlines()[1].rpartition(",")[0]
    assert refusal(client, line).startswith(
        f"Line 1: {LAST} fields, but this model needs {LAST + 1}: CustomerID,last_"
    )


def test_a_line_without_an_end_in_sight_is_refused(client: FlaskClient) -> None:
    assert refusal(client, "1" * 1_000_000).startswith("Line 1: ")


def test_a_first_line_of_any_width_is_refused_at_once(client: FlaskClient) -> None:
    assert refusal(client, "," * 1_000_000).startswith("Line 1: 1000001 fields, but this model needs")


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
def test_a_compressed_body_is_not_unpacked(
    client: FlaskClient, sample: str, compress: Callable[[bytes], bytes]
) -> None:
    answer = client.post("/invocations", data=compress(sample.encode()), content_type="text/csv")
    assert answer.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert "CompressionType Gzip" in answer.text


def test_a_line_that_begins_like_a_compressed_one_is_answered(client: FlaskClient, sample: str) -> None:
    """Polars takes these two letters for zlib's."""
    rest = sample.splitlines()[1].partition(",")[2]
    answer = client.post("/invocations", data=f"x^1,{rest}\n", content_type="text/csv")
    assert answer.status_code == HTTPStatus.OK
    assert answer.text.startswith("x^1,20")
