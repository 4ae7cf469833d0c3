"""Where LightGBM's library cannot be loaded: the best baseline answers and says so, and nothing is hidden."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from next_purchase import lightgbm_library
from next_purchase.artifact import load_artifact
from next_purchase.errors import LibraryError, UserError
from next_purchase.features import make_features
from next_purchase.hazard import interval_ends
from next_purchase.learning import learn
from next_purchase.lightgbm_library import LightGbmError, how_to_install_openmp
from next_purchase.sagemaker_contract import ContainerPaths
from next_purchase.settings import read_training_settings
from next_purchase.training import train
from pipeline.models import METRIC_LENGTH
from tests import lightgbm_marker
from tests.unit.container.retail_data import make_shop, write_lines
from tests.unit.container.shops import orders_on

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from next_purchase.learning import Result

INSTALL = r"apt-get install libgomp1.*brew install libomp"
TOO_FEW = {"1": [0, 10, 20, 30], "2": [5, 15]}


@pytest.fixture
def no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that the system refuses to load, on every machine."""
    broken = tmp_path / "lib_lightgbm.so"
    broken.touch()
    monkeypatch.setattr(lightgbm_library, "library_path", lambda: broken)
    # The one that this process may have loaded already must not answer.
    monkeypatch.setattr(lightgbm_library, "load_library", lightgbm_library.load_library.__wrapped__)


def _learn(
    days: Mapping[str, list[int]], hyperparameters: Mapping[str, str], environment: Mapping[str, str]
) -> Result:
    return learn(make_features(orders_on(days), 5), read_training_settings(hyperparameters, environment))


def _plenty() -> dict[str, list[int]]:
    """Enough to grow trees from: 60 customers, each with an order every 30 days."""
    return {f"{who:03}": [*range(who % 30, 400, 30)] for who in range(60)}


