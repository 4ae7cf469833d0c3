"""`automlops manifest`: the manifest of a run that never reached SummarizeRun, and what else it does and leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from automlops.aws.connection import Connection
from automlops.aws.stack import Stack
from automlops.errors import CommandError, ExitCode, ServiceError
from automlops.runs import close_run as close_run_module
from automlops.runs.close_run import close_run
from pipeline.documents import PreparedRun, as_json
from pipeline.manifest import Manifest
from pipeline.summary.clean_up import Removed
from pipeline.summary.write_manifest import write_manifest
from tests.unit.pipeline.stored_documents import BUCKET, Bucket, failure, line, refusal, success

RUN = "20261122T094236123Z-night"
KEY = f"runs/{RUN}/manifest.json"
STOPPED = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Executions:
    """Step Functions: what DescribeExecution answers, or the code of its refusal."""

    def __init__(self, answer: dict[str, Any] | str) -> None:
        self.answer = answer

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """As boto3's."""
        assert executionArn == f"arn:{RUN}"
        if isinstance(self.answer, str):
            raise refusal(self.answer)
        return self.answer


class Place:
    """A stack with one run of three items, of which the last was cut off."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
        self.s3 = Bucket()
        self.s3.add_run(RUN, [line(index, RUN) for index in range(3)])
        self.s3.add_record(RUN, success(0))
        self.s3.add_record(RUN, failure(1))
        self.executions = Executions({"status": "ABORTED", "stopDate": STOPPED})
        self.stack = Stack("mine", "arn:machine", "data", BUCKET, "file.csv", {"KeepModels": "false"})
        self.removed: list[dict[str, Any]] = []
        self.left = Removed()
        self._console = console
        monkeypatch.setattr(close_run_module, "find_stack", lambda _connection, _name: self.stack)
        monkeypatch.setattr(close_run_module, "clean_up", self._remove)

    def close(self, run_id: str = RUN, **options: Any) -> Manifest:
        """Return what the command does."""
        clients: dict[str, Any] = {"s3": self.s3, "stepfunctions": self.executions, "sagemaker": "sagemaker"}
        session: Any = SimpleNamespace(client=lambda service, **_: clients[service])
        return close_run(self._console, Connection(session, "eu-west-1"), "mine", run_id, **options)

    def _remove(self, sagemaker: object, run_id: str, lines: list[Any], **what: bool) -> Removed:
        assert (sagemaker, run_id, len(lines)) == ("sagemaker", RUN, 3)
        self.removed.append(what)
        return self.left


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, console: Console) -> Place:
    return Place(monkeypatch, console)


def test_the_manifest_is_the_one_that_summarize_run_would_have_made(
    place: Place, shown: Callable[[], str]
) -> None:
    manifest = place.close()
    written = place.s3.json(KEY)
    run = PreparedRun(
        run_id=RUN,
        execution_arn=f"arn:{RUN}",
        started_at="2026-11-22T09:42:36.123Z",
        items_key=f"runs/{RUN}/items.json",
        item_count=3,
        max_concurrency=5,
        tolerated_failure_percentage=0,
    )
    s3: Any = place.s3
    expected = write_manifest(run, BUCKET, s3, None, datetime.now(UTC)).manifest
    assert written == as_json(expected) | {"endedAt": "2026-11-22T10:00:00.000Z"}
    assert [item.status for item in manifest.items] == ["SUCCEEDED", "FAILED", "UNFINISHED"]
    assert f"written to s3://{BUCKET}/{KEY}" in shown()
    assert "1 of 3 items succeeded, 1 failed, 1 did not finish" in shown()


def test_what_the_run_has_left_is_removed_and_told(place: Place, shown: Callable[[], str]) -> None:
    place.left = Removed(["m-1"], ["t-1"], ["b-1"], ["listing models: AccessDenied"])
    place.close()
    assert place.removed == [{"models": True, "jobs": True}]
    for words in (
        "deleted model m-1",
        "stopped training job t-1",
        "stopped transform job b-1",
        "not removed: listing models: AccessDenied",
    ):
        assert words in shown()


def test_a_stack_that_keeps_models_keeps_them(place: Place) -> None:
    place.stack = Stack("mine", "arn:machine", "data", BUCKET, "file.csv", {"KeepModels": "true"})
    place.close()
    assert place.removed == [{"models": False, "jobs": True}]


def test_a_run_whose_items_all_succeeded_has_no_jobs_to_stop(place: Place) -> None:
    place.s3.add_record(RUN, success(1))
    place.s3.add_record(RUN, success(2))
    assert place.close().verdict == "SUCCEEDED"
    assert place.removed == [{"models": True, "jobs": False}]


def test_an_existing_manifest_is_shown_and_nothing_done(place: Place, shown: Callable[[], str]) -> None:
    place.close()
    place.removed.clear()
    before = place.s3.objects[KEY]
    place.s3.add_record(RUN, success(2))
    manifest = place.close()
    assert place.s3.objects[KEY] == before
    assert place.removed == []
    assert manifest.items[2].status == "UNFINISHED"
    assert f"read from s3://{BUCKET}/{KEY}; --force writes it again" in shown()


def test_force_makes_it_anew(place: Place) -> None:
    place.close()
    place.s3.add_record(RUN, success(2))
    assert place.close(force=True).items[2].status == "SUCCEEDED"
    assert place.s3.json(KEY)["counts"]["succeeded"] == 2


@pytest.mark.parametrize("force", [False, True], ids=["first", "forced"])
def test_a_run_under_way_is_refused_with_how_to_stop_it(place: Place, *, force: bool) -> None:
    place.executions.answer = {"status": "RUNNING"}
    with pytest.raises(CommandError, match="still under way") as refused:
        place.close(force=force)
    assert refused.value.exit_code == ExitCode.REFUSED
    assert f"stop-execution --execution-arn arn:{RUN} --region eu-west-1" in str(refused.value)
    assert KEY not in place.s3.objects
    assert place.removed == []


def test_an_execution_that_step_functions_has_forgotten_has_ended(place: Place) -> None:
    place.executions.answer = "ExecutionDoesNotExist"
    assert place.close().verdict == "FAILED"
    assert KEY in place.s3.objects


def test_credentials_that_may_not_look_are_told(place: Place) -> None:
    place.executions.answer = "AccessDeniedException"
    with pytest.raises(ServiceError, match="may not read whether run"):
        place.close()
    assert KEY not in place.s3.objects


def test_a_run_that_is_not_there_is_told_with_the_latest_that_are(place: Place) -> None:
    for day in range(10, 19):
        place.s3.add(f"runs/202611{day}T094236123Z-x/items.json", [])
    with pytest.raises(CommandError) as refused:
        place.close("20261122T094236124Z-night")
    assert refused.value.lines[0].startswith("there is no run 20261122T094236124Z-night")
    assert refused.value.lines[1:] == (
        "The latest runs:",
        *(f"  202611{day}T094236123Z-x" for day in (15, 16, 17, 18)),
        f"  {RUN}",
    )


def test_without_any_run_that_is_said(place: Place) -> None:
    place.s3.objects.clear()
    with pytest.raises(CommandError, match=r"There are no runs yet\."):
        place.close()


def test_a_work_list_that_is_broken_is_told(place: Place) -> None:
    place.s3.objects[f"runs/{RUN}/items.json"] = b"{"
    with pytest.raises(CommandError, match="is not a run's work list"):
        place.close()


def test_results_are_copied_where_they_are_wanted(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: Callable[[], str]
) -> None:
    def download(_bucket: str, key: str, target: str) -> None:
        Path(target).write_bytes(place.s3.objects[key])

    predictions = f"analysis_predicted_out/item0/{RUN}/sample_prediction.csv.out"
    place.s3.add(predictions, b"CustomerID\n1\n")
    monkeypatch.setattr(place.s3, "download_file", download, raising=False)
    place.close(out=tmp_path)
    assert (tmp_path / RUN / "item0" / "predictions.csv").read_bytes() == b"CustomerID\n1\n"
    assert json.loads((tmp_path / RUN / "manifest.json").read_bytes()) == place.s3.json(KEY)
    assert f"copied to {tmp_path / RUN}/" in shown()
