"""Whether a job has read the input that PrepareRun found: every change before its end raises, later ones do not count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import input_data, input_versions
from pipeline.documents import InputVersion
from pipeline.errors import DataChangedError, DataNotReadableError, ServiceThrottledError
from tests.unit.pipeline.stored_documents import refusal
from tests.unit.pipeline.versioned_bucket import VersionedBucket, at

FILE, FOLDER = "s3://data/in/a.csv", "s3://data/in/"
A, B = b"French", b"German"
# The run looks at second 10, its job has ended at second 20.
LOOKED, ENDED = 10, 20


def input_version_of(s3: VersionedBucket, uri: str = FILE) -> InputVersion:
    client: Any = s3
    return input_versions.make_input_version(uri, input_data.find_input(client, uri))


def bucket(*, uri: str = FILE, **options: Any) -> tuple[VersionedBucket, InputVersion]:
    """Return a bucket with data, and the input version that a run finds there."""
    s3 = VersionedBucket(**options)
    s3.put("in/a.csv", A, 0)
    s3.put("in/b.csv", A, 1)
    return s3, input_version_of(s3, uri)


def passes_at_end(s3: VersionedBucket, expected: InputVersion) -> bool:
    client: Any = s3
    return input_versions.check_input_at(client, expected, at(ENDED), at(LOOKED))


def check_current(s3: VersionedBucket, expected: InputVersion) -> None:
    client: Any = s3
    input_versions.check_current_input(client, expected)


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("uri", [FILE, FOLDER])
def test_unchanged_input_passes_both_checks(uri: str, versioned: bool) -> None:
    s3, expected = bucket(uri=uri, versioned=versioned)
    s3.calls.clear()
    check_current(s3, expected)
    assert passes_at_end(s3, expected)
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
def test_a_change_before_the_jobs_end_raises(uri: str, change: Any, versioned: bool) -> None:
    s3, expected = bucket(uri=uri, versioned=versioned)
    change(s3)
    for check in (check_current, passes_at_end):
        with pytest.raises(DataChangedError, match="run the item again") as told:
            check(s3, expected)
        assert "s3://data/in/a.csv" in str(told.value) or uri == FOLDER


@pytest.mark.parametrize("change", [swap, swap_and_back, add_to_the_folder])
def test_the_error_names_the_changed_objects_and_their_times(change: Any) -> None:
    s3, expected = bucket(uri=FOLDER)
    change(s3)
    newest = s3.versions[-1]
    for check in (check_current, passes_at_end):
        with pytest.raises(DataChangedError) as told:
            check(s3, expected)
        said = str(told.value)
        assert f"s3://data/{newest.key}" in said
        assert f"written at 2026-11-22T09:00:{newest.written.second}.000Z" in said


def test_the_error_names_a_deletion() -> None:
    s3, expected = bucket(uri=FOLDER)
    delete(s3)
    with pytest.raises(DataChangedError, match=r"s3://data/in/a\.csv was deleted at 2026-11-22T09:00:12"):
        passes_at_end(s3, expected)


@pytest.mark.parametrize("uri", [FILE, FOLDER])
def test_a_change_after_the_jobs_end_does_not_count(uri: str) -> None:
    s3, expected = bucket(uri=uri)
    s3.put("in/a.csv", B, 21)
    s3.put("in/c.csv", B, 22)
    s3.put("in/a.csv.bak", B, 23)
    s3.delete("in/b.csv", 24)
    assert passes_at_end(s3, expected)


def test_without_versions_a_later_change_leaves_the_input_unverified() -> None:
    s3, expected = bucket(versioned=False)
    s3.put("in/a.csv", B, 21)
    assert not passes_at_end(s3, expected)


def test_in_a_folder_without_versions_a_change_before_the_end_raises() -> None:
    s3, expected = bucket(uri=FOLDER, versioned=False)
    s3.put("in/a.csv", B, 12)
    s3.put("in/b.csv", B, 21)
    with pytest.raises(DataChangedError, match=r"s3://data/in/a\.csv was written"):
        passes_at_end(s3, expected)


def test_an_object_gone_without_a_version_raises() -> None:
    s3, expected = bucket(uri=FOLDER, versioned=False)
    s3.delete("in/a.csv", 12)
    with pytest.raises(DataChangedError, match="gone and no version of it is left"):
        passes_at_end(s3, expected)


def test_a_multipart_upload_has_the_time_of_its_start_and_raises() -> None:
    s3, expected = bucket()
    s3.put("in/a.csv", B, -5)
    with pytest.raises(DataChangedError):
        check_current(s3, expected)
    with pytest.raises(DataChangedError, match="or an upload that began before the run has replaced it"):
        passes_at_end(s3, expected)


def test_a_deletion_and_a_new_write_before_the_run_pass() -> None:
    s3 = VersionedBucket()
    s3.put("in/a.csv", B, 0)
    s3.delete("in/a.csv", 1)
    s3.put("in/a.csv", A, 1)
    expected = input_version_of(s3)
    assert passes_at_end(s3, expected)
    swap(s3)
    with pytest.raises(DataChangedError):
        passes_at_end(s3, expected)


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_every_page_of_versions_is_read(page_size: int) -> None:
    s3, expected = bucket(uri=FOLDER, page_size=page_size)
    s3.put("in/b.csv", B, 21)
    s3.put("in/b.csv", A, 22)
    assert passes_at_end(s3, expected)
    s3.put("in/z.csv", A, 15)
    with pytest.raises(DataChangedError, match=r"z\.csv"):
        passes_at_end(s3, expected)


def test_without_permission_to_list_versions_current_objects_are_compared() -> None:
    s3, expected = bucket()
    s3.refused = {"list_object_versions"}
    assert passes_at_end(s3, expected)
    swap(s3)
    with pytest.raises(DataChangedError):
        passes_at_end(s3, expected)


def test_a_bucket_that_can_no_longer_be_listed_raises_its_own_error() -> None:
    s3, expected = bucket()
    s3.refused = {"list_object_versions", "list_objects_v2"}
    with pytest.raises(DataNotReadableError, match="may not read"):
        passes_at_end(s3, expected)


@pytest.mark.parametrize("check", [check_current, passes_at_end])
def test_throttling_is_no_change_of_the_data(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3, expected = bucket()

    def throttled(**_: Any) -> None:
        raise refusal("SlowDown", 503)

    monkeypatch.setattr(s3, "list_objects_v2", throttled)
    monkeypatch.setattr(s3, "list_object_versions", throttled)
    with pytest.raises(ServiceThrottledError):
        check(s3, expected)


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
def test_no_other_input_passes_for_the_expected_one(
    before: list[tuple[str, bytes | None]], writes: list[tuple[int, str, bytes | None]], page_size: int
) -> None:
    s3 = VersionedBucket(page_size=page_size)
    for second, (name, body) in enumerate([*before, ("a", A)]):
        put(s3, f"in/{name}.csv", body, second)
    expected, there = input_version_of(s3, FOLDER), dict([*before, ("a", A)])
    changed = False
    for second, key, body in sorted(writes, key=lambda write: write[0]):
        put(s3, key, body, second)
        if second <= ENDED and key.startswith("in/"):
            # To delete what is not there changes nothing that a job could read.
            changed = changed or body is not None or there.get(key[3:-4]) is not None
            there[key[3:-4]] = body
    if not changed:
        assert passes_at_end(s3, expected)
        return
    try:
        has_passed = passes_at_end(s3, expected)
    except DataChangedError:
        return
    # Objects that the expected does not hold may have come and gone.
    assert has_passed
    assert all(body is None for name, body in there.items() if dict([*before, ("a", A)]).get(name) is None)


def put(s3: VersionedBucket, key: str, body: bytes | None, second: int) -> None:
    if body is None:
        s3.delete(key, second)
    else:
        s3.put(key, body, second)
