"""Checkpoints: a job that was stopped ends with the model of one that was not, and no file can spoil it."""

from __future__ import annotations

import itertools
import logging
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from next_purchase.checkpoint import NO_CHECKPOINT, NO_CHECKPOINTS, Checkpoint, find_checkpoints
from next_purchase.errors import StoppedError
from next_purchase.fit_hazard import fit_hazard
from next_purchase.lightgbm_library import Booster
from next_purchase.outcomes import known_outcomes
from next_purchase.schema import feature_names
from next_purchase.settings import LearnerSettings, S3Prefix, TrainingSettings, read_training_settings
from next_purchase.versions import versions
from tests.unit.container.shops import day, examples_on, orders_on

if TYPE_CHECKING:
    from collections.abc import Callable

TREES = 12
SETTINGS = LearnerSettings(num_iterations=TREES, min_data_in_leaf=5)


@pytest.fixture(scope="module")
def known() -> pl.DataFrame:
    chance = random.Random(3)  # noqa: S311 - test data
    days = {f"{who:03}": sorted(chance.sample(range(200), chance.randrange(2, 9))) for who in range(120)}
    return known_outcomes(examples_on(days), known_until=day(200), horizon_days=90)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "model.trees", "0" * 64)


def _fit(known: pl.DataFrame, checkpoint: Checkpoint, settings: LearnerSettings = SETTINGS) -> str:
    return fit_hazard(known, feature_names(5), 90, settings, checkpoint).to_text()


