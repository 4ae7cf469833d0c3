"""The artifact is data that is checked when it is loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from next_purchase.errors import ArtifactError
from next_purchase.features import make_features, make_sample
from next_purchase.learning.learn import learn
from next_purchase.learning.settings import read_training_settings
from next_purchase.learning.training import train
from next_purchase.models.artifact import load_artifact, write_artifact
from next_purchase.models.names import BACKENDS
from next_purchase.sagemaker_contract import ContainerPaths
from next_purchase.serving.prediction import predict_next_purchase
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


def test_equal_data_and_seed_give_equal_files(trained: ContainerPaths, tmp_path: Path) -> None:
    again = _train(tmp_path)
    for name in ("model.json", "metrics.json"):
        assert (again.model / name).read_bytes() == (trained.model / name).read_bytes()


def test_the_artifact_holds_neither_code_nor_customers(trained: ContainerPaths) -> None:
    assert sorted(path.name for path in trained.model.iterdir()) == ["metrics.json", "model.json"]
    customers = [str(number) for number in range(12_000, 12_200)]
    for path in trained.model.iterdir():
        content = path.read_text(encoding="utf-8")  # a pickle is not text
        words = set(content.replace('"', " ").replace("=", " ").replace(",", " ").split())
        assert not words.intersection(customers)


def test_the_description_says_where_the_model_comes_from(trained: ContainerPaths) -> None:
    description = json.loads((trained.model / "model.json").read_text(encoding="utf-8"))
    metrics = json.loads((trained.model / "metrics.json").read_text(encoding="utf-8"))
    assert description["metrics"] == metrics
    assert metrics["model_backend"] == description["backend"]
    assert "2010-12-01" <= description["first_order_date"] < description["last_order_date"] <= "2011-12-01"
    assert set(description["versions"]) == {"python", "numpy", "polars", "scipy"}
    told = json.loads((trained.output_data / "metrics.json").read_text(encoding="utf-8"))
    # How long it took, and how earlier predictions did, is no part of the model.
    assert told.items() >= metrics.items()
    assert {name for name in told.keys() - metrics.keys() if not name.startswith("realised_")} == {"seconds"}
    assert told["seconds"].keys() == told["candidates"].keys()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_loaded_answers_as_what_was_written(tmp_path: Path, backend: str) -> None:
    features = make_features(orders_on({str(who): range(who % 20, 300, 5 + who % 30) for who in range(40)}), 5)
    result = learn(features, read_training_settings({"model_backend": backend}, {}))
    write_artifact(tmp_path, result.trained, result.details, result.metrics)
    sample = make_sample(features, result.as_of)
    answer = predict_next_purchase(sample, result.trained.predictor)
    loaded = load_artifact(tmp_path)
    assert loaded.backend == backend
    assert predict_next_purchase(sample, loaded.predictor).equals(answer)
    assert answer["predicted_days"].n_unique() > 1 or backend == "median_gap"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"schema_version": 99}, "schema version 99, this image reads 3", id="other-version"),
        pytest.param({"schema_version": 2}, "schema version 2, .*: train again with this image", id="before"),
        pytest.param({"schema_version": None}, "schema version None", id="no-version"),
        pytest.param({"features": ["age"]}, "other features", id="other-features"),
        pytest.param({"backend": "forest"}, "made by 'forest'; this image has mean_gap", id="other-model"),
        pytest.param({"backend": "auto"}, "made by 'auto'", id="no-model-at-all"),
        pytest.param({"backend": "mbg_nbd", "model": {"r": 1.0}}, "no usable alpha: None", id="half-a-model"),
        pytest.param(
            {"backend": "mbg_nbd+weibull", "model": {"mbg_nbd": 1}}, "no object: 1", id="half-an-average"
        ),
        pytest.param({"time_series_length": "5"}, "no usable time_series_length: '5'", id="wrong-type"),
        pytest.param({"time_series_length": 0}, "no usable time_series_length", id="no-gaps"),
        pytest.param({"horizon_days": -5}, "horizon", id="negative-horizon"),
        pytest.param({"horizon_days": True}, "no usable horizon_days: True", id="no-number"),
        pytest.param({"model": None}, "no usable model: None", id="no-model"),
        pytest.param({"probability_days": 91}, r"probability_days \(91\)", id="beyond-the-horizon"),
        pytest.param({"interval_ahead": {"lower": 0.1}}, "no usable upper: None", id="half-an-interval"),
    ],
)
def test_a_foreign_description_is_refused(
    trained: ContainerPaths, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    description = json.loads((trained.model / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(description | change), encoding="utf-8")
    with pytest.raises(ArtifactError, match=said):
        load_artifact(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe not text", b"", b"[]"])
def test_a_description_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.json"):
        load_artifact(tmp_path)


def test_a_missing_description_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"has no model\.json"):
        load_artifact(tmp_path)
