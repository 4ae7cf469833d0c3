"""Items whose data changes during a run fail, in CreateModel, in SummarizeRun and in reruns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import layout, naming
from pipeline.contracts import CreateModelEvent, parse_event
from pipeline.data import input_versions
from pipeline.data.input_data import find_input
from pipeline.documents import PreparedRun, as_json
from pipeline.errors import DataChangedError, ServiceThrottledError
from pipeline.model.create_model import create_model
from pipeline.settings import ModelSettings, PrepareRunSettings, load_settings
from pipeline.summary.write_manifest import write_manifest
from tests.unit.pipeline.in_memory_aws import RUN, WRITTEN, Models, Objects, data, prepare
from tests.unit.pipeline.preparation.test_prepare_run import with_latest
from tests.unit.pipeline.rerun_scenario import R0, R1, RerunScenario, trained
from tests.unit.pipeline.stored_documents import BUCKET, Bucket, failure, line, refusal, success
from tests.unit.pipeline.versioned_bucket import VersionedBucket

DATA = "s3://data/in/a.csv"
# Of the runs and records of `stored`.
STARTED, ENDED = datetime(2026, 11, 22, 0, 0, tzinfo=UTC), datetime(2026, 11, 22, 9, 43, 36, tzinfo=UTC)
AFTER_THE_END = datetime(2026, 11, 22, 9, 50, tzinfo=UTC)
TRAINED = datetime(2026, 11, 22, 9, 42, 56, tzinfo=UTC)


class Data(VersionedBucket):
    """The bucket of the items' data, by moments."""

    def write(self, moment: datetime, body: bytes = b"German", key: str = "in/a.csv") -> None:
        """Write an object."""
        self.put(key, body, (moment - datetime(2026, 11, 22, 9, 0, tzinfo=UTC)).total_seconds())


@pytest.fixture
def users() -> Data:
    """Return data that was there before the runs."""
    found = Data()
    found.write(datetime(2026, 11, 21, tzinfo=UTC), b"French")
    return found


def expected_version(users: Data) -> dict[str, Any]:
    client: Any = users
    return as_json(input_versions.make_input_version(DATA, find_input(client, DATA)))


def on_users_data(s3: Any, users: Data) -> Any:
    """Return a client that lists the users' bucket."""
    s3.list_object_versions = users.list_object_versions
    s3.list_objects_v2 = users.list_objects_v2
    return s3


# --- SummarizeRun ---------------------------------------------------------------------------------------------------
class Run:
    """A run of one item that was given a file to score, and has scored it."""

    def __init__(self, users: Data) -> None:
        self.s3: Any = on_users_data(Bucket(), users)
        self.s3.add_run(R0, [line(0, R0, scoredInput=expected_version(users)), line(1, R0)])
        self.s3.add_record(R0, success(0))
        self.s3.add_record(R0, success(1))

    def summed_up(self) -> dict[str, Any]:
        """Return the manifest."""
        prepared = PreparedRun(
            run_id=R0,
            execution_arn="arn:x",
            started_at="2026-11-22T00:00:00.000Z",
            items_key=f"runs/{R0}/items.json",
            item_count=2,
            max_concurrency=5,
            tolerated_failure_percentage=0,
        )
        return as_json(write_manifest(prepared, BUCKET, self.s3, None, AFTER_THE_END).manifest)


def test_an_item_that_has_scored_other_data_has_failed(users: Data) -> None:
    run = Run(users)
    users.write(TRAINED)
    record = run.s3.json(f"runs/{R0}/records/0.json")
    manifest = run.summed_up()
    item, other = manifest["items"]
    assert (item["status"], item["stage"], item["error"]) == (
        "FAILED",
        "StartBatchTransformJob",
        "DataChangedError",
    )
    assert f"{DATA} was written at 2026-11-22T09:42:56.000Z" in item["reason"]
    assert (item["predictionsUri"], item["transform"]["status"]) == (None, "Completed")
    assert (other["status"], manifest["verdict"]) == ("SUCCEEDED", "FAILED")
    written = run.s3.json(f"runs/{R0}/records/0.json")
    assert written["error"] == {"Error": "DataChangedError", "Cause": item["reason"]}
    assert (written["model"], written["transform"]["name"]) == (record["model"], record["transform"]["name"])
    assert users.calls.count("list_object_versions") == 1
    assert run.summed_up() == manifest
    assert users.calls.count("list_object_versions") == 1


