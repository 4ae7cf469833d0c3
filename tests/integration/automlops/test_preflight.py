"""What the command refuses because of other runs and of quotas, on an account whose jobs take long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from automlops.aws.connection import Connection, connect_emulator
from automlops.aws.stack import Stack, find_stack
from automlops.local.emulator_process import emulator_command, local_emulator
from automlops.main import app
from emulator.keys import keys_of

Command = Callable[..., Result]

ACCOUNT = """
jobs: {trainingSeconds: 90, transformSeconds: 90}
quotas:
  - {instanceType: ml.m5.large, use: training, limit: 20}
  - {instanceType: ml.m5.large, use: transform, limit: 20}
  - {instanceType: ml.c5.xlarge, use: training, limit: 0}
  - {instanceType: ml.c5.2xlarge, use: transform, limit: 2}
"""
PATIENCE_IN_SECONDS = 60.0


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = tmp_path_factory.mktemp("account") / "account.yaml"
    path.write_text(ACCOUNT)
    with local_emulator(emulator_command(path)) as url:
        yield connect_emulator(url)


@pytest.fixture(scope="module")
def stack(connection: Connection) -> Stack:
    return find_stack(connection, "automlops")


@pytest.fixture
def command(connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run `automlops run` in a directory with some data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", connection.endpoint_url or "")
    for name, value in keys_of(connection.endpoint_url or "").variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", connection.region)
    return lambda *words: CliRunner().invoke(app, ["run", *words])


@pytest.fixture
def versions(connection: Connection, stack: Stack) -> Callable[[], list[str]]:
    """Every version in the data bucket."""
    s3 = connection.client("s3")
    return lambda: [
        version["VersionId"] for version in s3.list_object_versions(Bucket=stack.data_bucket).get("Versions", [])
    ]


@contextmanager
def under_way(connection: Connection, stack: Stack, request: dict[str, Any]) -> Iterator[str]:
    """Return an execution of `request` whose items train until the block ends; its ARN."""
    sfn = connection.client("stepfunctions")
    arn = sfn.start_execution(stateMachineArn=stack.state_machine_arn, input=json.dumps(request))["executionArn"]
    try:
        deadline = time.monotonic() + PATIENCE_IN_SECONDS
        while not sfn.list_map_runs(executionArn=arn)["mapRuns"]:
            assert time.monotonic() < deadline, sfn.describe_execution(executionArn=arn)
            time.sleep(0.1)
        yield arn
    finally:
        sfn.stop_execution(executionArn=arn)


def put(connection: Connection, stack: Stack, key: str, body: str) -> str:
    connection.client("s3").put_object(Bucket=stack.data_bucket, Key=key, Body=body.encode())
    return f"s3://{stack.data_bucket}/{key}"


def event(folder: Path, content: dict[str, Any]) -> tuple[str, str]:
    path = folder / "event.json"
    path.write_text(json.dumps(content))
    return ("--input", str(path))


def test_another_run_of_an_item_is_refused_unless_it_is_meant(
    connection: Connection, stack: Stack, command: Command, versions: Callable[[], list[str]]
) -> None:
    put(connection, stack, f"analysis_predict/busy/{stack.dataset_file_name}", "a,b\n1,2\n")
    words = ("--item", "idle=data.csv", "--item", "busy=data.csv", "--name", "second")
    # This mode fails at once, for want of a model.
    score = ("--mode", "score")
    with under_way(connection, stack, {"itemList": [{"item": "busy"}, "another"]}) as arn:
        before = versions()
        refused = command(*words, *score)
        assert refused.exit_code == 2, refused.output
        assert refused.stderr.splitlines()[:2] == [
            "Another run of these items is under way:",
            f"  'busy' in {arn}",
        ]
        assert "--anyway" in refused.stderr
        assert versions() == before
        alone = command("--item", "idle=data.csv", *score)
        assert alone.exit_code == 1, alone.output
        meant = command(*words, *score, "--anyway")
        assert meant.exit_code == 1, meant.output
        assert "verdict FAILED" in meant.stdout
        assert len(versions()) == len(before) + 3


@pytest.mark.parametrize("source", ["itemPrefix", "itemsUri", "rerunOf"])
def test_items_of_the_other_run_are_found_wherever_they_were_named(
    connection: Connection, stack: Stack, command: Command, source: str
) -> None:
    for item in ("one", "two"):
        put(connection, stack, f"{source}/{item}/data.csv", "a,b\n1,2\n")
    request = {"itemPrefix": f"{source}/"}
    if source != "itemPrefix":
        entries = [
            {"item": item, "input": f"s3://{stack.data_bucket}/{source}/{item}/"} for item in ("one", "two")
        ]
        listed = "\n".join(map(json.dumps, entries))
        request = {"itemsUri": put(connection, stack, f"{source}.jsonl", listed)}
    if source == "rerunOf":
        with under_way(connection, stack, request) as arn:
            pass
        run = connection.client("s3").list_objects_v2(Bucket=stack.output_bucket, Prefix="runs/", Delimiter="/")
        name = arn.rpartition(":")[2]
        [folder] = [found["Prefix"] for found in run["CommonPrefixes"] if found["Prefix"].endswith(f"-{name}/")]
        request = {"rerunOf": folder.split("/")[1]}
    with under_way(connection, stack, request) as arn:
        refused = command("--item", "two=data.csv")
        assert refused.exit_code == 2, refused.output
        assert f"  'two' in {arn}" in refused.stderr.splitlines()
        again = command("--items-uri", put(connection, stack, "again.jsonl", '"one"\n"three"\n'))
        assert again.exit_code == 2, again.output
        assert f"  'one' in {arn}" in again.stderr.splitlines()


def test_list_that_is_not_there_is_refused_before_anything_starts(command: Command, stack: Stack) -> None:
    result = command("--items-uri", f"s3://{stack.data_bucket}/none.jsonl")
    assert result.exit_code == 2
    assert "there is no object" in result.stderr
    assert "started execution" not in result.stdout


def test_item_whose_quota_is_nothing_is_refused_before_anything_starts(
    command: Command, versions: Callable[[], list[str]], tmp_path: Path
) -> None:
    chosen = {
        "itemList": [
            "usual",
            {"item": "none", "training": {"instanceType": "ml.c5.xlarge"}},
            {"item": "few", "transform": {"instanceType": "ml.c5.2xlarge", "instanceCount": 3}},
        ]
    }
    before = versions()
    result = command(*event(tmp_path, chosen), "--item", "usual=data.csv")
    assert result.exit_code == 2, result.output
    assert "started execution" not in result.stdout
    told = result.stderr
    assert "  'none': the quota 'ml.c5.xlarge for training job usage' is 0\n" in told
    assert "  'few': the quota 'ml.c5.2xlarge for transform job usage' is 2, and one of their jobs needs 3" in told
    assert told.count("aws service-quotas request-service-quota-increase") == 2
    assert "usual" not in told
    assert versions() == before


def test_what_the_stack_does_not_let_a_request_ask_for_is_refused_before_the_upload(
    command: Command, versions: Callable[[], list[str]], tmp_path: Path
) -> None:
    chosen = {
        "itemList": [
            {"item": "usual", "environment": {"LD_PRELOAD": "/opt/ml/input/data/training/x.so"}},
            {"item": "far", "input": "s3://somebody-elses/data.csv"},
            {"item": "huge", "training": {"instanceType": "ml.p5.48xlarge", "instanceCount": 20}},
            {"item": "wide", "transform": {"maxConcurrentTransforms": 4, "maxPayloadInMB": 50}},
        ]
    }
    before = versions()
    result = command(*event(tmp_path, chosen), "--item", "usual=data.csv", "--max-concurrency", "10000")
    assert result.exit_code == 2, result.output
    for place in (
        "maxConcurrency: 10,000",
        "itemList[0].environment.LD_PRELOAD",
        "itemList[1].input",
        "itemList[2].training.instanceType",
        "itemList[2].training.instanceCount: 20",
        "itemList[3].transform: maxConcurrentTransforms 4",
    ):
        assert f"  {place}" in result.stderr
    listed = command("--items-uri", "s3://somebody-elses/list.jsonl")
    assert listed.exit_code == 2
    assert "  itemsUri: s3://somebody-elses/list.jsonl is in none of the buckets" in listed.stderr
    assert versions() == before


def test_quota_that_the_run_does_not_use_is_no_reason(command: Command, tmp_path: Path) -> None:
    none = {"item": "none", "training": {"instanceType": "ml.c5.xlarge"}}
    result = command(*event(tmp_path, {"itemList": [none], "mode": "score"}))
    assert result.exit_code == 1, result.output
    assert "verdict FAILED" in result.stdout
