"""LightGBM through its C interface: what it learns, keeps, refuses and gives back."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from next_purchase.errors import ArtifactError
from next_purchase.lightgbm_library import Booster, Dataset, LightGbmError

pytestmark = pytest.mark.lightgbm

ROWS = 2_000
TREES = 12
PARAMETERS: dict[str, object] = {
    "objective": "binary",
    "num_leaves": 5,
    "min_data_in_leaf": 10,
    "deterministic": "true",
    "force_col_wise": "true",
    "num_threads": 1,
    "seed": 1,
    "verbosity": -1,
}


def spread(rows: int, step: float) -> list[float]:
    """(rows,) numbers from 0 to 1, evenly spread and in no order that matters."""
    return [row * step % 1 for row in range(rows)]


def make_features() -> pl.DataFrame:
    """(ROWS, 3): two that are always known and one that is known for every other row."""
    gaps = [None if row % 2 else gap - 0.5 for row, gap in enumerate(spread(ROWS, 0.732051))]
    return pl.DataFrame({"days": spread(ROWS, 0.618034), "amount": spread(ROWS, 0.414214), "gap": gaps})


def make_label(features: pl.DataFrame) -> pl.Series:
    """(ROWS,): 1 for 9 in 10 rows whose gap is unknown; of the others, for the more the more days they have."""
    chance = pl.when(pl.col("gap").is_null()).then(0.9).otherwise(pl.col("days") / 2)
    draw = pl.Series("draw", spread(ROWS, 0.236068))
    return features.with_columns(draw).select((pl.col("draw") < chance).cast(pl.Float32)).to_series()


def without_difference() -> pl.DataFrame:
    """(ROWS, 3): rows that no tree can tell apart."""
    return FEATURES.with_columns(pl.lit(1.0).alias(name) for name in FEATURES.columns)


def make_dataset(
    features: pl.DataFrame, parameters: dict[str, object] = PARAMETERS, *, weight: pl.Series | None = None
) -> Dataset:
    if weight is None:
        weight = ones(len(features))
    return Dataset(features, features.columns, make_label(FEATURES), weight, parameters)


def ones(rows: int) -> pl.Series:
    return pl.Series([1.0], dtype=pl.Float32).new_from_index(0, rows)


def grow(dataset: Dataset, trees: int, earlier: Booster | None = None) -> Booster:
    booster = Booster.start(dataset, PARAMETERS, earlier)
    while booster.count_trees() < trees:
        assert booster.grow()
    return booster


FEATURES = make_features()


@pytest.fixture(scope="module")
def booster() -> Booster:
    """Trees that were just grown."""
    return grow(make_dataset(FEATURES), TREES)


@pytest.fixture(scope="module")
def text(booster: Booster) -> str:
    """The text of a model that is whole."""
    return booster.to_text()


def test_what_was_learned_is_what_was_in_the_data(booster: Booster) -> None:
    answers = FEATURES.with_columns(answer=pl.Series(booster.predict(FEATURES), dtype=pl.Float64))
    unknown = answers.filter(pl.col("gap").is_null())["answer"].mean()
    known = answers.filter(pl.col("gap").is_not_null())["answer"].mean()
    assert unknown == pytest.approx(0.9, abs=0.15)
    assert known == pytest.approx(0.25, abs=0.15)


def test_rows_count_as_much_as_their_weight_says(booster: Booster) -> None:
    weight = make_label(FEATURES) * 9 + 1
    answers = grow(make_dataset(FEATURES, weight=weight), TREES).predict(FEATURES)
    assert sum(answers) > sum(booster.predict(FEATURES)) + ROWS / 10


def test_the_text_tells_the_features_by_name(text: str) -> None:
    assert "\nfeature_names=days amount gap\n" in text


def test_raw_scores_are_what_the_objective_makes_probabilities_of(booster: Booster) -> None:
    raw = booster.predict(FEATURES, raw_score=True)
    assert list(booster.predict(FEATURES)) == pytest.approx([1 / (1 + math.exp(-score)) for score in raw])


def test_a_model_read_back_is_the_same(booster: Booster, text: str) -> None:
    again = Booster.from_text(text)
    assert again.to_text() == text
    assert (again.count_trees(), again.feature_count()) == (TREES, 3)
    assert again.predict(FEATURES) == booster.predict(FEATURES)
    assert again.predict(FEATURES, raw_score=True) == booster.predict(FEATURES, raw_score=True)


def test_each_row_has_a_number_for_each_class() -> None:
    parameters = PARAMETERS | {"objective": "multiclass", "num_class": 3}
    booster = Booster.start(make_dataset(FEATURES, parameters), parameters)
    assert booster.grow()
    answers = booster.predict(FEATURES)
    assert len(answers) == 3 * ROWS
    assert [sum(answers[row : row + 3]) for row in range(0, 3 * ROWS, 3)] == pytest.approx([1.0] * ROWS)


@pytest.mark.parametrize("trees", [1, 5, TREES - 1, TREES])
def test_growing_on_from_earlier_trees_is_growing_at_once(trees: int, text: str) -> None:
    earlier = Booster.from_text(grow(make_dataset(FEATURES), trees).to_text())
    dataset = make_dataset(FEATURES)
    dataset.set_field("init_score", pl.Series(earlier.predict(FEATURES, raw_score=True), dtype=pl.Float64))
    assert grow(dataset, TREES, earlier).to_text() == text


def test_growing_ends_when_no_split_is_left() -> None:
    assert not Booster.start(make_dataset(without_difference()), PARAMETERS).grow()


def test_null_is_unknown_as_nan_is_in_learning_and_in_answering(booster: Booster, text: str) -> None:
    nan = FEATURES.with_columns(pl.col("gap").fill_null(float("nan")))
    assert grow(make_dataset(nan), TREES).to_text() == text
    assert booster.predict(nan) == booster.predict(FEATURES)


def test_unknown_is_not_zero(booster: Booster) -> None:
    zero = FEATURES.with_columns(pl.col("gap").fill_null(0.0))
    assert grow(make_dataset(zero), TREES).to_text() != booster.to_text()
    other = pl.Series(booster.predict(FEATURES)) != pl.Series(booster.predict(zero))
    assert other.to_list() == FEATURES["gap"].is_null().to_list()


def test_a_table_in_pieces_is_the_table(booster: Booster, text: str) -> None:
    pieces = pl.concat([FEATURES[:7], FEATURES[7:1_000], FEATURES[1_000:]], rechunk=False)
    assert pieces.n_chunks() == 3
    assert grow(make_dataset(pieces), TREES).to_text() == text
    assert booster.predict(pieces) == booster.predict(FEATURES)


def test_no_rows_have_no_answers(booster: Booster) -> None:
    assert len(booster.predict(FEATURES.clear())) == 0


def test_rows_with_another_number_of_features_are_refused(booster: Booster) -> None:
    with pytest.raises(LightGbmError, match=r"features in data \(2\) is not the same as .* training data \(3\)"):
        booster.predict(FEATURES.drop("gap"))


def test_a_label_for_other_rows_is_refused() -> None:
    with pytest.raises(LightGbmError, match="label"):
        Dataset(FEATURES, FEATURES.columns, ones(ROWS - 1), ones(ROWS), PARAMETERS)


def test_names_for_other_features_are_refused() -> None:
    with pytest.raises(LightGbmError, match="feature"):
        Dataset(FEATURES, ["days"], ones(ROWS), ones(ROWS), PARAMETERS)


def test_parameters_that_mean_nothing_are_refused() -> None:
    with pytest.raises(LightGbmError, match="num_leaves"):
        Booster.start(make_dataset(FEATURES), PARAMETERS | {"num_leaves": "many"})


@pytest.mark.parametrize(
    ("pattern", "instead", "reason"),
    [
        (r"(?s).*", "", "does not begin"),
        (r"(?s).*", "PK\x03\x04", "does not begin"),
        (r"(?s).*", "tree\nend of trees\nend of parameters\n", "does not begin"),
        (r"version", "ver\0sion", "does not begin"),
        (r"tree_sizes=\d+", "tree_sizes=x", "does not begin"),
        (r"tree_sizes=\d+", "tree_sizes=1", "tree 1 is not where"),
        (r"(tree_sizes=.*)", r"\1 99", f"tree {TREES} is not where"),
        (r"(tree_sizes=.*) \d+\n", r"\1\n", "does not end"),
        (r"(?s)Tree=3.*", "", "tree 3 is not where"),
        (r"(?s)Tree=3.*?(?=Tree=4)", "", "tree 3 is not where"),
        (r"(?s)end of trees.*", "", "does not end"),
        (r"end of parameters", "", "does not end"),
        (r"num_class=1\n", "", "number of classes"),
        (r"max_feature_idx=2", "max_feature_idx=3", "feature_names"),
        (r"objective=binary", "objective=magic_", "magic"),
        (r"num_leaves=5", "num_leaves=6", "Check failed"),
        (r"threshold=", "thresh_ld=", "threshold"),
        (r"leaf_value=\S", "leaf_value=x", "no conversion to double|parse double"),
    ],
    ids=[
        "empty", "another kind of file", "frame alone", "zero byte", "size not a number", "size wrong",
        "a size too many", "a size too few", "cut before a tree", "a tree missing", "cut after the trees",
        "end missing", "classes missing", "features' number wrong", "unknown objective", "leaves' number wrong",
        "thresholds missing", "value not a number",
    ],
)  # fmt: skip
def test_a_damaged_text_is_refused_and_the_process_lives(
    text: str, pattern: str, instead: str, reason: str
) -> None:
    damaged = re.sub(pattern, instead, text, count=1)
    assert damaged != text
    with pytest.raises(ArtifactError, match=f"The model text is damaged: .*({reason})"):
        Booster.from_text(damaged)


@given(data=st.data())
def test_a_text_is_refused_wherever_it_was_cut(data: st.DataObject, text: str) -> None:
    end = data.draw(st.integers(0, text.index("end of parameters") - 1))
    with pytest.raises(ArtifactError):
        Booster.from_text(text[:end])


@given(data=st.data())
def test_a_text_is_refused_whatever_is_missing_among_its_trees(data: st.DataObject, text: str) -> None:
    start = data.draw(st.integers(text.index("Tree=0"), text.index("end of trees")))
    end = data.draw(st.integers(start + 1, len(text)))
    with pytest.raises(ArtifactError):
        Booster.from_text(text[:start] + text[end:])


def test_nothing_is_printed_unless_a_call_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """The log is the job's; LightGBM itself writes there what it refuses, and offers no way to stop it."""
    Booster.from_text(grow(make_dataset(FEATURES), 2).to_text()).predict(FEATURES)
    Booster.start(make_dataset(without_difference()), PARAMETERS).grow()
    assert capfd.readouterr() == ("", "")


def test_memory_is_given_back(text: str) -> None:
    status = Path("/proc/self/statm")
    if not status.exists():
        pytest.skip("this system has no /proc to read the memory in use from")
    features, label = pl.concat([FEATURES] * 10), pl.concat([make_label(FEATURES)] * 10)

    def use(times: int) -> int:
        """Bytes in memory afterwards."""
        for _ in range(times):
            Booster.from_text(text).predict(features)
            dataset = Dataset(features, features.columns, label, ones(len(label)), PARAMETERS)
            Booster.start(dataset, PARAMETERS).grow()
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = use(20)
    # What one of them takes is a few hundred kilobytes.
    assert use(200) - before < 5_000_000


def test_neither_lightgbms_package_nor_numpy_is_loaded(root: Path) -> None:
    script = (
        "import sys; from tests.unit.container import test_lightgbm_library as t; "
        "t.grow(t.make_dataset(t.FEATURES), 2).predict(t.FEATURES); "
        "print(sorted({'lightgbm', 'numpy', 'scipy', 'pyarrow'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "container")])},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.stdout.strip() == "[]", ended.stderr
