"""The container as SageMaker runs it, as processes or from an image: folders, exit codes, signals, HTTP."""

from __future__ import annotations

import io
import json
import lzma
import os
import shutil
import signal
import socket
import tarfile
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.unit.container.retail_data import (
    FIRST_DAY,
    HEADER,
    RETAIL_TWO,
    Line,
    american_date,
    make_shop,
    whole_customer,
    write_lines,
)

from .running import Ended, model_files, predict, run_to_end, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from .containers import Container

SHOP = make_shop(customers=300)


def _train(container: Container, root: Path, **environment: str) -> Ended:
    return run_to_end(container, root, "train", **environment)


def _channel(root: Path) -> Path:
    return root / "input" / "data" / "training" / "Online_Retail.csv"


def _failure(root: Path) -> str:
    return (root / "output" / "failure").read_text(encoding="utf-8")


def _sample(root: Path) -> bytes:
    return (root / "output" / "data" / "sample_prediction.csv").read_bytes()


@pytest.fixture(scope="module")
def trained(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plain")
    write_lines(_channel(root), SHOP)
    run = _train(container, root)
    assert run.returncode == 0, run.output
    return root


def test_training_leaves_model_sample_and_metrics_and_logs_the_metrics(
    container: Container, tmp_path: Path
) -> None:
    write_lines(_channel(tmp_path), SHOP)
    run = _train(container, tmp_path)
    assert run.returncode == 0, run.output
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["customers"] == 300
    assert _sample(tmp_path).count(b"\n") == 301
    assert f" mean_absolute_error={metrics['mean_absolute_error']};" in run.output
    assert not (tmp_path / "output" / "failure").exists()


def test_the_artifact_is_a_description_and_the_metrics(trained: Path) -> None:
    assert sorted(model_files(trained)) == ["metrics.json", "model.json"]


@pytest.mark.parametrize(
    ("header", "encoding", "change"),
    [
        pytest.param(HEADER, "latin-1", list, id="latin-1"),
        pytest.param(HEADER, "utf-8-sig", american_date, id="american-dates-and-byte-order-mark"),
        pytest.param(HEADER, "utf-8", whole_customer, id="integer-customers"),
        pytest.param(RETAIL_TWO, "utf-8", list, id="online-retail-ii"),
    ],
)
def test_every_form_gives_the_same_predictions_byte_for_byte(
    container: Container,
    trained: Path,
    tmp_path: Path,
    header: Sequence[str],
    encoding: str,
    change: Callable[[list[str]], list[str]],
) -> None:
    write_lines(_channel(tmp_path), SHOP, header=header, encoding=encoding, change=change)
    assert _train(container, tmp_path).returncode == 0
    # Equal inputs of the transform and equal models leave nothing that could differ.
    assert _sample(tmp_path) == _sample(trained)
    assert model_files(tmp_path) == model_files(trained)


def test_data_comes_from_file_path_when_there_is_no_channel(
    container: Container, trained: Path, tmp_path: Path
) -> None:
    data = container.inside(tmp_path, write_lines(tmp_path / "shop.csv.gz", SHOP))
    run = _train(container, tmp_path, file_path=data, time_series_length="5", model_backend="auto")
    assert run.returncode == 0, run.output
    assert _sample(tmp_path) == _sample(trained)


def test_a_small_item_gets_the_mean_gap_and_no_judgement(container: Container, tmp_path: Path) -> None:
    write_lines(_channel(tmp_path), [Line(str(day), 1, FIRST_DAY.replace(day=day)) for day in (1, 11, 31)])
    assert _train(container, tmp_path).returncode == 0
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["model_backend"], metrics["mean_absolute_error"]) == ("mean_gap", None)
    with serving(container, tmp_path) as (_, port):
        answer = predict(port, _sample(tmp_path)).splitlines()[1]
    assert answer.startswith(b"1,2010-12-31,2010-12-31,15,2011-01-15,")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"model_backend": "xgboost"}, "model_backend 'xgboost' is unknown"),
        ({"time_series_length": "many"}, "time_series_length must be a whole number"),
    ],
)
def test_bad_settings_are_the_users_fault_and_explained(
    container: Container, tmp_path: Path, extra: dict[str, str], said: str
) -> None:
    assert _train(container, tmp_path, **extra).returncode == 1
    assert said in _failure(tmp_path)


def test_a_fault_of_our_own_has_another_code_and_says_so(container: Container, tmp_path: Path) -> None:
    write_lines(_channel(tmp_path), SHOP[:200])
    (tmp_path / "model").write_text("a file where the folder should be", encoding="utf-8")
    assert _train(container, tmp_path).returncode == 2
    assert _failure(tmp_path).startswith("Internal error, not your data's fault: FileExistsError")