def _stop_after(trees: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the signal come when so many trees have grown in this start."""
    grow, grown = Booster.grow, itertools.count()

    def grow_or_stop(booster: Booster) -> bool:
        if next(grown) == trees:
            raise StoppedError
        return grow(booster)

    monkeypatch.setattr(Booster, "grow", grow_or_stop)


@pytest.mark.lightgbm
@pytest.mark.parametrize("threads_from_rows", [0, 10**9], ids=["all-cores", "one-thread"])
@pytest.mark.parametrize("stops", [(0,), (1,), (7,), (TREES - 1,), (3, 0, 4)], ids=str)
def test_a_stopped_training_ends_with_the_model_of_an_uninterrupted_one(
    known: pl.DataFrame,
    checkpoint: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
    stops: tuple[int, ...],
    threads_from_rows: int,
) -> None:
    monkeypatch.setattr("next_purchase.fit_hazard._ROWS_WORTH_THREADS", threads_from_rows)
    uninterrupted = _fit(known, NO_CHECKPOINT)
    for trees in stops:
        with monkeypatch.context() as stopping:
            _stop_after(trees, stopping)
            with pytest.raises(StoppedError):
                _fit(known, checkpoint)
    text = checkpoint.read()
    assert text is not None
    assert Booster.from_text(text).count_trees() == sum(stops)
    assert _fit(known, checkpoint) == uninterrupted


@pytest.mark.lightgbm
def test_a_finished_model_is_taken_as_it_is(
    known: pl.DataFrame, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = _fit(known, checkpoint)
    _stop_after(0, monkeypatch)
    assert _fit(known, checkpoint) == finished


@pytest.mark.lightgbm
def test_trees_that_ended_by_themselves_do_not_grow_on(known: pl.DataFrame, checkpoint: Checkpoint) -> None:
    settings = replace(SETTINGS, min_data_in_leaf=known.height * 7)
    finished = _fit(known, checkpoint, settings)
    assert Booster.from_text(finished).count_trees() == 1
    assert _fit(known, checkpoint, settings) == finished


def test_a_stop_while_the_file_is_written_loses_nothing(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, signals = Path.write_bytes, iter([True, False])

    def write_half(path: Path, content: bytes) -> int:
        if next(signals):
            write(path, content[:10])
            raise StoppedError
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(StoppedError), checkpoint.keeping(lambda: "all of it"):
        pass
    assert checkpoint.read() == "all of it"


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _change_a_digit(content: bytes) -> bytes:
    place = content.rindex(b"1")
    return content[:place] + b"2" + content[place + 1 :]


@pytest.mark.lightgbm
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(_cut, "is damaged", id="cut"),
        pytest.param(_change_a_digit, "is damaged", id="one-digit-changed"),
        pytest.param(lambda _: b"", "is damaged", id="empty"),
        pytest.param(lambda _: b"\xff\xfe\x00", "is damaged", id="not-text"),
        pytest.param(lambda content: content.partition(b"\n")[2], "is damaged", id="text-without-digests"),
        pytest.param(
            lambda content: b"1" + content[1:], "is of other data, settings or versions", id="other-origin"
        ),
    ],
)
def test_a_file_that_cannot_be_gone_on_from_is_passed_over_and_replaced(
    known: pl.DataFrame,
    checkpoint: Checkpoint,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
    said: str,
) -> None:
    finished = _fit(known, checkpoint)
    assert checkpoint.path is not None
    good = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(damage(good))
    with caplog.at_level(logging.WARNING):
        assert _fit(known, checkpoint) == finished
    warning = f"{checkpoint.path} {said}, so its trees are grown anew."
    assert [record.getMessage() for record in caplog.records] == [warning]
    assert checkpoint.path.read_bytes() == good


@pytest.mark.lightgbm
def test_a_folder_that_cannot_be_written_stops_no_training(
    known: pl.DataFrame, checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    assert checkpoint.path is not None
    # No room is left for a single byte.
    checkpoint.path.with_suffix(".part").symlink_to("/dev/full")
    with caplog.at_level(logging.WARNING):
        assert _fit(known, checkpoint) == _fit(known, NO_CHECKPOINT)
    assert "cannot be written, so its trees are not kept" in caplog.text
    assert not checkpoint.path.exists()


ORDERS = orders_on({"a": [0, 10, 30], "b": [5]})


def _settings(**changes: str) -> TrainingSettings:
    return read_training_settings(changes, {})


@pytest.mark.parametrize(
    ("orders", "settings"),
    [
        pytest.param(orders_on({"a": [0, 10, 31], "b": [5]}), _settings(), id="data"),
        pytest.param(ORDERS, _settings(seed="2"), id="seed"),
        pytest.param(ORDERS, _settings(num_iterations="61"), id="trees"),
        pytest.param(ORDERS, _settings(horizon_days="91"), id="horizon"),
        pytest.param(ORDERS, _settings(time_series_length="6"), id="features"),
        pytest.param(ORDERS, _settings(cutoff="2011-01-20"), id="cutoff"),
    ],
)
def test_other_data_or_settings_are_another_origin(
    tmp_path: Path, orders: pl.DataFrame, settings: TrainingSettings
) -> None:
    first, other = (find_checkpoints(tmp_path, *given) for given in ((ORDERS, _settings()), (orders, settings)))
    assert first.judged.path == other.judged.path
    assert first.judged.origin != other.judged.origin


def test_another_version_is_another_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = find_checkpoints(tmp_path, ORDERS, _settings())
    monkeypatch.setattr("next_purchase.checkpoint.versions", lambda: versions() | {"lightgbm": "0.1"})
    assert find_checkpoints(tmp_path, ORDERS, _settings()).judged.origin != now.judged.origin


def test_other_code_is_another_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "module.py"
    monkeypatch.setattr("next_purchase.checkpoint.__file__", str(code))
    code.write_text("a = 1", encoding="utf-8")
    now = find_checkpoints(tmp_path, ORDERS, _settings())
    code.write_text("a = 2", encoding="utf-8")
    assert find_checkpoints(tmp_path, ORDERS, _settings()).judged.origin != now.judged.origin


def test_where_data_comes_from_and_results_go_is_no_part_of_the_origin(tmp_path: Path) -> None:
    moved = replace(_settings(), file_path="s3://b/other.csv", sample_destination=S3Prefix("b", "next-run"))
    assert find_checkpoints(tmp_path, ORDERS, moved) == find_checkpoints(tmp_path, ORDERS, _settings())


def test_the_two_models_do_not_share_a_file_and_are_removed_together(tmp_path: Path) -> None:
    checkpoints = find_checkpoints(tmp_path, ORDERS, _settings())
    for checkpoint in (checkpoints.judged, checkpoints.delivered):
        with checkpoint.keeping(lambda: "text"):
            pass
    (tmp_path / "somebody-elses").touch()
    assert len(list(tmp_path.iterdir())) == 3
    checkpoints.remove()
    checkpoints.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["somebody-elses"]


def test_without_sagemakers_folder_nothing_is_kept(tmp_path: Path) -> None:
    assert find_checkpoints(tmp_path / "checkpoints", ORDERS, _settings()) == NO_CHECKPOINTS
    with NO_CHECKPOINT.keeping(lambda: "text"):
        pass
    assert NO_CHECKPOINT.read() is None
    assert not list(tmp_path.iterdir())
