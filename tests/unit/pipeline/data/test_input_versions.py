"""Whether a job has read what was promised: whatever is written, and whenever, is told or does not matter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import input_data, input_versions
from pipeline.documents import InputVersion
from pipeline.errors import DataChangedError, DataNotReadableError, ServiceThrottledError
from tests.unit.pipeline.stored_documents import refusal
from tests.unit.pipeline.versions import VersionedBucket, at

FILE, FOLDER = "s3://data/in/a.csv", "s3://data/in/"
A, B = b"French", b"German"
# The run looks at second 10, its job has ended at second 20.
LOOKED, ENDED = 10, 20


def promised(s3: VersionedBucket, uri: str = FILE) -> InputVersion:
    client: Any = s3
    return input_versions.make_input_version(uri, input_data.find_input(client, uri))


def bucket(*, uri: str = FILE, **options: Any) -> tuple[VersionedBucket, InputVersion]:
    """A bucket with data, and what a run was promised of it."""
    s3 = VersionedBucket(**options)
    s3.put("in/a.csv", A, 0)
    s3.put("in/b.csv", A, 1)
    return s3, promised(s3, uri)


def check_then(s3: VersionedBucket, promise: InputVersion) -> bool:
    client: Any = s3
    return input_versions.check_input_at(client, promise, at(ENDED), at(LOOKED))


def check_now(s3: VersionedBucket, promise: InputVersion) -> None:
    client: Any = s3
    input_versions.check_current_input(client, promise)


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("uri", [FILE, FOLDER])
def test_what_is_left_alone_is_as_promised(uri: str, versioned: bool) -> None:
    s3, promise = bucket(uri=uri, versioned=versioned)
    s3.calls.clear()
    check_now(s3, promise)
    assert check_then(s3, promise)
    assert s3.calls == ["list_objects_v2", "list_object_versions"]


def swap(s3: VersionedBucket) -> None:
    s3.put("in/a.csv", B, 12)


def swap_and_back(s3: VersionedBucket) -> None:
    s3.put("in/a.csv", B, 12)
    s3.put("in/a.csv", A, 14)


def write_again(s3: VersionedBucket) -> None:
    s3.put("in/a.csv", A, 12)


def delete(s3: VersionedBucket) -> None:
    s3.delete("in/a.csv", 12)


def add_beside(s3: VersionedBucket) -> None:
    s3.put("in/a.csv.bak", B, 12)


def add_to_the_folder(s3: VersionedBucket) -> None:
    s3.put("in/c.csv", B, 12)


CHANGES = [swap, swap_and_back, write_again, delete, add_beside]


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize(
    ("uri", "change"),
    [*((uri, change) for change in CHANGES for uri in (FILE, FOLDER)), (FOLDER, add_to_the_folder)],
)
def test_a_change_before_the_jobs_end_is_told(uri: str, change: Any, versioned: bool) -> None:
    s3, promise = bucket(uri=uri, versioned=versioned)
    change(s3)
    for check in (check_now, check_then):
        with pytest.raises(DataChangedError, match="run the item again") as told:
            check(s3, promise)
        assert "s3://data/in/a.csv" in str(told.value) or uri == FOLDER


@pytest.mark.parametrize("change", [swap, swap_and_back, add_to_the_folder])
def test_a_change_is_told_by_object_and_time(change: Any) -> None:
    s3, promise = bucket(uri=FOLDER)
    change(s3)
    newest = s3.versions[-1]
    for check in (check_now, check_then):
        with pytest.raises(DataChangedError) as told:
            check(s3, promise)
        said = str(told.value)
        assert f"s3://data/{newest.key}" in said
        assert f"written at 2026-11-22T09:00:{newest.written.second}.000Z" in said


def test_what_is_deleted_is_told_as_such() -> None:
    s3, promise = bucket(uri=FOLDER)
    delete(s3)
    with pytest.raises(DataChangedError, match=r"s3://data/in/a\.csv was deleted at 2026-11-22T09:00:12"):
        check_then(s3, promise)


@pytest.mark.parametrize("uri", [FILE, FOLDER])
def test_a_change_after_the_jobs_end_is_none(uri: str) -> None:
    s3, promise = bucket(uri=uri)
    s3.put("in/a.csv", B, 21)
    s3.put("in/c.csv", B, 22)
    s3.put("in/a.csv.bak", B, 23)
    s3.delete("in/b.csv", 24)
    assert check_then(s3, promise)


def test_a_bucket_without_versions_does_not_tell_what_was_before() -> None:
    s3, promise = bucket(versioned=False)
    s3.put("in/a.csv", B, 21)
    assert not check_then(s3, promise)


def test_of_a_folder_without_versions_a_change_before_the_end_is_told_all_the_same() -> None:
    s3, promise = bucket(uri=FOLDER, versioned=False)
    s3.put("in/a.csv", B, 12)
    s3.put("in/b.csv", B, 21)
    with pytest.raises(DataChangedError, match=r"s3://data/in/a\.csv was written"):
        check_then(s3, promise)


def test_what_has_gone_without_a_trace_is_no_success() -> None:
    s3, promise = bucket(uri=FOLDER, versioned=False)
    s3.delete("in/a.csv", 12)
    with pytest.raises(DataChangedError, match="gone and no version of it is left"):
        check_then(s3, promise)


def test_an_upload_in_parts_has_the_time_at_which_it_began_and_is_told() -> None:
    s3, promise = bucket()
    s3.put("in/a.csv", B, -5)
    with pytest.raises(DataChangedError):
        check_now(s3, promise)
    with pytest.raises(DataChangedError, match="or an upload that began before the run has replaced it"):
        check_then(s3, promise)


def test_what_was_deleted_and_written_anew_before_the_run_is_as_promised() -> None:
    s3 = VersionedBucket()
    s3.put("in/a.csv", B, 0)
    s3.delete("in/a.csv", 1)
    s3.put("in/a.csv", A, 1)
    promise = promised(s3)
    assert check_then(s3, promise)
    swap(s3)
    with pytest.raises(DataChangedError):
        check_then(s3, promise)


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_every_page_counts(page_size: int) -> None:
    s3, promise = bucket(uri=FOLDER, page_size=page_size)
    s3.put("in/b.csv", B, 21)
    s3.put("in/b.csv", A, 22)
    assert check_then(s3, promise)
    s3.put("in/z.csv", A, 15)
    with pytest.raises(DataChangedError, match=r"z\.csv"):
        check_then(s3, promise)


def test_without_leave_to_list_versions_what_is_there_now_is_looked_at() -> None:
    s3, promise = bucket()
    s3.refused = {"list_object_versions"}
    assert check_then(s3, promise)
    swap(s3)
    with pytest.raises(DataChangedError):
        check_then(s3, promise)


def test_a_bucket_that_may_not_be_looked_at_any_more_has_its_own_reason() -> None:
    s3, promise = bucket()
    s3.refused = {"list_object_versions", "list_objects_v2"}
    with pytest.raises(DataNotReadableError, match="may not read"):
        check_then(s3, promise)


@pytest.mark.parametrize("check", [check_now, check_then])
def test_a_throttle_says_nothing_of_the_data(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3, promise = bucket()

    def throttled(**_: Any) -> None:
        raise refusal("SlowDown", 503)

    monkeypatch.setattr(s3, "list_objects_v2", throttled)
    monkeypatch.setattr(s3, "list_object_versions", throttled)
    with pytest.raises(ServiceThrottledError):
        check(s3, promise)


@given(
    before=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([A, B, None])), max_size=6),
    writes=st.lists(
        st.tuples(
            st.integers(min_value=LOOKED + 1, max_value=ENDED + 10),
            st.sampled_from(["in/a.csv", "in/b.csv", "in/c.csv", "elsewhere.csv"]),
            st.sampled_from([A, B, None]),
        ),
        max_size=6,
    ),
    page_size=st.integers(min_value=1, max_value=4),
)
def test_whatever_is_written_nothing_but_what_was_promised_is_taken_for_it(
    before: list[tuple[str, bytes | None]], writes: list[tuple[int, str, bytes | None]], page_size: int
) -> None:
    s3 = VersionedBucket(page_size=page_size)
    for second, (name, body) in enumerate([*before, ("a", A)]):
        put(s3, f"in/{name}.csv", body, second)
    promise, there = promised(s3, FOLDER), dict([*before, ("a", A)])
    changed = False
    for second, key, body in sorted(writes, key=lambda write: write[0]):
        put(s3, key, body, second)
        if second <= ENDED and key.startswith("in/"):
            # To delete what is not there changes nothing that a job could read.
            changed = changed or body is not None or there.get(key[3:-4]) is not None
            there[key[3:-4]] = body
    if not changed:
        assert check_then(s3, promise)
        return
    try:
        is_as_promised = check_then(s3, promise)
    except DataChangedError:
        return
    # Objects that the promise does not hold may have come and gone.
    assert is_as_promised
    assert all(body is None for name, body in there.items() if dict([*before, ("a", A)]).get(name) is None)


def put(s3: VersionedBucket, key: str, body: bytes | None, second: int) -> None:
    if body is None:
        s3.delete(key, second)
    else:
        s3.put(key, body, second)
