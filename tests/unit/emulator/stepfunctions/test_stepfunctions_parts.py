"""The small parts: names, pages, error matching, histories, parameters and results."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

from emulator.moto_patches import PatchError, replace
from emulator.stepfunctions import errors, history, payloads
from emulator.stepfunctions.choices import matches_pattern, read_timestamp
from emulator.stepfunctions.history import EventLog, EventScope, HistoryFullError
from emulator.stepfunctions.names import (
    IllegalNameError,
    NameTooLongError,
    check_name,
    execution_arn,
)
from emulator.stepfunctions.paging import BadTokenError, page_size, take_page
from emulator.stepfunctions.parameters import (
    UnknownOperationError,
    missing_or_unknown,
    operation,
    pascal_case,
    to_request,
)
from emulator.stepfunctions.results import epoch_milliseconds, iso_milliseconds, plain
from emulator.stepfunctions.sagemaker import error_name

MOMENT = dt.datetime(2026, 11, 22, 9, 42, 36, 123_987, tzinfo=dt.timezone(dt.timedelta(hours=8)))


@pytest.mark.parametrize("name", ["a", "x" * 80, "run_2026-11-22.1", "店舗"], ids=["one", "80", "usual", "han"])
def test_good_name_passes(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a\tb", "a/b", "a:b", "a*", "a\x7f", "a\u3000b", "a\ufffe"])
def test_bad_name_is_refused(name: str) -> None:
    with pytest.raises(IllegalNameError, match="Invalid Name"):
        check_name(name)


def test_long_name_is_refused() -> None:
    with pytest.raises(NameTooLongError, match="less than or equal to 80"):
        check_name("x" * 81)


def test_payload_is_counted_in_bytes_of_compact_json() -> None:
    assert payloads.payload_size({"a": "é", "b": [1, 2]}) == len('{"a":"é","b":[1,2]}'.encode())


def test_child_has_the_arn_of_its_map() -> None:
    arn = execution_arn("arn:aws:states:us-east-1:123456789012:stateMachine:m/Items", "u")

    assert arn == "arn:aws:states:us-east-1:123456789012:execution:m/Items:u"


@pytest.mark.parametrize(("asked", "size"), [(None, 100), (0, 100), (7, 7), (1000, 1000)], ids=str)
def test_page_size(asked: int | None, size: int) -> None:
    assert page_size(asked) == size


@pytest.mark.parametrize("newest_first", [True, False], ids=["newest-first", "oldest-first"])
def test_pages_hold_every_entry_once_though_entries_come_in_between(newest_first: bool) -> None:
    entries = list(range(5))
    seen: list[int] = []
    token: str | None = None
    while True:
        page, token = take_page(entries, newest_first=newest_first, size=2, token=token, wanted=lambda e: e != 1)
        seen += page
        entries.append(len(entries))
        if token is None or len(seen) > 20:
            break
        if not newest_first and len(entries) > 8:
            break

    if newest_first:
        assert seen == [4, 3, 2, 0]
    else:
        assert seen == sorted(set(seen))
        assert seen[:4] == [0, 2, 3, 4]


@pytest.mark.parametrize("token", ["x", "bm90IG91cnM=", "é"])
def test_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(BadTokenError, match="Invalid Token"):
        take_page([1], newest_first=False, size=1, token=token)


@pytest.mark.parametrize(
    ("error", "equals", "taken"),
    [
        ("ItemError", ["States.ALL"], True),
        ("ItemError", ["States.TaskFailed"], True),
        ("ItemError", ["Other"], False),
        ("States.Timeout", ["States.ALL"], True),
        ("States.Timeout", ["States.TaskFailed"], False),
        ("States.DataLimitExceeded", ["States.ALL"], False),
        ("States.DataLimitExceeded", ["States.DataLimitExceeded"], True),
        ("States.Runtime", ["States.ALL"], False),
        ("States.Runtime", ["States.Runtime"], False),
        ("States.ExceedToleratedFailureThreshold", ["States.ALL"], True),
        (None, ["States.ALL"], True),
    ],
)
def test_error_is_matched_as_aws_matches_it(error: str | None, equals: list[str], taken: bool) -> None:
    assert errors.matches(error, equals) is taken


def test_payload_may_have_256_kib_and_no_byte_more() -> None:
    assert payloads.is_within_size_quota("x" * 262_144)
    assert not payloads.is_within_size_quota("x" * 262_145)
    assert payloads.is_within_size_quota([{}] * 10_000)


def add(log: EventLog | EventScope, context: Any, number: int = 1) -> None:
    for _ in range(number):
        log.add_event(
            context, HistoryEventType.PassStateEntered, {"stateEnteredEventDetails": {"input": "{}", "name": "A"}}
        )


def test_sealed_history_takes_no_more_and_keeps_what_it_had() -> None:
    log, context = EventLog(), EventHistoryContext.of_program_start()
    add(log, context, 2)
    before = log.events()

    log.seal(context, HistoryEventType.ExecutionSucceeded, {}, MOMENT)
    add(log, context)

    assert log.events()[:2] == before
    assert [event["type"] for event in log.events()][2:] == ["ExecutionSucceeded"]
    assert log.events()[2]["timestamp"] == 1795311756.124


def test_last_place_of_a_history_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LARGEST_HISTORY", 3)
    log, context = EventLog(), EventHistoryContext.of_program_start()
    add(log, context, 2)

    with pytest.raises(HistoryFullError, match="maximum number of history events"):
        add(log, context)
    assert log.is_full


def test_closed_scope_drops_events() -> None:
    log, context = EventLog(), EventHistoryContext.of_program_start()
    scope = EventScope(log)
    add(scope, context)
    scope.close()
    add(scope, context)

    assert len(log.events()) == 1


def test_payloads_can_be_left_out_of_events() -> None:
    log, context = EventLog(), EventHistoryContext.of_program_start()
    add(log, context)

    assert history.without_payloads(log.events()[0])["stateEnteredEventDetails"] == {"name": "A"}


def test_operations_are_found_by_their_names_in_definitions() -> None:
    assert operation("sagemaker", "createTrainingJob").name == "CreateTrainingJob"
    assert operation("sfn", "startExecution").name == "StartExecution"
    with pytest.raises(UnknownOperationError, match="s3:put"):
        operation("s3", "put")


def test_parameters_of_every_shape_become_a_request() -> None:
    shape = operation("s3", "putObject").input_shape
    found: list[str] = []
    assert shape is not None

    request = to_request({"Bucket": "b", "Key": "k", "Body": {"a": "é"}, "Metadata": {"x": "y"}}, shape, found)

    assert request == {"Bucket": "b", "Key": "k", "Body": '{"a":"é"}'.encode(), "Metadata": {"x": "y"}}
    assert found == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"Bucket": "b", "Key": "k", "key": "k"}, "The field 'key' is not supported by Step Functions"),
        ({"Bucket": "b"}, "The field 'Key' is required but was missing"),
        ({"Bucket": "b", "Key": 5}, "The value for the field 'Key' must be a STRING"),
        (
            {"Bucket": "b", "Key": "k", "ContentLength": "5"},
            "The value for the field 'ContentLength' must be a LONG",
        ),
        (
            {"Bucket": "b", "Key": "k", "BucketKeyEnabled": 1},
            "The value for the field 'BucketKeyEnabled' must be a BOOLEAN",
        ),
        (
            {"Bucket": "b", "Key": "k", "ContentLength": True},
            "The value for the field 'ContentLength' must be a LONG",
        ),
        ({"Bucket": "b", "Key": "k", "Metadata": "x"}, "The value for the field 'Metadata' must be an object"),
    ],
)
def test_parameter_that_does_not_fit_is_named(given: dict[str, Any], problem: str) -> None:
    shape = operation("s3", "putObject").input_shape
    found: list[str] = []
    assert shape is not None

    to_request(given, shape, found)

    assert found == [problem]


def test_names_of_members_are_written_large() -> None:
    shape = operation("sfn", "startExecution").input_shape

    assert pascal_case("stateMachineArn") == "StateMachineArn"
    assert missing_or_unknown({"stateMachineArn"}, shape) == [
        'The field "stateMachineArn" is not supported by Step Functions',
        'The field "StateMachineArn" is required but was missing',
    ]


def test_times_have_the_forms_of_step_functions() -> None:
    assert iso_milliseconds(MOMENT) == "2026-11-22T01:42:36.123Z"
    answer: dict[str, Any] = {"At": MOMENT, "None": None, "ResponseMetadata": {}, "List": [{"At": MOMENT}]}
    assert plain(answer, epoch_milliseconds) == {"At": 1795311756123, "List": [{"At": 1795311756123}]}
    assert json.dumps(plain({"Body": b"x"}, iso_milliseconds)) == '{"Body": "x"}'


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ResourceLimitExceeded", "SageMaker.ResourceLimitExceededException"),
        ("ThrottlingException", "SageMaker.AmazonSageMakerException"),
    ],
)
def test_sagemaker_codes_have_names(code: str, name: str) -> None:
    assert error_name(code) == name


class Owner:
    def method(self, one: int) -> int:
        return one


def test_a_part_of_moto_is_replaced_more_than_once() -> None:
    def ours(owner: Owner, one: int) -> int:
        del owner
        return one + 1

    for _ in range(2):
        replace(Owner, "method", ours, expects=("self", "one"))

    assert Owner().method(1) == 2


@pytest.mark.parametrize(
    ("name", "expects"), [("gone", None), ("other", ("self", "two"))], ids=["gone", "changed"]
)
def test_a_part_of_moto_that_has_changed_is_refused(name: str, expects: tuple[str, ...] | None) -> None:
    class Changed:
        def other(self, one: int) -> int:
            return one

    with pytest.raises(PatchError, match=r"moto 5\.2\.5"):
        replace(Changed, name, lambda: None, expects=expects)


@pytest.mark.parametrize(
    ("pattern", "text", "matched"),
    [
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        (r"a\*c", "a*c", True),
        (r"a\*c", "abc", False),
        (r"a\\*", "a\\b", True),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("A*", "ab", False),
    ],
)
def test_pattern_has_one_wildcard(pattern: str, text: str, *, matched: bool) -> None:
    assert matches_pattern(text, pattern) is matched


def test_timestamp_is_read_as_an_instant() -> None:
    noon = read_timestamp("2016-08-18T12:00:00Z")

    assert read_timestamp("2016-08-18T14:00:00.000+02:00") == noon
    assert read_timestamp("2016-08-18T12:00:00.5Z") == dt.datetime(2016, 8, 18, 12, 0, 0, 500_000, dt.UTC)
    for text in ("2016-08-18", "2016-08-18T12:00:00", "2016-08-18t12:00:00Z", "2016-13-18T12:00:00Z", 5):
        assert read_timestamp(text) is None
