"""A training that SageMaker stops leaves its trees, and the next start of the job goes on from them."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.container.retail_data import make_shop, write_lines

from .running import Ended, run_to_end

if TYPE_CHECKING:
    from pathlib import Path

    from .containers import Container

# So many that they take seconds.
TREES = 2000
WORD = "shopper"
FILES = ("model.txt", "model.json", "metrics.json")


def _name_customer(fields: list[str]) -> list[str]:
    return [*fields[:6], fields[6] and WORD + fields[6], *fields[7:]]


def _prepare(root: Path, **hyperparameters: str) -> Path:
    write_lines(root / "input" / "data" / "training" / "shop.csv", make_shop(customers=300), change=_name_customer)
    config = root / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"num_iterations": str(TREES), **hyperparameters}), encoding="utf-8")
    # SageMaker makes it when the job has a CheckpointConfig.
    (root / "checkpoints").mkdir()
    return root


@pytest.fixture(scope="module")
def uninterrupted(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = _prepare(tmp_path_factory.mktemp("uninterrupted"))
    run = run_to_end(container, root, "train")
    assert run.returncode == 0, run.output
    return root


def _stop_while_trees_grow(container: Container, root: Path) -> Ended:
    """Sends SIGTERM twice, as an impatient caller does, and waits for the end."""
    training = container.start(root, "train")
    output = ""
    try:
        assert training.stdout is not None
        while "Growing trees" not in output:
            line = training.stdout.readline()
            assert line, output
            output += line
        time.sleep(0.3)
        asked = time.monotonic()
        for _ in range(2):
            training.terminate()
            time.sleep(0.005)
        output += training.communicate(timeout=60)[0]
        # SageMaker waits 120 s; what takes long is the tree in hand.
        assert time.monotonic() - asked < 20
    finally:
        training.kill()
        training.communicate()
        container.release(root)
    return Ended(training.returncode, output)


@pytest.mark.lightgbm
def test_a_stopped_training_goes_on_and_ends_with_the_same_files(
    container: Container, uninterrupted: Path, tmp_path: Path
) -> None:
    root = _prepare(tmp_path)
    stopped = _stop_while_trees_grow(container, root)
    assert stopped.returncode == 128 + signal.SIGTERM
    assert "The trees grown so far are kept in" in stopped.output
    assert "The job was told to stop" in stopped.output
    # Stopped is not failed.
    assert not (root / "output" / "failure").exists()
    kept = b"".join(path.read_bytes() for path in (root / "checkpoints").iterdir())
    trees = kept.count(b"Tree=")
    assert trees >= 2
    assert WORD.encode() not in kept

    again = run_to_end(container, root, "train")
    assert again.returncode == 0, again.output
    gone_on = re.findall(r"Going on from (\d+) trees", again.output)
    assert sum(map(int, gone_on)) == trees
    for name in FILES:
        assert (root / "model" / name).read_bytes() == (uninterrupted / "model" / name).read_bytes()
    sample = "output/data/sample_prediction.csv"
    assert (root / sample).read_bytes() == (uninterrupted / sample).read_bytes()


def test_a_finished_training_leaves_no_checkpoint(uninterrupted: Path) -> None:
    assert not list((uninterrupted / "checkpoints").iterdir())


@pytest.mark.lightgbm
def test_a_checkpoint_of_other_settings_is_not_used(container: Container, tmp_path: Path) -> None:
    stopped = _stop_while_trees_grow(container, _prepare(tmp_path / "stopped"))
    assert stopped.returncode == 128 + signal.SIGTERM
    other = _prepare(tmp_path / "other", num_iterations="10")
    for path in (tmp_path / "stopped" / "checkpoints").iterdir():
        path.rename(other / "checkpoints" / path.name)
    run = run_to_end(container, other, "train")
    assert run.returncode == 0, run.output
    assert "is of other data, settings or versions, so its trees are grown anew" in run.output
    assert "Going on" not in run.output
    assert (other / "model" / "model.txt").read_bytes().count(b"Tree=") == 10
