"""Items from a list in S3 and from the folders under a prefix."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.plans import starts
from tests.live.stack import Stack


def put(stack: Stack, key: str, body: bytes) -> str:
    """Return an object of the data bucket; its URI."""
    bucket = stack.outputs["DataBucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{key}"


def prepared(stack: Stack, name: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines that prepare_run, called by itself, writes for the request."""
    execution = {"id": f"arn:{name}", "name": name, "startTime": "2026-11-22T09:42:36.123Z"}
    answer = stack.invoke("PrepareRun", {"request": request, "execution": execution})
    assert "itemsKey" in answer, answer
    lines: list[dict[str, Any]] = json.loads(stack.read(answer["itemsKey"]))
    assert answer["itemCount"] == len(lines)
    return lines


@starts(runs=1, items=2, training_jobs=1, transform_jobs=1)
def test_items_of_a_list_in_s3_run_with_their_settings(
    deployed: Stack, unique: Callable[[str], str], small_csv: bytes
) -> None:
    good, absent = unique("listed"), unique("listed")
    deployed.upload(good, small_csv)
    entries = [json.dumps({"item": good, "hyperparameters": {"horizon_days": "60"}}), "", json.dumps(absent)]
    uri = put(deployed, f"lists/{good}.jsonl", "\r\n".join(entries).encode("utf-8-sig"))
    run = deployed.run({"itemsUri": uri}, unique("from-list"))
    assert [(item, entry["status"]) for item, entry in run.items.items()] == [
        (good, "SUCCEEDED"),
        (absent, "FAILED"),
    ]
    job = deployed.client("sagemaker").describe_training_job(TrainingJobName=run.items[good]["trainingJobName"])
    assert job["HyperParameters"] == {"horizon_days": "60"}


@starts(runs=1)
def test_a_list_with_bad_lines_is_refused_whole_with_their_numbers(
    deployed: Stack, unique: Callable[[str], str]
) -> None:
    uri = put(deployed, f"lists/{unique('bad')}.jsonl", b'"a"\n{"item": "b", "colour": 1}\n"a"\nc\n')
    run = deployed.run({"itemsUri": uri}, unique("refused"))
    assert run.description["error"] == "InvalidRequestError"
    told = json.loads(run.description["cause"])["errorMessage"].splitlines()
    assert [line.partition(":")[0] for line in told] == ["itemsUri, line 2", "itemsUri, line 4", "itemsUri"]
    assert "'a' is on lines 1 and 3" in told[2]


@starts(runs=1)
@pytest.mark.parametrize("name", ["itemsUri", "itemPrefix"])
def test_a_list_or_folder_that_is_not_there_fails_the_run(
    deployed: Stack, unique: Callable[[str], str], name: str
) -> None:
    place = f"s3://{deployed.outputs['DataBucketName']}/nowhere/" + ("x.jsonl" if name == "itemsUri" else "")
    run = deployed.run({name: place}, unique("nowhere"))
    assert run.description["error"] == "DataNotFoundError"


@starts(runs=1, items=2, training_jobs=1, transform_jobs=1)
def test_each_folder_under_a_prefix_is_an_item(
    deployed: Stack, unique: Callable[[str], str], small_csv: bytes
) -> None:
    prefix = f"{unique('shops')}/"
    half = small_csv.index(b"\n", len(small_csv) // 2) + 1
    header = small_csv[: small_csv.index(b"\n") + 1]
    put(deployed, f"{prefix}台北 101/part-0.csv", small_csv[:half])
    put(deployed, f"{prefix}台北 101/part-1.csv", header + small_csv[half:])
    put(deployed, f"{prefix}empty/part-0.csv", b"")
    put(deployed, f"{prefix}readme.txt", b"no item")
    run = deployed.run({"itemPrefix": prefix}, unique("from-prefix"))
    assert {item: (entry["status"], entry["error"]) for item, entry in run.items.items()} == {
        "empty": ("FAILED", "DataEmptyError"),
        "台北 101": ("SUCCEEDED", None),
    }


def test_the_folders_of_the_data_bucket_are_items_with_their_file(
    deployed: Stack, unique: Callable[[str], str], small_csv: bytes
) -> None:
    item = unique("in place")
    deployed.upload(item, small_csv)
    put(deployed, f"analysis_predict/{item}/notes.txt", b"beside it")
    lines = prepared(deployed, unique("prepared"), {"itemPrefix": "analysis_predict/"})
    (line,) = [line for line in lines if line["item"] == item]
    assert line["request"] == {"item": item}
    source = line["trainingJob"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source.endswith(f"/analysis_predict/{item}/Online_Retail.csv")


def test_a_thousand_items_are_prepared(deployed: Stack, unique: Callable[[str], str]) -> None:
    stem = unique("many")
    body = "\n".join(json.dumps(f"{stem}-{number}") for number in range(1000))
    uri = put(deployed, f"lists/{stem}.jsonl", body.encode())
    lines = prepared(deployed, unique("prepared"), {"itemsUri": uri})
    assert [line["index"] for line in lines] == list(range(1000))
    assert {line["error"]["Error"] for line in lines} == {"DataNotFoundError"}