@pytest.mark.usefixtures("no_library")
@pytest.mark.parametrize(
    "environment", [{}, {"model_backend": "lightgbm"}], ids=["nothing", "the stack's default"]
)
def test_best_baseline_is_the_model_unless_trees_are_demanded(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    result = _learn(_plenty(), {}, environment)
    metrics = result.metrics
    assert result.trained.backend == metrics["model_backend"] == metrics["best_baseline"]
    assert metrics["mean_absolute_error"] == metrics["baseline_mean_absolute_error"]
    assert metrics["note"] == f"LightGBM cannot be loaded, so the best baseline answers. {how_to_install_openmp()}"
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith(
        f"{metrics['best_baseline']} is the model instead of lightgbm: LightGBM's library cannot"
    )
    assert "apt-get install libgomp1" in line


@pytest.mark.usefixtures("no_library")
def test_trees_that_are_demanded_by_name_fail_with_what_to_install() -> None:
    with pytest.raises(LibraryError, match=INSTALL) as caught:
        _learn(_plenty(), {"model_backend": "lightgbm"}, {})
    assert isinstance(caught.value, UserError)


@pytest.mark.usefixtures("no_library")
@pytest.mark.parametrize("name", [None, "lightgbm"], ids=["default", "by name"])
def test_library_is_not_blamed_where_there_is_too_little_data(name: str | None) -> None:
    metrics = _learn(TOO_FEW, {} if name is None else {"model_backend": name}, {}).metrics
    assert metrics["model_backend"] == "mean_gap"
    assert "note" not in metrics


@pytest.mark.usefixtures("no_library")
def test_baseline_that_is_asked_for_does_not_need_the_library() -> None:
    metrics = _learn(_plenty(), {"model_backend": "last_gap"}, {}).metrics
    assert metrics["model_backend"] == "last_gap"
    assert "note" not in metrics


@pytest.mark.lightgbm
def test_with_the_library_there_is_nothing_to_note() -> None:
    for hyperparameters in ({}, {"model_backend": "lightgbm"}):
        metrics = _learn(_plenty(), hyperparameters, {}).metrics
        assert metrics["model_backend"] == "lightgbm"
        assert "note" not in metrics


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_note_is_short_enough_for_the_pipelines_records(platform: str) -> None:
    install = how_to_install_openmp(platform)
    assert install.endswith({"linux": "apt-get install libgomp1", "darwin": "brew install libomp"}[platform])
    assert len(f"LightGBM cannot be loaded, so the best baseline answers. {install}") <= METRIC_LENGTH


@pytest.fixture
def trained(tmp_path: Path, no_library: None) -> ContainerPaths:  # noqa: ARG001 - for what it does
    paths = ContainerPaths(tmp_path / "ml")
    write_lines(paths.channel("training") / "Online_Retail.csv", make_shop(customers=200))
    train(paths, {})
    return paths


def test_artifact_carries_the_note_and_answers(trained: ContainerPaths) -> None:
    metrics = json.loads((trained.output_data / "metrics.json").read_text(encoding="utf-8"))
    assert "LightGBM cannot be loaded" in metrics["note"]
    loaded = load_artifact(trained.model)
    assert loaded.model.predict(make_features(orders_on({"1": [0, 10]}), 5)).height == 2


def test_trees_that_were_learned_elsewhere_are_refused_with_what_to_install(trained: ContainerPaths) -> None:
    text = "tree\ntree_sizes=\n\nend of trees\n\nparameters:\nend of parameters\n"
    description = json.loads((trained.model / "model.json").read_text(encoding="utf-8"))
    description["backend"] = "lightgbm"
    description["model"] = {
        "text_sha256": sha256(text.encode()).hexdigest(),
        "interval_ends_days": list(interval_ends(90)),
    }
    (trained.model / "model.json").write_text(json.dumps(description), encoding="utf-8")
    (trained.model / "model.txt").write_text(text, encoding="utf-8")
    with pytest.raises(LibraryError, match=INSTALL):
        load_artifact(trained.model)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems look elsewhere for a library")
@pytest.mark.parametrize(("hyperparameters", "code"), [({}, 0), ({"model_backend": "lightgbm"}, 1)])
def test_training_job_on_a_machine_without_openmp(
    root: Path, tmp_path: Path, hyperparameters: dict[str, str], code: int
) -> None:
    # The loader takes the first file of this name, and this one is no library.
    (tmp_path / "libgomp.so.1").touch()
    paths = ContainerPaths(tmp_path / "ml")
    paths.hyperparameters.parent.mkdir(parents=True)
    paths.hyperparameters.write_text(json.dumps(hyperparameters), encoding="utf-8")
    write_lines(paths.channel("training") / "Online_Retail.csv", make_shop(customers=200))
    ended = subprocess.run(
        [sys.executable, str(root / "container" / "entrypoint.py"), "train"],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"), "LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stdout
    assert "libgomp.so.1" in ended.stdout
    assert "apt-get install libgomp1" in ended.stdout
    if code:
        assert "apt-get install libgomp1" in paths.failure.read_text(encoding="utf-8")
    else:
        assert "note" in json.loads((paths.model / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("no_library")
def test_reason_to_skip_is_that_the_library_cannot_be_loaded() -> None:
    reason = lightgbm_marker.why_not_loaded.__wrapped__()
    assert reason is not None
    assert "cannot be loaded" in reason
    with pytest.raises(pytest.skip.Exception, match="cannot be loaded"):
        lightgbm_marker.skip_without_library(reason)


def test_nothing_is_skipped_where_it_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lightgbm_library, "load_library", lambda: None)
    reason = lightgbm_marker.why_not_loaded.__wrapped__()
    assert reason is None
    try:
        lightgbm_marker.skip_without_library(reason)
    except pytest.skip.Exception:
        # Left alone, it would skip this test instead of failing it.
        pytest.fail("a test would be skipped without a reason")


def test_a_broken_environment_is_no_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed() -> None:
        raise LightGbmError("LightGBM is not installed.")

    monkeypatch.setattr(lightgbm_library, "load_library", not_installed)
    with pytest.raises(LightGbmError):
        lightgbm_marker.why_not_loaded.__wrapped__()


def test_a_library_that_cannot_be_loaded_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lightgbm" / "lib").mkdir(parents=True)
    (tmp_path / "lightgbm" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    load = lightgbm_library.load_library.__wrapped__
    with pytest.raises(LibraryError, match=r"cannot be loaded \(.*lib_lightgbm.*OpenMP.*libgomp1.*libomp"):
        load()


def test_without_lightgbm_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(LightGbmError, match="LightGBM is not installed"):
        lightgbm_library.library_path()
