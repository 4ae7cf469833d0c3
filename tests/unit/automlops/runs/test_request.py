"""One run request of the options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automlops.errors import CommandError
from automlops.runs.request import (
    ItemFile,
    build_request,
    check_execution_name,
    parse_item_files,
    require_no_history,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n")
    return path


def event_in(folder: Path, event: Any) -> Path:
    path = folder / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    return path


def test_name_may_hold_spaces_chinese_and_equals_signs(data: Path) -> None:
    words = [f"United Kingdom={data}", f"台北={data}", f"a=b={data}"]
    assert [file.item for file in parse_item_files(words)] == ["United Kingdom", "台北", "a=b"]


def test_path_may_hold_equals_signs(tmp_path: Path) -> None:
    path = tmp_path / "day=1.csv"
    path.write_text("a\n1\n")
    assert parse_item_files([f"x={path}"]) == [ItemFile("x", path)]


def test_word_that_can_be_cut_in_two_ways_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b=c.csv", "c.csv"):
        (tmp_path / name).touch()
    with pytest.raises(CommandError, match="the item can be 'a' or 'a=b'"):
        parse_item_files(["a=b=c.csv"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        pytest.param("justaname", "write it as NAME=FILE.csv", id="no equals sign"),
        pytest.param("item=", "write it as NAME=FILE.csv", id="no file"),
        pytest.param("={data}", "must not be empty", id="no name"),
        pytest.param("a/b={data}", "must not contain '/'", id="slash"),
        pytest.param("..={data}", r"must not be '\.\.'", id="dots"),
        pytest.param(" x={data}", "must not begin or end with a space", id="outer space"),
        pytest.param("{long}={data}", "at most 128 characters", id="long"),
        pytest.param("x=nowhere.csv", "no file nowhere.csv", id="missing file"),
        pytest.param("x={folder}", "is not a file", id="folder"),
    ],
)
def test_wrong_item_word_is_refused(data: Path, word: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        parse_item_files([word.format(data=data, folder=data.parent, long="x" * 300)])


def test_all_wrong_words_are_told_at_once(data: Path) -> None:
    with pytest.raises(CommandError) as refused:
        parse_item_files(["x=nowhere.csv", f"a/b={data}", f"y={data}", f"y={data}"])
    assert len(refused.value.lines) == 3
    assert "'y' is given 2 times" in refused.value.lines[2]


def test_items_alone_are_the_item_list(data: Path) -> None:
    files = [ItemFile("a", data), ItemFile("b", data)]
    assert build_request(files, None, {"maxConcurrency": 2}) == {"itemList": ["a", "b"], "maxConcurrency": 2}


def test_event_alone_is_the_request(tmp_path: Path) -> None:
    event = {"itemList": ["a", {"item": "b", "hyperparameters": {"x": "1"}}], "toleratedFailurePercentage": 50}
    assert build_request([], event_in(tmp_path, event)) == event


def test_event_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_bytes(b'\xef\xbb\xbf{"itemList": ["a"]}')
    assert build_request([], event) == {"itemList": ["a"]}


def test_event_without_item_list_runs_the_given_items(tmp_path: Path, data: Path) -> None:
    event = event_in(tmp_path, {"toleratedFailurePercentage": 50})
    request = build_request([ItemFile("a", data)], event)
    assert request == {"itemList": ["a"], "toleratedFailurePercentage": 50}


def test_option_wins_over_the_events_concurrency(tmp_path: Path) -> None:
    event = event_in(tmp_path, {"itemList": ["a"], "maxConcurrency": 9})
    assert build_request([], event, {"maxConcurrency": 1})["maxConcurrency"] == 1


def test_item_that_the_event_does_not_run_is_refused(tmp_path: Path, data: Path) -> None:
    event = event_in(tmp_path, {"itemList": ["a", {"item": "c", "input": "s3://bucket/c.csv"}]})
    with pytest.raises(CommandError) as refused:
        build_request([ItemFile("a", data), ItemFile("b", data), ItemFile("c", data)], event)
    assert "--item b: the itemList of" in refused.value.lines[0]
    assert "is s3://bucket/c.csv" in refused.value.lines[1]
    assert len(refused.value.lines) == 2


def test_every_problem_of_an_event_is_listed(tmp_path: Path) -> None:
    event = event_in(tmp_path, {"itemList": ["a", "a", 7, {"item": "b", "colour": "red"}], "maxConcurrency": 0})
    with pytest.raises(CommandError) as refused:
        build_request([], event)
    lines = [line.strip() for line in refused.value.lines[1:]]
    assert len(lines) == 4
    for place, said in (
        ("itemList[2]", "must be a string, not 7"),
        ("itemList[3].colour", "unknown key"),
        ("maxConcurrency", "1"),
        ("itemList", "'a' is listed 2 times"),
    ):
        assert any(line.startswith(place) and said in line for line in lines), (place, lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"[1]", "must hold an object", id="list"),
        pytest.param(b"{", "is not JSON", id="not json"),
        pytest.param("{é}".encode("latin-1"), "is not UTF-8", id="latin-1"),
        pytest.param(b"{}", "give one of itemList, itemsUri, itemPrefix, rerunOf", id="empty object"),
    ],
)
def test_unusable_event_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    event = tmp_path / "event.json"
    event.write_bytes(content)
    with pytest.raises(CommandError, match=message):
        build_request([], event)


def test_request_of_nothing_is_refused() -> None:
    with pytest.raises(CommandError, match="nothing to run"):
        build_request([], None)


def test_options_make_a_request_of_their_own() -> None:
    choices = {"rerunOf": "20261122T094236123Z-x", "mode": None, "skipUnchanged": None, "maxConcurrency": 3}
    assert build_request([], None, choices) == {"rerunOf": "20261122T094236123Z-x", "maxConcurrency": 3}


@pytest.mark.parametrize(
    "choices",
    [
        {"itemsUri": "s3://bucket/list.jsonl"},
        {"itemPrefix": "analysis_predict/"},
        {"itemPrefix": "s3://bucket/x/"},
    ],
    ids=["a list", "the data bucket's folders", "folders elsewhere"],
)
def test_items_may_be_named_in_s3(choices: dict[str, str]) -> None:
    wanted = choices | {"mode": "score", "skipUnchanged": True}
    assert build_request([], None, wanted) == wanted


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"rerunOf": "20261122T094236123Z-x", "mode": "score"}, "leave out mode and skipUnchanged"),
        ({"rerunOf": "20261122T094236123Z-x", "itemsUri": "s3://bucket/l"}, "not itemsUri and rerunOf"),
        ({"rerunOf": "last"}, "rerunOf: must be a run's id"),
        ({"itemsUri": "list.jsonl"}, "itemsUri: must be s3://bucket/key"),
        ({"itemPrefix": "analysis_predict"}, "ending in '/'"),
        ({"itemPrefix": "x/", "mode": "guess"}, "mode: Input should be 'train' or 'score'"),
    ],
    ids=["mode of a rerun", "two sources", "no run's id", "no URI", "no folder", "no mode"],
)
def test_options_that_contradict_are_refused_by_the_contract(choices: dict[str, str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        build_request([], None, choices)


def test_items_given_beside_another_source_are_refused(data: Path) -> None:
    with pytest.raises(CommandError, match="not itemList and itemPrefix"):
        build_request([ItemFile("a", data)], None, {"itemPrefix": "analysis_predict/"})


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"rerunOf": "20261122T094236123Z-x"}, "rerunOf"),
        ({"itemsUri": "s3://bucket/l"}, "itemsUri"),
        ({"itemPrefix": "x/", "mode": "score"}, "itemPrefix and mode score"),
    ],
    ids=["rerun", "list", "folders and mode"],
)
def test_a_new_emulator_has_nothing_of_earlier_times(request_: dict[str, str], named: str) -> None:
    with pytest.raises(CommandError, match=f"no earlier run, list, data or model for {named}") as refused:
        require_no_history(request_)
    assert "automlops up" in refused.value.lines[1]


def test_a_new_emulator_runs_what_is_given_with_the_request() -> None:
    require_no_history({"itemList": ["a"], "mode": "train", "skipUnchanged": True})


def test_request_larger_than_an_executions_input_is_refused(tmp_path: Path) -> None:
    event = event_in(tmp_path, {"itemList": [f"{n:06d}{'x' * 100}" for n in range(3000)]})
    with pytest.raises(CommandError, match="at most 245,760"):
        build_request([], event)


@pytest.mark.parametrize("name", ["", "x" * 81, "with space", "a:b", "a/b", "tab\t"])
def test_execution_name_that_step_functions_refuses_is_refused_first(name: str) -> None:
    with pytest.raises(CommandError, match="--name"):
        check_execution_name(name)