def test_the_code_holds_where_the_reason_cannot_be_written(container: Container, tmp_path: Path) -> None:
    write_lines(_channel(tmp_path), SHOP[:200])
    for name in ("model", "output"):
        (tmp_path / name).write_text("a file where the folder should be", encoding="utf-8")
    run = _train(container, tmp_path)
    assert run.returncode == 2
    assert "The reason cannot be written: Internal error" in run.output


def test_an_unreachable_s3_has_its_own_code(container: Container, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind((container.listen, 0))
        endpoint = f"http://{container.host}:{closed.getsockname()[1]}"
        run = _train(
            container,
            tmp_path,
            file_path="s3://bucket/a.csv",
            AWS_ENDPOINT_URL=endpoint,
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
            AWS_REGION="us-east-1",
            AWS_MAX_ATTEMPTS="1",
        )
    assert run.returncode == 3
    assert "Could not read s3://bucket/a.csv" in _failure(tmp_path)


def test_serving_without_a_model_ends_at_once_with_the_reason(container: Container, tmp_path: Path) -> None:
    run = run_to_end(container, tmp_path, "serve")
    assert run.returncode == 1
    assert "has no model.json" in run.output


def test_words_after_the_command_are_refused(container: Container, tmp_path: Path) -> None:
    run = run_to_end(container, tmp_path, "train", "now")
    assert run.returncode == 2
    assert "train|serve" in run.output


@pytest.fixture
def s3(container: Container, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, dict[str, str]]]:
    """Return a client of an S3 on this machine with an empty bucket named `bucket`, and the environment that leads to it."""
    server = ThreadedMotoServer(ip_address=container.listen, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client, environment | {"AWS_ENDPOINT_URL": f"http://{container.host}:{port}"}
    client.close()
    server.stop()


def test_data_comes_from_s3_and_results_go_there(
    container: Container, trained: Path, tmp_path: Path, s3: tuple[Any, dict[str, str]]
) -> None:
    client, environment = s3
    client.upload_file(str(_channel(trained)), "bucket", "in/United Kingdom/Online_Retail.csv")
    run = _train(
        container,
        tmp_path,
        **environment,
        file_path="s3://bucket/in/United Kingdom/Online_Retail.csv",
        upload_sample_to_s3="true",
        sample_s3_bucket="bucket",
        sample_s3_prefix="out/United Kingdom/run",
        upload_model_to_s3="true",
        model_s3_bucket="bucket",
        model_s3_prefix="model",
    )
    assert run.returncode == 0, run.output

    def read(key: str) -> bytes:
        return cast("bytes", client.get_object(Bucket="bucket", Key=key)["Body"].read())

    assert read("out/United Kingdom/run/sample_prediction.csv") == _sample(trained)
    uploaded = read("out/United Kingdom/run/metrics.json")
    assert uploaded == (tmp_path / "output" / "data" / "metrics.json").read_bytes()
    assert json.loads(uploaded).items() >= json.loads((trained / "model" / "metrics.json").read_bytes()).items()
    with tarfile.open(fileobj=io.BytesIO(read("model/model.tar.gz"))) as archive:
        assert sorted(archive.getnames()) == sorted(model_files(tmp_path))


@pytest.mark.parametrize("uri", ["s3://bucket/none.csv", "s3://nobucket/a.csv"])
def test_data_that_is_not_in_s3_is_the_users_fault(
    container: Container, tmp_path: Path, s3: tuple[Any, dict[str, str]], uri: str
) -> None:
    assert _train(container, tmp_path, **s3[1], file_path=uri).returncode == 1
    assert f"Could not read {uri}" in _failure(tmp_path)


def test_every_customer_of_online_retail_gets_a_prediction(container: Container, tmp_path: Path) -> None:
    source = os.environ.get("AUTOMLOPS_ONLINE_RETAIL")
    if not source:
        pytest.skip("AUTOMLOPS_ONLINE_RETAIL does not name the data set")
    opener = lzma.open if source.endswith(".xz") else open
    _channel(tmp_path).parent.mkdir(parents=True)
    with opener(source, "rb") as packed, _channel(tmp_path).open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    assert _train(container, tmp_path).returncode == 0
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["customers"] == 4338
    assert metrics["mean_absolute_error"] < 0.9 * metrics["baseline_mean_absolute_error"]
    with serving(container, tmp_path) as (_, port):
        assert predict(port, _sample(tmp_path)).count(b"\n") == 4339


def test_sigterm_ends_a_training_at_once(container: Container, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind((container.listen, 0))
        silent.listen()
        silent.settimeout(60)
        training = container.start(
            tmp_path,
            "train",
            environment={
                "file_path": "s3://bucket/a.csv",
                "AWS_ENDPOINT_URL": f"http://{container.host}:{silent.getsockname()[1]}",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_REGION": "us-east-1",
            },
        )
        try:
            connection, _ = silent.accept()
            # It waits for an answer that never comes.
            with connection:
                training.terminate()
                training.communicate(timeout=30)
        finally:
            training.kill()
            training.communicate()
            container.release(tmp_path)
    assert training.returncode == 128 + signal.SIGTERM
