"""File names made of any name."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automlops.tables.file_names import FileNames


@pytest.mark.parametrize("name", ["France", "United Kingdom", "台北", "a.b", "K-9 & co"])
def test_ordinary_name_stays_as_it_is(name: str) -> None:
    assert FileNames().take(name, ".csv") == f"{name}.csv"


@pytest.mark.parametrize(
    ("name", "start"),
    [("A/B", "A_B-"), ("..", "_.-"), (".hidden", "_hidden-"), ("tab\there", "tab_here-"), ("a:b?", "a_b_-")],
)
def test_name_that_no_file_can_have_is_changed_and_marked(name: str, start: str) -> None:
    taken = FileNames().take(name)
    assert taken.startswith(start)
    assert len(taken) == len(start) + 6


def test_changed_name_does_not_depend_on_what_came_before() -> None:
    names = FileNames()
    names.take("A_B")
    assert names.take("A/B") == FileNames().take("A/B")


def test_reserved_name_is_not_given_away() -> None:
    assert FileNames("manifest.json").take("Manifest.JSON") != "Manifest.JSON"


def marked(start: str, name: str, digits: int) -> str:
    return f"{start}-{hashlib.sha256(name.encode()).hexdigest()[:digits]}.csv"


def test_names_that_differ_in_case_alone_are_told_apart_by_six_digits() -> None:
    names = FileNames()
    assert names.take("France", ".csv") == "France.csv"
    assert names.take("FRANCE", ".csv") == marked("FRANCE", "FRANCE", 6)
    assert names.take("france", ".csv") == marked("france", "france", 6)


def test_names_whose_first_six_digits_are_the_same_are_told_apart_by_eight() -> None:
    one, other = "a\\/|/:b", "a\\\\*/?b"
    assert marked("", one, 6) == marked("", other, 6)
    names = FileNames()
    assert names.take(one, ".csv") == marked("a_____b", one, 6)
    assert names.take(other, ".csv") == marked("a_____b", other, 8)


@pytest.mark.parametrize("taken", range(4))
def test_digits_grow_by_two_until_the_name_is_free(taken: int) -> None:
    names = FileNames(*[marked("A_B", "A/B", 6 + 2 * number) for number in range(taken)])
    assert names.take("A/B", ".csv") == marked("A_B", "A/B", 6 + 2 * taken)


def test_name_that_is_taken_with_another_ending_is_free() -> None:
    names = FileNames()
    names.take("France", ".csv")
    assert names.take("france", ".json") == "france.json"


def test_name_too_long_for_a_file_is_cut_between_letters() -> None:
    name = "台" * 128
    taken = FileNames().take(name, ".csv")
    assert name.startswith(taken[:60])
    assert len(taken.encode()) <= 255


@given(st.lists(st.text(min_size=1, max_size=300).filter(lambda name: name.isprintable()), unique=True))
def test_different_names_get_different_legal_files(names: list[str]) -> None:
    given_names = FileNames()
    files = [given_names.take(name, ".csv") for name in names]
    assert len({unicodedata.normalize("NFC", file).casefold() for file in files}) == len(names)
    assert all(len(file.encode()) <= 255 and "/" not in file and not file.startswith(".") for file in files)
