"""The function SummarizeRun writes the manifest first, and cleans up after it."""

from __future__ import annotations

from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

import summarize_run
from pipeline.aws import clients
from pipeline.errors import InvalidRequestError
from pipeline.summary.clean_up import Removed
from tests.unit.pipeline.conftest import ENVIRONMENT
from tests.unit.pipeline.stored_documents import Bucket, failure, line, success

RUN = "20261122T094236123Z-x"
EXECUTION = "arn:aws:states:ap-east-2:123456789012:execution:shop:x"


class Context(LambdaContext):
    """An invocation with 100 seconds left."""

    def __init__(self) -> None:
        self._function_name = "summarize"
        self._memory_limit_in_mb = 2048
        self._invoked_function_arn = "arn:function"
        self._aws_request_id = "1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 100_000


class Place:
    """A run of two items, of which one has failed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s3 = Bucket()
        self.s3.add_run(RUN, [line(0, RUN), line(1, RUN)], executionArn=EXECUTION)
        self.s3.add_record(RUN, success(0))
        self.s3.add_record(RUN, failure(1))
        self.asked: list[dict[str, Any]] = []
        self.left = Removed()
        monkeypatch.setattr(clients, "s3_client", lambda: self.s3)
        monkeypatch.setattr(clients, "sagemaker_client", lambda: "sagemaker")
        monkeypatch.setattr(summarize_run, "clean_up", self._remove)
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)

    def run(self, **others: Any) -> Any:
        """Return the function's response."""
        event = {
            "runId": RUN,
            "executionArn": EXECUTION,
            "startedAt": "2026-11-22T09:42:36.123Z",
            "itemsKey": f"runs/{RUN}/items.json",
            "itemCount": 2,
            "maxConcurrency": 5,
            "toleratedFailurePercentage": 0,
            "mode": "train",
            "rerunOf": None,
        }
        return summarize_run.lambda_handler(event | others, Context())

    def _remove(self, sagemaker: object, run_id: str, lines: list[Any], **what: Any) -> Removed:
        assert (sagemaker, run_id, len(lines)) == ("sagemaker", RUN, 2)
        assert f"runs/{RUN}/manifest.json" in self.s3.objects, "what is left comes after the verdict"
        self.asked.append(what)
        return self.left


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(monkeypatch)


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_run_is_summed_up_as_it_was_prepared_or_not_at_all(place: Place) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        place.run(toleratedFailurePercentage=100.0, mode="score")
    assert refusal.value.problems == [
        "toleratedFailurePercentage: must be 0.0, as prepare_run answered",
        'mode: must be "train", as prepare_run answered',
    ]
    assert f"runs/{RUN}/manifest.json" not in place.s3.objects
    assert place.asked == []


def test_verdict_and_counts_are_answered(place: Place) -> None:
    answer = place.run()
    assert answer.keys() == {"runId", "verdict", "manifestKey", "counts", "Error", "Cause"}
    assert answer["counts"] == {"total": 2, "succeeded": 1, "failed": 1, "unfinished": 0, "unchanged": 0}


def test_the_error_of_a_broken_map_run_is_in_the_manifest(place: Place) -> None:
    place.run(mapRunError={"Error": "States.Timeout", "Cause": "late"})
    assert place.s3.json(f"runs/{RUN}/manifest.json")["mapRunError"] == {
        "Error": "States.Timeout",
        "Cause": "late",
    }


@pytest.mark.parametrize(("keep", "models"), [("true", False), ("false", True)])
def test_models_are_removed_unless_the_stack_keeps_them(
    place: Place, monkeypatch: pytest.MonkeyPatch, keep: str, *, models: bool
) -> None:
    monkeypatch.setenv("KEEP_MODELS", keep)
    place.run()
    assert place.asked[0]["models"] is models


def test_jobs_are_looked_for_only_where_an_item_did_not_succeed(place: Place) -> None:
    place.run()
    place.s3.add_record(RUN, success(1))
    place.run()
    assert [asked["jobs"] for asked in place.asked] == [True, False]


def test_clean_up_leaves_time_for_the_response(place: Place) -> None:
    place.run()
    assert place.asked[0]["seconds_left"]() == 40


def test_failed_clean_up_does_not_change_the_response(place: Place) -> None:
    before = place.run()
    place.left = Removed(problems=["listing models: AccessDeniedException"])
    assert place.run() == before


def test_records_of_no_item_are_ignored(place: Place) -> None:
    before = place.run()
    place.s3.add_record(RUN, failure(7))
    assert place.run() == before
