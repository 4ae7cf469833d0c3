"""Trees as expressions give the sums that LightGBM gives."""

from __future__ import annotations

import random
import re

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from next_purchase import tree_columns
from next_purchase.hazard import HazardModel
from next_purchase.lightgbm_library import Booster, Dataset
from next_purchase.tree_columns import MOST_SPLITS, Split, Tree, TreeColumns, read_trees

FEATURES = ("steady", "gappy")
INTERVALS = 7


def _make_rows(count: int) -> pl.DataFrame:
    """Two features, one of them unknown now and then, and a number of an interval."""
    chance = random.Random(5)  # noqa: S311 - test data
    return pl.DataFrame(
        {
            "steady": [chance.uniform(-3, 3) for _ in range(count)],
            "gappy": [chance.uniform(-3, 3) if chance.random() < 0.7 else None for _ in range(count)],
            "interval": [float(chance.randrange(INTERVALS)) for _ in range(count)],
        },
        schema_overrides={"gappy": pl.Float64},
    )


def _grow(rows: pl.DataFrame, returned: pl.Expr, trees: int = 20, leaves: int = 12) -> Booster:
    parameters = {
        "objective": "binary",
        "num_leaves": leaves,
        "min_data_in_leaf": 5,
        "verbosity": -1,
        "num_threads": 1,
        "deterministic": "true",
        "force_col_wise": "true",
    }
    label = rows.select(returned.cast(pl.Float32)).to_series()
    weight = pl.Series([1.0] * rows.height, dtype=pl.Float32)
    booster = Booster.start(Dataset(rows, rows.columns, label, weight, parameters), parameters)
    for _ in range(trees):
        booster.grow()
    return booster


def _columns(booster: Booster) -> TreeColumns:
    trees = read_trees(booster.to_text())
    assert trees is not None
    return TreeColumns(trees, FEATURES, INTERVALS)


steady, gappy, interval = (pl.col(name) for name in (*FEATURES, "interval"))


@pytest.mark.lightgbm
@pytest.mark.parametrize(
    ("returned", "trees", "leaves"),
    [
        pytest.param((steady * interval > 1) ^ (gappy.fill_null(1) > interval / 3), 20, 12, id="mixed"),
        pytest.param(steady > gappy.fill_null(0), 20, 12, id="hardly-by-interval"),
        pytest.param((interval % 2).eq(0), 20, 7, id="by-interval-alone"),
        pytest.param((steady > 0) & (interval > 2), 1, 2, id="one-split"),
        pytest.param((steady * interval > 1) ^ (gappy.fill_null(1) > interval / 3), 2, 140, id="large-trees"),
        pytest.param(steady.is_null(), 1, 12, id="nothing-to-learn"),
    ],
)
def test_scores_are_the_librarys_for_every_interval(returned: pl.Expr, trees: int, leaves: int) -> None:
    booster = _grow(_make_rows(3000), returned, trees, leaves)
    # Rows as in training, and rows in which what was always known is unknown.
    rows = pl.concat([_make_rows(3000), _make_rows(100).with_columns(steady=None)], how="vertical_relaxed")
    scores = _columns(booster).scores(rows.select(FEATURES))
    assert scores.columns == [str(number) for number in range(INTERVALS)]
    for number in range(INTERVALS):
        asked = rows.with_columns(interval=pl.lit(float(number)))
        expected = list(booster.predict(asked, raw_score=True))
        assert scores[str(number)].to_list() == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.lightgbm
def test_no_rows_have_no_scores() -> None:
    rows = _make_rows(100)
    assert _columns(_grow(rows, steady > interval - 3)).scores(rows.select(FEATURES).clear()).shape == (
        0,
        INTERVALS,
    )


@pytest.mark.lightgbm
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(r"decision_type=\d+", "decision_type=3", id="by-category"),
        pytest.param(r"decision_type=\d+", "decision_type=4", id="zero-is-unknown"),
    ],
)
def test_other_kinds_of_splits_are_left_to_the_library(old: str, new: str) -> None:
    text = _grow(_make_rows(500), steady > interval - 3).to_text()
    assert read_trees(text)
    assert read_trees(re.sub(old, new, text, count=1)) is None


@pytest.mark.lightgbm
def test_many_splits_are_left_to_the_library() -> None:
    text = _grow(_make_rows(3000), steady * interval > gappy.fill_null(1), 40, 40).to_text()
    assert text.count("\nTree=") * 39 > MOST_SPLITS
    assert read_trees(text) is None


def test_a_tree_that_is_one_long_branch_is_answered() -> None:
    """Each split asks for a little more, and only its right side asks on."""
    last = MOST_SPLITS - 1
    splits = (Split(0, float(i), 0, ~i, ~MOST_SPLITS if i == last else i + 1) for i in range(MOST_SPLITS))
    tree = Tree(tuple(splits), tuple(map(float, range(MOST_SPLITS + 1))))
    rows = pl.DataFrame({"steady": [0.5, 77.0, 1e9]})
    assert TreeColumns([tree], ["steady"], 2).scores(rows)["1"].to_list() == [1.0, 77.0, float(MOST_SPLITS)]


@pytest.mark.lightgbm
def test_a_model_answers_the_same_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _make_rows(3000)
    booster = _grow(rows, (steady * interval > 1) ^ (gappy.fill_null(1) > interval / 3))
    answers = HazardModel(booster, FEATURES, 90).predict(rows)
    monkeypatch.setattr(tree_columns, "MOST_SPLITS", 0)
    assert_frame_equal(HazardModel(booster, FEATURES, 90).predict(rows), answers, abs_tol=1e-9, rel_tol=0)
