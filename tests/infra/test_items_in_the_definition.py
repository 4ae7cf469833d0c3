"""What items go through: each kind of line that PrepareRun writes, on every way of the definition."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import errors, layout
from pipeline.contracts import BatchTransformEvent, ItemRequest, TrainingJobEvent, parse_event
from pipeline.data import input_data
from pipeline.documents import InputVersion, Latest, TrainingJob, Unchanged, as_json
from pipeline.jobs import sagemaker_requests, single_jobs
from pipeline.preparation import work_list_lines
from pipeline.preparation.reruns import KeptTraining
from pipeline.settings import PrepareRunSettings, load_settings
from tests.unit.pipeline.conftest import ENVIRONMENT

from .conftest import Document

STARTED = "20261122T094236123Z"
ENTRY: Document = {
    "item": "United Kingdom",
    "hyperparameters": {"seed": "1"},
    "environment": {"threads": "2"},
    "training": {"instanceType": "ml.c5.xlarge", "useSpot": True},
}
TRANSFORM: Document = {"instanceType": "ml.c5.xlarge", "maxPayloadInMB": 20, "maxConcurrentTransforms": 2}

PROMISED = InputVersion(uri="s3://b/data.csv", version="0f")
MADE_OF = work_list_lines.Provenance("result", None, "training", PROMISED)


@pytest.fixture
def settings_for_lines() -> PrepareRunSettings:
    return load_settings(PrepareRunSettings, ENVIRONMENT)


def line_of(settings: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch, run_id: str) -> Document:
    """Return one line of items.json as prepare_run writes it, for an item with data."""
    monkeypatch.setattr(input_data, "find_input", lambda s3, uri: [])  # noqa: ARG005
    run = work_list_lines.Run(settings=settings, run_id=run_id, started=STARTED, digits=6, mode="train")
    entry = parse_event(ItemRequest, {**ENTRY, "transform": TRANSFORM})
    return as_json(work_list_lines.train_line(run, 3, entry, MADE_OF))


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, settings_for_lines: PrepareRunSettings) -> Document:
    return line_of(settings_for_lines, monkeypatch, f"{STARTED}-x")


class Recorder:
    """Takes SageMaker's create calls and remembers them."""

    def __init__(self) -> None:
        self.request: Document = {}

    def create_training_job(self, **request: Any) -> Document:
        self.request = request
        return {"TrainingJobArn": "arn"}

    def create_transform_job(self, **request: Any) -> Document:
        self.request = request
        return {"TransformJobArn": "arn"}

    def describe_training_job(self, **name: Any) -> Document:
        raise AssertionError(name)

    def describe_transform_job(self, **name: Any) -> Document:
        raise AssertionError(name)


def resolved(parameters: Document, state: Document) -> Document:
    """Return the payload that Step Functions sends: `"X.$": "$.a.b"` becomes the value at that path."""
    sent: Document = {}
    for key, value in parameters.items():
        if key.endswith(".$"):
            found: Any = state
            for part in value.removeprefix("$.").split("."):
                found = found[part]
            sent[key.removesuffix(".$")] = found
        else:
            sent[key] = value
    return sent


