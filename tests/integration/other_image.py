"""Another image's code: knows SageMaker's contract and the pipeline's environment, nothing of this project.

Run as `python other_image.py train|serve`. Hyperparameter `behaviour` tells how to end, `metrics` what to say of the
model.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3

# The one place that this image knows; where the kernel allows no private mount, it is told of another.
ML = Path("/opt/ml") if Path("/opt/ml").exists() else Path(os.environ["SAGEMAKER_BASE_DIR"])


def upload(name: str, body: bytes) -> None:
    key = f"{os.environ['sample_s3_prefix']}/{name}"
    boto3.client("s3").put_object(Bucket=os.environ["sample_s3_bucket"], Key=key, Body=body)


def leave(name: str, body: bytes) -> None:
    (ML / "output/data" / name).write_bytes(body)


def check_settings() -> None:
    """As strict as images of its kind are: a setting that it does not know ends the training."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_backend", choices=["sktime", "dart"], default="sktime")
    parser.add_argument("--time_series_length", type=int, choices=range(12, 61), default=24)
    names = ("model_backend", "time_series_length")
    parser.parse_args([f"--{name}={os.environ[name]}" for name in names if name in os.environ])


def train() -> None:
    assert os.environ["MODE"] == "train"
    check_settings()
    hyperparameters = json.loads((ML / "input/config/hyperparameters.json").read_text())
    behaviour = hyperparameters.get("behaviour", "good")
    if behaviour == "fail":
        (ML / "output/failure").write_text("the shop was closed")
        sys.exit(1)
    if behaviour == "hang":
        time.sleep(600)
    lines = [
        line for path in sorted((ML / "input/data/training").iterdir()) for line in path.read_text().splitlines()
    ]
    if behaviour == "no model":
        return
    (ML / "model/count.json").write_text(json.dumps({"behaviour": behaviour, "lines": len(lines)}))
    keep = leave if behaviour == "leaves files" else upload
    if metrics := hyperparameters.get("metrics"):
        keep("metrics.json", metrics.encode())
    sample = "".join(f"{line.upper()}\n" for line in lines)
    keep("sample_prediction.csv", sample.encode())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        model = json.loads((ML / "model/count.json").read_text())
        if model["behaviour"] == "reads S3":
            boto3.client("s3").list_buckets()
        if model["behaviour"] == "slow answer":
            time.sleep(600)
        answer = (
            b"" if model["behaviour"] == "refuse" else b"".join(b"%d\n" % len(line) for line in body.splitlines())
        )
        self.send_response(500 if model["behaviour"] == "refuse" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def serve() -> None:
    assert os.environ["MODE"] == os.environ["mode"] == "inference"
    # A client that is told no Region, as an image that reads something from S3 when it serves would make it.
    sys.stdout.write(f"clients talk to {boto3.client('s3').meta.region_name}\n")
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    {"train": train, "serve": serve}[sys.argv[1]]()
