"""The largest input and output of every state, with the largest item that is allowed and with many items."""

from __future__ import annotations

import json
import string
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.account.plan import Account, Fault, JobOutcome, StandInJobs
from emulator.account.played import PlayedAccount
from emulator.deployment import deploy
from emulator.endpoint import Clients
from emulator.server import Emulator
from pipeline.preparation.item_sources import MAX_LINE_BYTES

LIMIT = 256 * 1024
# Room for what a later version adds to the line, the records or the metrics.
MARGIN = 32 * 1024
PATIENCE_IN_SECONDS = 120
MANY = 150
FAILS_IN_TRAINING, FAILS_IN_TRANSFORM = "fails-in-training", "fails-in-transform"
LONGEST_REASON = "AlgorithmError: " + "x" * 1008
Document = dict[str, Any]


class Runs:
    """Starts runs on a stack, and reads their histories."""

    def __init__(self, url: str, outputs: dict[str, str]) -> None:
        clients = Clients(url)
        self._s3, self._sfn = clients.get("s3"), clients.get("stepfunctions")
        self._outputs = outputs

    def run(self, entries: list[Document], name: str) -> str:
        """Return the ARN of an execution over the entries, which has ended; each item has some data."""
        for entry in entries:
            key = f"analysis_predict/{entry['item']}/Online_Retail.csv"
            self._s3.put_object(Bucket=self._outputs["DataBucketName"], Key=key, Body=b"data")
        list_key = f"lists/{name}.jsonl"
        lines = "\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
        self._s3.put_object(Bucket=self._outputs["DataBucketName"], Key=list_key, Body=lines.encode())
        request = {
            "itemsUri": f"s3://{self._outputs['DataBucketName']}/{list_key}",
            "maxConcurrency": 100,
            "toleratedFailurePercentage": 100,
        }
        arn: str = self._sfn.start_execution(
            stateMachineArn=self._outputs["StateMachineArn"], name=name, input=json.dumps(request)
        )["executionArn"]
        deadline = time.monotonic() + PATIENCE_IN_SECONDS
        while (told := self._sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert told["status"] == "SUCCEEDED", told.get("cause")
        return arn

    def children(self, arn: str) -> list[str]:
        """ARNs of the items' executions."""
        (map_run,) = self._sfn.list_map_runs(executionArn=arn)["mapRuns"]
        pages = self._sfn.get_paginator("list_executions").paginate(mapRunArn=map_run["mapRunArn"])
        return [entry["executionArn"] for page in pages for entry in page["executions"]]

    def events(self, arn: str) -> list[Document]:
        """Return the execution's history."""
        pages = self._sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def output(self, arn: str) -> str:
        """Return what the execution ended with; a failed one has no output."""
        output: str = self._sfn.describe_execution(executionArn=arn).get("output", "{}")
        return output


def largest(events: list[Document]) -> dict[str, int]:
    """Bytes of the largest payload (input, output, parameters, cause) by the state it belongs to."""
    found: dict[str, int] = defaultdict(int)
    state = "(execution)"
    for event in events:
        details: Document = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        if event["type"].endswith("StateEntered"):
            state = details["name"]
        for key in ("input", "output", "parameters", "cause"):
            found[state] = max(found[state], len(str(details.get(key, "")).encode()))
    return dict(found)


def largest_of(histories: list[list[Document]]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for history in histories:
        for state, size in largest(history).items():
            found[state] = max(found[state], size)
    return dict(found)


def largest_entry(item: str) -> Document:
    """Return an entry whose line is nearly as large as one may be: it holds the hyperparameters twice."""
    values = {f"{name}{number}": "v" * 665 for name in string.ascii_lowercase[:10] for number in range(9)}
    return {"item": item, "hyperparameters": values}


@pytest.fixture(scope="module")
def runs(root: Path) -> Iterator[Runs]:
    faults = [
        Fault(
            action=action,
            name=f"*{item}*",
            job=JobOutcome(status="Failed", failure_reason=LONGEST_REASON),
        )
        for action, item in (("TrainingJob", FAILS_IN_TRAINING), ("TransformJob", FAILS_IN_TRANSFORM))
    ]
    with Emulator(
        conditions=PlayedAccount(Account(jobs=StandInJobs(), faults=faults, time_scale=100))
    ) as emulator:
        yield Runs(emulator.url, deploy(emulator.url, root / "template.yaml", "automlops", {}))


@pytest.fixture(scope="module")
def big(runs: Runs) -> str:
    return runs.run(
        [largest_entry(item) for item in ("big", FAILS_IN_TRAINING, FAILS_IN_TRANSFORM)], "largest-items"
    )


def test_an_item_of_nearly_the_largest_line_stays_far_from_the_limit(runs: Runs, big: str) -> None:
    children = runs.children(big)
    histories = [runs.events(child) for child in children]
    sizes = largest_of(histories)
    assert MAX_LINE_BYTES * 0.9 < sizes["(execution)"] <= MAX_LINE_BYTES
    assert {"StartTrainingJob", "CreateModel", "StartBatchTransformJob", "RecordSuccess"} <= sizes.keys()
    assert {"RecordFailure", "ItemFailed"} <= sizes.keys()
    too_large = {state: size for state, size in sizes.items() if size > LIMIT - MARGIN}
    assert not too_large
    # What a state hands to the next one is in the next one's input; the last hands nothing up.
    assert {runs.output(child) for child in children} == {"{}"}


def test_the_parents_payloads_do_not_grow_with_the_items(runs: Runs, big: str) -> None:
    many = runs.run([{"item": f"item-{number}"} for number in range(MANY)], "many--items--")
    few_sizes, many_sizes = largest(runs.events(big)), largest(runs.events(many))
    assert few_sizes.keys() == many_sizes.keys()
    for state, size in many_sizes.items():
        # Counts have more digits.
        assert abs(size - few_sizes[state]) < 200, state
        assert size < 8 * 1024, state


def test_the_history_of_an_execution_is_short(runs: Runs, big: str) -> None:
    assert len(runs.events(big)) < 50
    assert all(len(runs.events(child)) < 50 for child in runs.children(big))