def test_aws_training_job_sends_the_request_of_the_state_machine(
    child: Document, settings_for_lines: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, alone = line_of(settings_for_lines, monkeypatch, f"{STARTED}-aws_training_job"), Recorder()
    event = parse_event(TrainingJobEvent, {**ENTRY, "transform": TRANSFORM, "timestamp": STARTED})
    single_jobs.start_training_job(event, settings_for_lines, None, alone, datetime.now(UTC))  # type: ignore[arg-type]
    assert resolved(child["States"]["StartTrainingJob"]["Parameters"], line) == alone.request


def test_aws_batch_transform_sends_the_request_of_the_state_machine(
    child: Document, settings_for_lines: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = f"{STARTED}-aws_batch_transform"
    line, alone = line_of(settings_for_lines, monkeypatch, run_id), Recorder()
    event = parse_event(
        BatchTransformEvent,
        {
            "item": ENTRY["item"],
            "modelName": line["modelName"],
            "input": f"s3://output-bucket/{layout.sample_key(ENTRY['item'], run_id)}",
            "transform": TRANSFORM,
            "timestamp": STARTED,
        },
    )
    single_jobs.start_transform_job(event, settings_for_lines, None, alone, datetime.now(UTC))  # type: ignore[arg-type]
    assert resolved(child["States"]["StartBatchTransformJob"]["Parameters"], line) == alone.request


def next_by_choice(state: Document, data: Document) -> str:
    """Return the next state of a Choice whose conditions test whether values are null."""
    for choice in state["Choices"]:
        conditions = choice.get("And", [choice])
        # Step Functions fails an execution whose Choice asks for what is absent.
        given = [
            (data[condition["Variable"].removeprefix("$.")] is None, condition["IsNull"])
            for condition in conditions
        ]
        if all(is_null is wanted for is_null, wanted in given):
            return str(choice["Next"])
    return str(state["Default"])


def states_passed(child: Document, data: Document) -> tuple[list[str], set[str]]:
    """Return the states on the way on which nothing fails, and all that a line may pass, whatever fails.

    Raises:
        KeyError: a state reads of its input what is not in it there.
    """
    way: list[str] = []
    anywhere: set[str] = set()
    # A state, its input, and whether nothing failed so far.
    waiting = [(child["StartAt"], data, True)]
    while waiting:
        name, given, well = waiting.pop()
        state = child["States"][name]
        anywhere.add(name)
        if well:
            way.append(name)
        if state["Type"] == "Choice":
            waiting.append((next_by_choice(state, given), given, well))
            continue
        for key, path in state.items():
            if key in {"SecondsPath", "TimeoutSecondsPath"}:
                assert isinstance(resolved({"x.$": path}, given)["x"], int)
        everything_read(state.get("Parameters", {}), given)
        for catch in state.get("Catch", []):
            failed = {"error": {"Error": "Some", "Cause": "reason"}} if catch["ResultPath"] else {}
            waiting.append((catch["Next"], given | failed, False))
        if state["Type"] != "Fail" and not state.get("End"):
            kept = state.get("ResultPath", "$.nothing")
            result: Document = {key.removesuffix(".$"): {} for key in state.get("ResultSelector", {})}
            went_well = given | {kept.removeprefix("$."): result} if kept and result else given
            waiting.append((state["Next"], went_well, well))
    return way, anywhere


def everything_read(parameters: Document, data: Document) -> None:
    """Resolve all paths into the input.

    Raises:
        KeyError: one leads nowhere.
    """
    for key, value in parameters.items():
        if isinstance(value, dict):
            everything_read(value, data)
        elif key.endswith(".$") and value.startswith("$."):
            resolved({key: value}, data)


SCORED = ["CreateModel", "StartBatchTransformJob", "DeleteModel", "RecordSuccess"]
FAILED = ["RecordFailure", "ItemFailed"]
SCORING_FAILED = {"FollowBatchTransformJob", "StopBatchTransformJob", *FAILED}
TRAINING_FAILED = {"FollowTrainingJob", "StopTrainingJob", *FAILED}


@pytest.mark.parametrize("turn", [{}, {"startAfterSeconds": 3}], ids=["at once", "in its turn"])
@pytest.mark.parametrize(
    ("kind", "before", "failed"),
    [
        ("train", ["WaitForTurn", "StartTrainingJob"], TRAINING_FAILED | SCORING_FAILED),
        ("kept", ["WaitForTurnToScore"], SCORING_FAILED),
        ("score", ["WaitForTurnToScore"], SCORING_FAILED),
    ],
)
def test_every_path_into_the_items_line_exists(
    child: Document,
    every_line: dict[str, Document],
    kind: str,
    before: list[str],
    failed: set[str],
    turn: Document,
) -> None:
    way, anywhere = states_passed(child, every_line[kind] | turn)
    waited = [name for name in before if turn or not name.startswith("Wait")]
    assert way == ["CheckItem", *waited, *SCORED]
    assert anywhere == {*way} | failed


@pytest.mark.parametrize(("kind", "states"), [("refused", FAILED), ("unchanged", ["RecordSuccess"])])
def test_an_item_that_does_nothing_is_only_recorded(
    child: Document, every_line: dict[str, Document], kind: str, states: list[str]
) -> None:
    assert states_passed(child, every_line[kind]) == (["CheckItem", *states], {"CheckItem", *states})


def test_every_state_is_passed_by_some_line(child: Document, every_line: dict[str, Document]) -> None:
    turns: list[Document] = [{}, {"startAfterSeconds": 3}]
    passed = [states_passed(child, line | turn)[1] for line in every_line.values() for turn in turns]
    assert set().union(*passed) == child["States"].keys()


@pytest.fixture
def every_line(line: Document, settings_for_lines: PrepareRunSettings) -> dict[str, Document]:
    """Return a line of items.json of every kind."""
    entry = parse_event(ItemRequest, {"item": "b"})
    run = work_list_lines.Run(
        settings=settings_for_lines, run_id=f"{STARTED}-x", started=STARTED, digits=6, mode="train"
    )
    scoring = work_list_lines.Run(
        settings=settings_for_lines, run_id=f"{STARTED}-x", started=STARTED, digits=6, mode="score"
    )
    training = TrainingJob(name="training-job-b", arn="arn", status="Completed")
    kept = KeptTraining(training, f"{STARTED}-earlier", "image", "training")
    model = Latest(run_id=f"{STARTED}-earlier", model_name="m", model_data_url="s3://b/k", image="image")
    unchanged = Unchanged(run_id=f"{STARTED}-earlier")
    made = {
        "kept": work_list_lines.kept_line(
            run, 1, entry, work_list_lines.Provenance("result", None, "training"), kept
        ),
        "score": work_list_lines.score_line(
            scoring, 2, entry, work_list_lines.Provenance("result", PROMISED), model, "s3://b/data.csv"
        ),
        "refused": work_list_lines.refused_line(run, 3, entry, errors.UserError("no")),
        "unchanged": work_list_lines.unchanged_line(run, 4, entry, "result", unchanged),
    }
    return {"train": line} | {kind: as_json(line_of_kind) for kind, line_of_kind in made.items()}


def test_the_record_lies_where_summarize_run_looks(line: Document) -> None:
    assert line["recordKey"].startswith(layout.records_prefix(line["runId"]))
    assert line["trainingTimeoutSeconds"] == sagemaker_requests.training_timeout_in_seconds(line["trainingJob"])
