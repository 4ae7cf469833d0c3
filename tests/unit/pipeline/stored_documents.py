"""S3 in a dictionary, with the files of runs, for tests of their readers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from pipeline.work_list import Line, read_work_list

BUCKET = "output-bucket"
# The registry of the stack's image.
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
# When manifests are written: after the records of this module.
SUMMED_UP = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
# The result of a training job as the state machine keeps it.
TRAINING: dict[str, Any] = {
    "arn": "arn:t",
    "status": "Completed",
    "createdAt": 1795340556123,
    "startedAt": 1795340566123,
    "endedAt": 1795340576123,
    "billableSeconds": 10,
}
MODEL: dict[str, Any] = {"modelDataUrl": "s3://out/model.tar.gz", "metrics": {"customers": 3}}


def refusal(code: str, status: int = 400) -> ClientError:
    """Return AWS's error with `code`."""
    answer: Any = {"Error": {"Code": code, "Message": "said so"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


class Bucket:
    """S3's client for one bucket: key to content and to user metadata; keys that were read are recorded."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.read: list[str] = []

    def add(self, key: str, content: object = None) -> None:
        """Add an object: bytes as they are, other content as JSON."""
        self.objects[key] = content if isinstance(content, bytes) else json.dumps(content).encode()

    def json(self, key: str) -> Any:
        """Return the JSON object at `key`."""
        return json.loads(self.objects[key])

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """As boto3's."""
        assert Bucket == BUCKET
        self.read.append(Key)
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": '"1"'}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """As boto3's."""
        assert Bucket == BUCKET
        if Key not in self.objects:
            raise refusal("404", 404)
        return {"Metadata": self.metadata.get(Key, {}), "LastModified": SUMMED_UP}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **options: Any) -> None:  # noqa: N803 - boto3's names
        """As boto3's."""
        assert Bucket == BUCKET
        if options.get("IfNoneMatch") and Key in self.objects:
            raise refusal("PreconditionFailed", 412)
        self.objects[Key] = Body
        self.metadata[Key] = options.get("Metadata", {})

    def get_paginator(self, operation: str) -> Bucket:
        """As boto3's, of list_objects_v2."""
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        """Yield pages of two keys; with a delimiter, only the folders."""
        assert Bucket == BUCKET
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if Delimiter:
            folders = sorted(
                {Prefix + key.removeprefix(Prefix).partition(Delimiter)[0] + Delimiter for key in keys}
            )
            yield {"CommonPrefixes": [{"Prefix": folder} for folder in folders]}
            return
        for start in range(0, len(keys), 2):
            yield {"Contents": [{"Key": key} for key in keys[start : start + 2]]}
        if not keys:
            yield {}

    def add_run(self, run_id: str, lines: list[dict[str, Any]], **prepared: Any) -> None:
        """Add a run's work list, with the prepared run as its metadata."""
        run = {
            "runId": run_id,
            "executionArn": f"arn:{run_id}",
            "startedAt": "2026-11-22T09:42:36.123Z",
            "itemsKey": f"runs/{run_id}/items.json",
            "itemCount": len(lines),
            "maxConcurrency": 5,
            "toleratedFailurePercentage": 0,
        }
        self.add(f"runs/{run_id}/items.json", lines)
        self.metadata[f"runs/{run_id}/items.json"] = {"run": json.dumps(run | prepared)}

    def add_record(self, run_id: str, record: dict[str, Any]) -> None:
        """Add an item's record."""
        self.add(f"runs/{run_id}/records/{record['index']}.json", record)


def line(index: int, run_id: str, item: str | None = None, **others: Any) -> dict[str, Any]:
    """Return a line that trains and scores; `others` replace keys, and keys of a job that is None become None."""
    item = item or f"item{index}"
    started = run_id.partition("-")[0]
    artifact = f"analysis_predicted/{item}/t-{item}-{started}/output/model.tar.gz"
    whole: dict[str, Any] = {
        "index": index,
        "item": item,
        "runId": run_id,
        "recordKey": f"runs/{run_id}/records/{index}.json",
        "mode": "train",
        "request": {"item": item},
        "fingerprint": f"result-{run_id}",
        "trainingFingerprint": f"training-{run_id}",
        "trainedIn": run_id,
        "trainingJobName": f"t-{item}-{started}",
        "modelName": f"m-{item}-{started}",
        "transformJobName": f"b-{item}-{started}",
        "predictionsUri": f"s3://{BUCKET}/analysis_predicted_out/{item}/{run_id}/sample_prediction.csv.out",
        "trainingJob": {"TrainingJobName": f"t-{item}-{started}", "RoleArn": "arn:role"},
        "trainingTimeoutSeconds": 7200,
        "model": {"image": "image:1", "modelDataUrl": f"s3://{BUCKET}/{artifact}"},
        "transformJob": {"TransformJobName": f"b-{item}-{started}"},
        "transformTimeoutSeconds": 3600,
        "error": None,
    }
    if "trainingJob" in others:
        training = others.get("training")
        whole["trainingJobName"] = training["name"] if training else None
    whole |= {"modelName": None} if "model" in others else {}
    whole |= {"transformJobName": None, "predictionsUri": None} if "transformJob" in others else {}
    return whole | others


def work_list_line(run_id: str, **others: Any) -> Line:
    """Return the line of item 0 as it is read from a work list."""
    (parsed,) = read_work_list(json.dumps([line(0, run_id, **others)]).encode())
    return parsed


def success(index: int, item: str | None = None, status: str = "Completed") -> dict[str, Any]:
    """Return the record of an item that was scored."""
    return {
        "index": index,
        "item": item or f"item{index}",
        "endedAt": "2026-11-22T09:43:36.123Z",
        "training": TRAINING | {"name": f"t{index}"},
        "model": MODEL,
        "transform": {"name": f"b{index}", "arn": "arn:b", "status": status, "createdAt": 1795340586123},
        "unchanged": None,
    }


def failure(index: int, item: str | None = None, stage: str = "StartTrainingJob", **others: Any) -> dict[str, Any]:
    """Return the record of an item that failed; what comes after the stage is null."""
    return {
        "index": index,
        "item": item or f"item{index}",
        "endedAt": "2026-11-22T09:43:36.123Z",
        "training": TRAINING | {"name": f"t{index}"}
        if stage in {"CreateModel", "StartBatchTransformJob"}
        else None,
        "model": MODEL if stage == "StartBatchTransformJob" else None,
        "transform": None,
        "error": {"Error": "States.TaskFailed", "Cause": json.dumps({"FailureReason": "AlgorithmError: no rows"})},
        **others,
    }
