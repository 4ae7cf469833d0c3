"""The artifact is data that is checked when it is loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from next_purchase.artifact import load_artifact
from next_purchase.errors import ArtifactError
from next_purchase.features import make_features
from next_purchase.sagemaker_contract import ContainerPaths
from next_purchase.training import train
from tests.unit.container.retail_data import make_shop, write_lines
from tests.unit.container.shops import orders_on

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ContainerPaths:
    return _train(tmp_path_factory.mktemp("trained"))


def _train(root: Path, **hyperparameters: str) -> ContainerPaths:
    paths = ContainerPaths(root)
    paths.hyperparameters.parent.mkdir(parents=True)
    paths.hyperparameters.write_text(json.dumps(hyperparameters), encoding="utf-8")
    write_lines(paths.channel("training") / "Online_Retail.csv", make_shop(customers=200))
    train(paths, {})
    return paths


@pytest.mark.lightgbm
def test_equal_data_and_seed_give_equal_files(trained: ContainerPaths, tmp_path: Path) -> None:
    again = _train(tmp_path)
    for name in ("model.txt", "model.json", "metrics.json"):
        assert (again.model / name).read_bytes() == (trained.model / name).read_bytes()


@pytest.mark.lightgbm
def test_the_artifact_holds_neither_code_nor_customers(trained: ContainerPaths) -> None:
    assert sorted(path.name for path in trained.model.iterdir()) == ["metrics.json", "model.json", "model.txt"]
    customers = [str(number) for number in range(12_000, 12_200)]
    for path in trained.model.iterdir():
        content = path.read_text(encoding="utf-8")  # a pickle is not text
        words = set(content.replace('"', " ").replace("=", " ").replace(",", " ").split())
        assert not words.intersection(customers)


@pytest.mark.lightgbm
def test_the_description_says_where_the_model_comes_from(trained: ContainerPaths) -> None:
    description = json.loads((trained.model / "model.json").read_text(encoding="utf-8"))
    metrics = json.loads((trained.model / "metrics.json").read_text(encoding="utf-8"))
    assert description["metrics"] == metrics
    assert metrics["model_backend"] == description["backend"] == "lightgbm"
    assert "2010-12-01" <= description["first_order_date"] < description["last_order_date"] <= "2011-12-01"
    assert set(description["versions"]) == {"python", "lightgbm", "polars"}
    assert (trained.output_data / "metrics.json").read_bytes() == (trained.model / "metrics.json").read_bytes()


@pytest.mark.parametrize(
    "backend", [pytest.param("lightgbm", marks=pytest.mark.lightgbm), "median_gap", "mean_gap", "last_gap"]
)
def test_what_is_loaded_answers(tmp_path: Path, backend: str) -> None:
    loaded = load_artifact(_train(tmp_path, model_backend=backend).model)
    assert loaded.backend == backend
    assert loaded.model.predict(make_features(orders_on({"1": [0, 10]}), 5)).height == 2


@pytest.mark.lightgbm
@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"schema_version": 99}, "schema version 99, this image reads 2", id="other-version"),
        pytest.param({"schema_version": None}, "schema version None", id="no-version"),
        pytest.param({"features": ["age"]}, "other features", id="other-features"),
        pytest.param({"backend": "forest"}, "made by 'forest'; this image has lightgbm", id="other-learner"),
        pytest.param({"time_series_length": "5"}, "no usable time_series_length: '5'", id="wrong-type"),
        pytest.param({"time_series_length": 0}, "no usable time_series_length", id="no-gaps"),
        pytest.param({"horizon_days": -5}, "horizon", id="negative-horizon"),
        pytest.param({"horizon_days": True}, "no usable horizon_days: True", id="no-number"),
        pytest.param({"model": None}, "no usable model: None", id="no-model"),
        pytest.param({"horizon_days": 60}, "intervals end on the days", id="other-horizon"),
    ],
)
def test_a_foreign_description_is_refused(
    trained: ContainerPaths, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    description = json.loads((trained.model / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(description | change), encoding="utf-8")
    (tmp_path / "model.txt").write_bytes((trained.model / "model.txt").read_bytes())
    with pytest.raises(ArtifactError, match=said):
        load_artifact(tmp_path)


@pytest.mark.lightgbm
@pytest.mark.parametrize("content", [b"\xff\xfe not text", b""])
def test_a_model_file_that_is_no_model_is_refused(trained: ContainerPaths, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.json").write_bytes((trained.model / "model.json").read_bytes())
    (tmp_path / "model.txt").write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        load_artifact(tmp_path)


def test_nothing_of_an_earlier_training_stays(tmp_path: Path) -> None:
    paths = _train(tmp_path)
    (paths.model / "model.txt").write_text("of another training", encoding="utf-8")
    paths.hyperparameters.write_text('{"model_backend": "mean_gap"}', encoding="utf-8")
    train(paths, {})
    assert sorted(path.name for path in paths.model.iterdir()) == ["metrics.json", "model.json"]


@pytest.mark.parametrize("missing", [pytest.param("model.txt", marks=pytest.mark.lightgbm), "model.json"])
def test_a_missing_file_is_named(trained: ContainerPaths, tmp_path: Path, missing: str) -> None:
    for path in trained.model.iterdir():
        if path.name != missing:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ArtifactError, match=f"has no {missing}"):
        load_artifact(tmp_path)


@pytest.mark.lightgbm
def test_a_cut_model_text_is_refused(trained: ContainerPaths, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((trained.model / "model.json").read_bytes())
    (tmp_path / "model.txt").write_bytes((trained.model / "model.txt").read_bytes()[:2000])
    with pytest.raises(ArtifactError, match="damaged"):
        load_artifact(tmp_path)


@pytest.mark.lightgbm
def test_a_model_text_with_one_other_digit_is_refused(trained: ContainerPaths, tmp_path: Path) -> None:
    text = (trained.model / "model.txt").read_text(encoding="utf-8")
    value = text.index("leaf_value=") + len("leaf_value=")
    digit = next(place for place in range(value, len(text)) if text[place].isdigit())
    (tmp_path / "model.json").write_bytes((trained.model / "model.json").read_bytes())
    other = "1" if text[digit] == "0" else "0"
    (tmp_path / "model.txt").write_text(text[:digit] + other + text[digit + 1 :], encoding="utf-8")
    with pytest.raises(ArtifactError, match="damaged, or of another training"):
        load_artifact(tmp_path)
