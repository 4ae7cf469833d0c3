"""The container as a training job without a network has it: no credentials, nothing to upload to, and nobody is called."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.unit.container.retail_data import make_shop, write_lines

from .running import run_to_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .containers import Container

# Of the pipeline's requests; the S3 URI is of data that is in the channel, too.
PIPELINE = {
    "MODE": "train",
    "SAGEMAKER_PROGRAM": "train.py",
    "AWS_DEFAULT_REGION": "us-east-1",
    "file_path": "s3://data/analysis_predict/shop/Online_Retail.csv",
    "upload_model_to_s3": "false",
    "sample_s3_bucket": "output",
    "sample_s3_prefix": "analysis_predicted/shop/run",
    "model_s3_bucket": "output",
    "model_s3_prefix": "analysis_predicted/shop/run",
}


@contextmanager
def called(container: Container) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Return a port where nobody answers and callers can be seen, and the variables that send AWS's clients there."""
    with socket.create_server((container.listen, 0)) as port:
        port.setblocking(False)
        address = f"http://{container.host}:{port.getsockname()[1]}"
        yield port, {"AWS_ENDPOINT_URL": address, "http_proxy": address, "https_proxy": address}


def was_called(port: socket.socket) -> bool:
    try:
        port.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def test_training_calls_nobody_where_it_need_not_upload(container: Container, tmp_path: Path) -> None:
    write_lines(tmp_path / "input" / "data" / "training" / "Online_Retail.csv", make_shop(customers=60))
    with called(container) as (port, nobody):
        run = run_to_end(container, tmp_path, "train", **PIPELINE, **nobody, upload_sample_to_s3="false")
        assert run.returncode == 0, run.output
        assert not was_called(port)
    left = {path.name for path in (tmp_path / "output" / "data").iterdir()}
    assert {"metrics.json", "sample_prediction.csv"} <= left


def test_training_that_is_to_upload_fails_without_credentials_and_says_so(
    container: Container, tmp_path: Path
) -> None:
    write_lines(tmp_path / "input" / "data" / "training" / "Online_Retail.csv", make_shop(customers=60))
    with called(container) as (_port, nobody):
        alone = {"AWS_EC2_METADATA_DISABLED": "true"}
        run = run_to_end(container, tmp_path, "train", **PIPELINE, **nobody, **alone, upload_sample_to_s3="true")
    assert run.returncode != 0
    assert "credentials" in (tmp_path / "output" / "failure").read_text(encoding="utf-8").lower()