@pytest.mark.parametrize("change", ["none", "after the end"])
def test_an_item_whose_data_was_left_alone_until_it_had_scored_has_succeeded(users: Data, change: str) -> None:
    run = Run(users)
    if change == "after the end":
        users.write(AFTER_THE_END)
    before = dict(run.s3.objects)
    assert [item["status"] for item in run.summed_up()["items"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert {key: run.s3.objects[key] for key in before} == before


def test_scored_data_that_cannot_be_verified_is_marked_in_the_record() -> None:
    users = Data(versioned=False)
    users.write(datetime(2026, 11, 21, tzinfo=UTC), b"French")
    run = Run(users)
    # Perhaps German came and went before the end; the bucket keeps only what was put back after it.
    users.write(AFTER_THE_END, b"French")
    manifest = run.summed_up()
    assert [item["status"] for item in manifest["items"]] == ["SUCCEEDED", "SUCCEEDED"]
    records = [run.s3.json(f"runs/{R0}/records/{index}.json") for index in (0, 1)]
    assert [record.get("inputUnverified") for record in records] == [True, None]
    assert run.summed_up() == manifest


def test_the_transforms_own_end_counts_where_it_is_known(users: Data) -> None:
    run = Run(users)
    record = success(0)
    record["transform"]["endedAt"] = 1795340590000  # 09:43:10
    run.s3.add_record(R0, record)
    users.write(datetime(2026, 11, 22, 9, 43, 20, tzinfo=UTC))
    assert run.summed_up()["items"][0]["status"] == "SUCCEEDED"


def test_data_that_can_no_longer_be_listed_is_no_success(users: Data) -> None:
    run = Run(users)
    users.refused = {"list_object_versions", "list_objects_v2"}
    item = run.summed_up()["items"][0]
    assert (item["status"], item["error"]) == ("FAILED", "DataNotReadableError")
    assert "may not read" in item["reason"]


def test_throttling_is_left_to_the_state_machines_retry(users: Data) -> None:
    run = Run(users)

    def throttled(**_: Any) -> None:
        raise refusal("SlowDown", 503)

    run.s3.list_object_versions = throttled
    with pytest.raises(ServiceThrottledError):
        run.summed_up()
    assert f"runs/{R0}/manifest.json" not in run.s3.objects
    assert run.s3.json(f"runs/{R0}/records/0.json") == success(0)


# --- CreateModel ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("changed", [False, True])
def test_a_training_of_other_data_does_not_reach_the_gate(
    environment: dict[str, str], users: Data, changed: bool
) -> None:
    started = RUN.partition("-")[0]
    training, sagemaker = naming.training_job_name("a", started), Models()
    artifact = layout.model_artifact_key("a", training)
    s3: Any = Objects({artifact: b"x", f"analysis_predicted/a/{RUN}/metrics.json": b"{}"})
    event = {
        "item": "a",
        "runId": RUN,
        "recordKey": f"runs/{RUN}/records/0.json",
        "mode": "train",
        "fingerprint": "f",
        "trainedIn": RUN,
        "trainingInput": expected_version(users),
        "modelName": naming.model_name("a", started),
        "modelDataUrl": f"s3://{BUCKET}/{artifact}",
        "training": {"name": training, "arn": f"arn:aws:…:training-job/{training}", "status": "Completed"},
    }
    s3.prepared = {RUN}
    s3.list_objects_v2 = users.list_objects_v2
    users.calls.clear()
    before = dict(s3.objects)
    asked = parse_event(CreateModelEvent, event)
    settings = load_settings(ModelSettings, environment | {"ALLOWED_BUCKETS": "data"})
    if changed:
        users.write(AFTER_THE_END)
        with pytest.raises(DataChangedError, match="run the item again"):
            create_model(asked, settings, s3, sagemaker, AFTER_THE_END)  # type: ignore[arg-type]
        assert (sagemaker.request, s3.objects) == ({}, before)
    else:
        create_model(asked, settings, s3, sagemaker, AFTER_THE_END)  # type: ignore[arg-type]
        assert sagemaker.request
    assert users.calls == ["list_objects_v2"]


# --- reruns ---------------------------------------------------------------------------------------------------------
def cut_off(users: Data, **fields: Any) -> RerunScenario:
    """Return a run of one item, which has no manifest."""
    scenario = RerunScenario()
    on_users_data(scenario.s3, users)
    scenario.s3.add_run(R0, [line(0, R0, **fields)])
    scenario.add_training(line(0, R0))
    return scenario


@pytest.mark.parametrize("manifest", [False, True])
def test_a_rerun_verifies_successes_that_were_not_summed_up(users: Data, manifest: bool) -> None:
    scenario = cut_off(users, scoredInput=expected_version(users))
    scenario.s3.add_run(R0, [line(0, R0, scoredInput=expected_version(users)), line(1, R0)])
    scenario.s3.add_record(R0, success(0))
    users.write(TRAINED)
    if manifest:
        scenario.s3.add(f"runs/{R0}/manifest.json", b"{}")
    left = [entry.item for entry in scenario.rerun(R1).entries]
    assert left == (["item1"] if manifest else ["item0", "item1"])
    if not manifest:
        # Its training has read what it was to read.
        assert scenario.s3.json(f"runs/{R0}/records/0.json")["error"]["Error"] == "DataChangedError"


def test_a_training_of_other_data_is_not_kept(users: Data) -> None:
    scenario = cut_off(users, trainingInput=expected_version(users))
    users.write(datetime(2026, 11, 22, 9, 42, 40, tzinfo=UTC))
    error = {"Error": "DataChangedError", "Cause": "changed"}
    scenario.s3.add_record(R0, failure(0, stage="CreateModel", training=with_end(), error=error))
    assert scenario.rerun(R1).kept == {}


@pytest.mark.parametrize(
    ("changed", "kept"),
    [(None, True), (datetime(2026, 11, 22, 9, 42, 40, tzinfo=UTC), False), (AFTER_THE_END, True)],
    ids=["never", "before its end", "after its end"],
)
def test_a_training_that_create_model_has_not_checked_is_kept_if_its_data_is_unchanged(
    users: Data, changed: datetime | None, kept: bool
) -> None:
    scenario = cut_off(users, trainingInput=expected_version(users))
    if changed:
        users.write(changed)
    scenario.s3.add_record(R0, failure(0, stage="CreateModel", training=with_end()))
    assert ("item0" in scenario.rerun(R1).kept) is kept


def test_a_training_whose_model_was_created_is_not_verified_again(users: Data) -> None:
    scenario = cut_off(users, trainingInput=expected_version(users))
    users.calls.clear()
    scenario.s3.add_record(R0, failure(0, stage="StartBatchTransformJob", training=with_end()))
    assert "item0" in scenario.rerun(R1).kept
    assert users.calls == []


def with_end() -> dict[str, Any]:
    return trained(0) | {"endedAt": 1795340576123}


# --- PrepareRun -----------------------------------------------------------------------------------------------------
def prepared_line(settings: PrepareRunSettings, s3: Objects, request: dict[str, Any]) -> dict[str, Any]:
    (found,) = s3.json(prepare(settings, s3, request).items_key)
    line_of_run: dict[str, Any] = found
    return line_of_run


def test_a_line_holds_the_input_versions_of_its_jobs(settings: PrepareRunSettings) -> None:
    given = {"given.csv": b"1"}
    own, file = "s3://data-bucket/analysis_predict/a/Online_Retail.csv", "s3://data-bucket/given.csv"
    for mode, entry, training, scored in (
        ("train", {"item": "a"}, own, None),
        ("train", {"item": "a", "predictInput": file}, own, file),
        ("score", {"item": "a"}, None, own),
        ("score", {"item": "a", "predictInput": file}, None, file),
        ("score", {"item": "a", "input": "s3://data-bucket/analysis_predict/a/"}, None, own),
    ):
        s3 = with_latest(data("a"), given, {"analysis_predict/a/empty.csv": b""})
        found = prepared_line(settings, s3, {"itemList": [entry], "mode": mode})
        assert ((found["trainingInput"] or {}).get("uri"), (found["scoredInput"] or {}).get("uri")) == (
            training,
            scored,
        )


def test_the_same_bytes_uploaded_again_change_the_input_version_and_not_the_fingerprint(
    settings: PrepareRunSettings,
) -> None:
    s3 = Objects(data("a"))
    first = prepared_line(settings, s3, {"itemList": ["a"]})
    s3.objects = data("a")
    s3.written["analysis_predict/a/Online_Retail.csv"] = AFTER_THE_END
    assert WRITTEN != AFTER_THE_END
    again = prepared_line(settings, s3, {"itemList": ["a"]})
    assert again["fingerprint"] == first["fingerprint"]
    assert again["trainingInput"]["version"] != first["trainingInput"]["version"]
