"""Names are accepted by AWS, unique and readable."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import botocore.session
import pytest
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import strategies as st

from pipeline import naming

STARTED = "20261122T094236123Z"
NAMED = [naming.training_job_name, naming.transform_job_name, naming.model_name]


@functools.cache
def sagemaker() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


valid_items = st.text(min_size=1, max_size=naming.MAX_ITEM_LENGTH).filter(
    lambda text: naming.item_problem(text) is None
)


@pytest.mark.parametrize(
    "item",
    ["item1", "United Kingdom", "台北 101", "a" * 128, "...", "EIRE", "données", "a.b_c", "-", "100%", "🛒"],
)
def test_names_that_people_have_are_accepted(item: str) -> None:
    assert naming.item_problem(item) is None


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("", "must not be empty"),
        ("a" * 129, "at most 128 characters, not 129"),
        ("a" * 300, "at most 128 characters, not 300"),
        ("a/b", "must not contain"),
        ("a\\b", "must not contain"),
        (".", "must not be"),
        ("..", "must not be"),
        ("a\nb", "printable"),
        ("a\tb", "printable"),
        ("a\x00b", "printable"),
        (" a", "begin or end with a space"),
        ("a ", "begin or end with a space"),
        (" ", "begin or end with a space"),
        (7, "must be a string, not 7"),
        (None, "must be a string, not null"),
        (["a"], 'must be a string, not ["a"]'),
        (True, "must be a string, not true"),
    ],
    ids=repr,
)
def test_names_that_cannot_be_a_folder_are_refused_with_the_reason(item: object, said: str) -> None:
    problem = naming.item_problem(item)
    assert problem is not None
    assert said in problem


@given(item=valid_items)
def test_every_accepted_item_gets_names_that_sagemaker_takes(item: str) -> None:
    for maker, shape_name in zip(NAMED, ["TrainingJobName", "TransformJobName", "ModelName"], strict=True):
        shape = sagemaker().shape_for(shape_name)
        name = maker(item, STARTED)
        assert re.fullmatch(shape.metadata["pattern"], name)
        assert len(name) <= shape.metadata["max"]


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("item1", "training-job-item1-20261122T094236123Z"),
        ("store-0042", "training-job-store-0042-20261122T094236123Z"),
    ],
)
def test_a_plain_item_keeps_its_name_in_the_job_name(item: str, name: str) -> None:
    assert naming.training_job_name(item, STARTED) == name


@pytest.mark.parametrize("item", ["United Kingdom", "台北", "a" * 100, "Item1", "a_b", "-a"])
@pytest.mark.parametrize("maker", NAMED)
def test_a_changed_name_ends_in_six_digits_of_the_items_sha256(
    maker: Callable[[str, str], str], item: str
) -> None:
    digest = hashlib.sha256(item.encode()).hexdigest()[:6]
    assert maker(item, STARTED).removesuffix(f"-{STARTED}").endswith(f"-{digest}")


@given(items=st.lists(valid_items, unique=True, min_size=2, max_size=20))
def test_two_items_of_a_run_never_share_a_name_even_when_case_is_lost(items: list[str]) -> None:
    digits = naming.hash_digits_for(items, STARTED)
    for maker in NAMED:
        assert len({maker(item, STARTED, digits).lower() for item in items}) == len(items)


@pytest.mark.parametrize("maker", NAMED)
def test_items_that_differ_in_case_alone_differ_in_more(maker: Callable[[str, str], str]) -> None:
    upper, lower = maker("Store", STARTED), maker("store", STARTED)
    assert upper.startswith(lower.removesuffix(STARTED))
    assert upper != lower


def test_items_whose_six_digits_collide_are_told_apart_by_more() -> None:
    # Names of one Chinese character keep nothing but their hash; among 20,000 of them some share 24 bits.
    seen: dict[str, str] = {}
    pair: list[str] = []
    for character in map(chr, range(0x4E00, 0x9FA5)):
        name = naming.model_name(character, STARTED)
        if name in seen:
            pair = [seen[name], character]
            break
        seen[name] = character
    assert pair
    assert naming.hash_digits_for(pair, STARTED) > naming.HASH_DIGITS
    digits = naming.hash_digits_for(pair, STARTED)
    assert naming.model_name(pair[0], STARTED, digits) != naming.model_name(pair[1], STARTED, digits)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 9, 42, 36, 999_999, tzinfo=UTC), "20261122T094236999Z"),
        (datetime(2026, 11, 22, 9, 42, 36, tzinfo=timezone(timedelta(hours=8))), "20261122T014236000Z"),
    ],
    ids=["to the millisecond", "in UTC"],
)
def test_timestamps_are_utc_to_the_millisecond(moment: datetime, text: str) -> None:
    assert naming.timestamp(moment) == text


@pytest.mark.parametrize(
    ("execution", "run_id"),
    [
        ("first-run", f"{STARTED}-first-run"),
        ("nightly_7", f"{STARTED}-nightly_7"),
        ("d4f3-Ab", f"{STARTED}-d4f3-Ab"),
    ],
)
def test_a_run_id_is_its_time_and_its_executions_name(execution: str, run_id: str) -> None:
    assert naming.run_id(STARTED, execution) == run_id


def test_executions_whose_names_must_be_changed_do_not_share_a_run_id() -> None:
    ids = {naming.run_id(STARTED, name) for name in ["a.b", "a=b", "a!b", "a-b"]}
    assert len(ids) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in ids)


@given(text=st.text(min_size=1, max_size=300))
def test_tag_values_are_ones_that_aws_takes(text: str) -> None:
    value = naming.tag_value(text)
    assert len(value) <= 256
    assert not re.search(r"[^\w\s.:/=+\-@]", value)
