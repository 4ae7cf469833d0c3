"""The design's rules of the state machine's definition, held on the file itself."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline import errors
from pipeline.contracts import CreateModelEvent, ExecutionContext, FollowJobEvent, PrepareRunEvent
from pipeline.documents import CreatedModel, Job, PreparedRun, Record, TrainingJob
from pipeline.jobs import sagemaker_requests

from .conftest import Document, strings_in

RECORD_WRITERS = {"RecordSuccess", "RecordFailure"}
# Errors that say without doubt that the same call may pass later. Others share their names with what never will.
SURELY_THROTTLED = {"ServiceThrottledError", "Lambda.TooManyRequestsException"}
# No failure: the job that is followed goes on.
ASK_AGAIN = "JobNotEndedError"
# State that follows a job → state that starts it, state that stops it, and what the job is called.
FOLLOW = {
    "FollowTrainingJob": ("StartTrainingJob", "StopTrainingJob", "training"),
    "FollowBatchTransformJob": ("StartBatchTransformJob", "StopBatchTransformJob", "transform"),
}
STATES = {"ProcessItems", "StartTrainingJob", "CreateModel", "StartBatchTransformJob"}


def targets_of(state: Document) -> set[str]:
    choices = state.get("Choices", [])
    catches = state.get("Catch", [])
    named = [state.get("Next"), state.get("Default"), *(entry["Next"] for entry in [*choices, *catches])]
    return {name for name in named if name}


def test_the_users_state_names_are_kept(definition: Document, child: Document) -> None:
    assert definition["States"].keys() | child["States"].keys() >= STATES


def test_every_link_resolves_and_every_state_is_reached(definition: Document, child: Document) -> None:
    for machine in (definition, child):
        reached, waiting = set(), [machine["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting.extend(targets_of(machine["States"][name]))
        assert reached == machine["States"].keys()


def test_every_state_goes_on_or_ends(definition: Document, child: Document) -> None:
    for name, state in (definition["States"] | child["States"]).items():
        ends = state.get("End") or state["Type"] in {"Succeed", "Fail"}
        assert bool(ends) != bool(state.get("Next") or state.get("Default")), name


def test_every_task_has_a_timeout_and_retries(tasks: Document) -> None:
    for name, state in tasks.items():
        assert ("TimeoutSeconds" in state) != ("TimeoutSecondsPath" in state), name
        assert state["Retry"], name


def test_every_task_but_the_record_writers_catches_everything(tasks: Document) -> None:
    for name, state in tasks.items():
        if name in RECORD_WRITERS:
            assert "Catch" not in state, name
        else:
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_every_retrier_is_bounded_and_jittered(tasks: Document) -> None:
    for name, state in tasks.items():
        for retrier in state["Retry"]:
            assert retrier["JitterStrategy"] == "FULL", name
            assert retrier["MaxDelaySeconds"] > 0, name
            assert retrier["BackoffRate"] > 1, name
            quota = retrier["ErrorEquals"] == ["SageMaker.ResourceLimitExceededException"]
            throttle = set(retrier["ErrorEquals"]) <= SURELY_THROTTLED
            if retrier["ErrorEquals"] == [ASK_AGAIN]:
                continue
            assert 0 < retrier["MaxDelaySeconds"] <= 600, name
            # Seven retries are eight attempts.
            assert retrier["MaxAttempts"] <= (100 if quota else 30 if throttle else 7), name
            assert quota or retrier["MaxDelaySeconds"] <= 120, name


@pytest.mark.parametrize("name", FOLLOW)
def test_a_followed_job_is_waited_for_as_long_as_any_may_take(tasks: Document, name: str) -> None:
    (retrier,) = (entry for entry in tasks[name]["Retry"] if entry["ErrorEquals"] == [ASK_AGAIN])
    longest = 28 * 24 * 3600 + sagemaker_requests.SPOT_WAIT_IN_SECONDS + sagemaker_requests.TASK_MARGIN_IN_SECONDS
    # Full jitter: half of the delay on average. What is drawn seven thousand times strays from that by a hundredth.
    assert retrier["MaxAttempts"] * retrier["MaxDelaySeconds"] / 2 > 1.1 * longest
    # An execution's history ends at 25,000 events, and each attempt takes three.
    assert retrier["MaxAttempts"] * 3 < 22_000
    # The end of a job of ten minutes or more is heard of within a quarter of its time.
    waited, delay = 0.0, float(retrier["IntervalSeconds"])
    while delay < retrier["MaxDelaySeconds"]:
        assert waited < 600 or delay < waited / 4
        waited, delay = waited + delay / 2, delay * retrier["BackoffRate"]


def test_a_full_quota_is_retried_for_hours(tasks: Document) -> None:
    for name in ("StartTrainingJob", "StartBatchTransformJob"):
        (retrier,) = (entry for entry in tasks[name]["Retry"] if "ResourceLimit" in entry["ErrorEquals"][0])
        delays = [
            min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number, retrier["MaxDelaySeconds"])
            for number in range(retrier["MaxAttempts"])
        ]
        # Full jitter takes anything from nothing to the delay: half of it on average.
        assert sum(delays) / 2 > 4 * 3600, name


def test_both_jobs_are_retried_alike(tasks: Document) -> None:
    assert tasks["StartTrainingJob"]["Retry"] == tasks["StartBatchTransformJob"]["Retry"]


def test_a_successful_item_passes_six_states(child: Document) -> None:
    passed, name = [child["StartAt"]], child["States"][child["StartAt"]]["Default"]
    while not child["States"][name].get("End"):
        passed.append(name)
        name = child["States"][name]["Next"]
    assert [*passed, name] == [
        "CheckItem",
        "StartTrainingJob",
        "CreateModel",
        "StartBatchTransformJob",
        "DeleteModel",
        "RecordSuccess",
    ]


def test_a_model_that_could_not_be_removed_costs_no_success(child: Document) -> None:
    state = child["States"]["DeleteModel"]
    assert ":aws-sdk:sagemaker:${ModelRemovalAction}" in state["Resource"]
    assert [catch["Next"] for catch in state["Catch"]] == [state["Next"]] == ["RecordSuccess"]


def test_the_map_is_never_retried_and_tolerates_every_item(definition: Document) -> None:
    state = definition["States"]["ProcessItems"]
    assert "Retry" not in state
    assert state["ToleratedFailurePercentage"] == 100
    assert state["ResultPath"] is None
    assert state["MaxConcurrencyPath"] == "$.maxConcurrency"
    assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert len(state["Label"]) <= 40


def test_no_child_reads_the_executions_context(child: Document) -> None:
    assert not [text for text in strings_in(child) if "$$.Execution" in text]


def test_every_child_ends_by_a_record_and_hands_nothing_up(child: Document) -> None:
    states = child["States"]
    ends = {name for name, state in states.items() if state.get("End") or state["Type"] in {"Succeed", "Fail"}}
    assert ends == {"RecordSuccess", "ItemFailed"}
    assert states["RecordSuccess"]["OutputPath"] is None
    assert [name for name, state in states.items() if "ItemFailed" in targets_of(state)] == ["RecordFailure"]


def test_the_records_are_documents_that_can_be_read(child: Document) -> None:
    for name in RECORD_WRITERS:
        body = child["States"][name]["Parameters"]["Body"]
        assert {key.removesuffix(".$") for key in body} <= wire_names(Record), name


def test_a_failed_item_is_red_in_the_console_and_its_cause_is_the_record(child: Document) -> None:
    state = child["States"]["ItemFailed"]
    assert state["Type"] == "Fail"
    read = re.findall(r"\$\.\w+", state["CausePath"])
    assert (state["Error"], read) == ("ItemFailed", ["$.recordKey"])


def caught(state: Document) -> dict[str, tuple[str, str | None]]:
    """Return error to the next state and the path that keeps it."""
    return {
        error: (catch["Next"], catch["ResultPath"]) for catch in state["Catch"] for error in catch["ErrorEquals"]
    }


@pytest.mark.parametrize("follow", FOLLOW)
def test_a_job_that_overran_is_stopped_and_one_that_may_have_been_started_is_followed(
    child: Document, follow: str
) -> None:
    start, stop, _ = FOLLOW[follow]
    # A job that nobody heard of can itself be what fills the quota that its own create call is refused for.
    quota = "ResourceLimitExceededException"
    refused = {
        "AmazonSageMakerException",
        "ResourceInUseException",
        quota,
        "SageMakerException",
        "SdkClientException",
    }
    assert caught(child["States"][start]) == {
        "States.Timeout": (stop, "$.error"),
        **dict.fromkeys((f"SageMaker.{name}" for name in refused), (follow, "$.error")),
        "States.ALL": ("RecordFailure", "$.error"),
    }
    # Every other may leave no doubt that there is no job, or that it is another's.
    assert caught(child["States"][follow]) == {
        # What the start was refused for stays the item's error.
        "JobNotFoundError": ("RecordFailure", None),
        **dict.fromkeys(("JobOverdueError", ASK_AGAIN), (stop, "$.error")),
        "States.ALL": ("RecordFailure", "$.error"),
    }
    assert ":aws-sdk:sagemaker:stop" in child["States"][stop]["Resource"]


@pytest.mark.parametrize("follow", FOLLOW)
def test_a_followed_job_is_as_one_that_was_waited_for(child: Document, follow: str) -> None:
    start, _, _ = FOLLOW[follow]
    started, followed = child["States"][start], child["States"][follow]
    assert (followed["Next"], followed["ResultPath"]) == (started["Next"], started["ResultPath"])
    assert followed["ResultSelector"].keys() == started["ResultSelector"].keys()


@pytest.mark.parametrize("follow", FOLLOW)
def test_the_payload_of_follow_job_is_its_contract(child: Document, follow: str) -> None:
    payload = child["States"][follow]["Parameters"]["Payload"]
    assert {key.removesuffix(".$") for key in payload} == wire_names(FollowJobEvent)
    start, _, kind = FOLLOW[follow]
    (name,) = (value for key, value in child["States"][start]["Parameters"].items() if key.endswith("JobName.$"))
    assert (payload["kind"], payload["jobName.$"]) == (kind, name)
    assert payload["timeoutSeconds.$"] == child["States"][start]["TimeoutSecondsPath"]


def test_no_state_takes_a_cause_apart(definition: Document) -> None:
    assert not [text for text in strings_in(definition) if re.search(r"Cause\.|StringToJson", text)]


def test_placeholders_are_whole_strings_and_equal_the_substitutions(root: Path, template: Document) -> None:
    text = (root / "statemachine" / "automlops.asl.json").read_text()
    placeholders = set(re.findall(r"\$\{(\w+)\}", text))
    substitutions = template["Resources"]["StateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert placeholders == substitutions.keys()
    # Outside quotes a placeholder would keep the file from being JSON as it stands.
    assert json.loads(text)


def test_platform_errors_are_retried_by_every_function_state_and_others_by_none(tasks: Document) -> None:
    named = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.PipelineError)
    ]
    platform = {kind.__name__ for kind in named if issubclass(kind, errors.PlatformError)} - {"PlatformError"}
    final = {kind.__name__ for kind in named} - platform - {"PlatformError", "PipelineError", ASK_AGAIN}
    assert platform
    for name, state in tasks.items():
        if state["Resource"].endswith(":states:::lambda:invoke"):
            retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
            assert platform <= retried, name
            assert not final & retried, name
            assert (ASK_AGAIN in retried) == (name in FOLLOW), name
            assert "States.ALL" not in retried, name


def test_the_payload_of_prepare_run_is_its_contract(definition: Document) -> None:
    payload = definition["States"]["PrepareRun"]["Parameters"]["Payload"]
    assert {key.removesuffix(".$") for key in payload} == wire_names(PrepareRunEvent)
    assert {key.removesuffix(".$") for key in payload["execution"]} == wire_names(ExecutionContext)


def test_the_payload_of_create_model_is_its_contract(child: Document) -> None:
    payload = child["States"]["CreateModel"]["Parameters"]["Payload"]
    keys = {key.removesuffix(".$") for key in payload}
    assert keys == wire_names(CreateModelEvent) - {"timestamp"}


@pytest.mark.parametrize(
    ("state", "kept"),
    [("StartTrainingJob", TrainingJob), ("CreateModel", CreatedModel), ("StartBatchTransformJob", Job)],
    ids=["training", "model", "transform"],
)
def test_a_kept_result_is_its_document(child: Document, state: str, kept: type[BaseModel]) -> None:
    selected = child["States"][state]["ResultSelector"]
    assert {key.removesuffix(".$") for key in selected} == wire_names(kept)


def wire_names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_the_map_reads_the_response_of_prepare_run(definition: Document) -> None:
    text = json.dumps({**definition["States"]["ProcessItems"], "ItemProcessor": None})
    read = set(re.findall(r'"\$\.(\w+)"', text)) - {"mapRunError"}
    assert read <= wire_names(PreparedRun)
