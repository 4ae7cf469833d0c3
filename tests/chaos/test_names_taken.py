"""Jobs that are there when an item's job is to be started: another's of the same name, or its own, which never ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.account.plan import TRAINING_RUN, TRANSFORM_RUN, Account, Fault
from tests.chaos.scenario import BROKEN, COMPLETED, FAILED, STOPPED, SUCCEEDED, THROTTLED
from tests.chaos.stage import JOBS, Findings, find, jobs_running, stack_on, until, upload
from tests.chaos.training_scenarios import ENDLESS
from tests.live.stack import Stack

pytestmark = pytest.mark.timeout(300)

FIRST, AGAIN, ANOTHER = "taken", "again", "20261122T094236123Z-another"
TRAINING, SCORING, ENDLESS_ITEM = "taken-training", "taken-scoring", "never-ends"
# Longer than a create call takes by the account's clock; what a function measures passes by this machine's.
LIMIT_IN_SECONDS = 15
TIME_SCALE = 20.0
# Time to make another's job in, while the first attempt waits for its refusal.
PAUSE_IN_SECONDS = 5.0


def late(action: str, item: str) -> Fault:
    """Refuse the first attempt of the run late, so that the second finds what was made meanwhile."""
    return Fault(
        action=action, name=f"*-{item}-*", payload=f'-{FIRST}"', attempts=[1], error=THROTTLED,
        delay_seconds=PAUSE_IN_SECONDS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    faults = [
        late("CreateTrainingJob", TRAINING),
        late("CreateTransformJob", SCORING),
        Fault(action=TRAINING_RUN, name=f"*-{TRAINING}-*", times=1, job=ENDLESS),
        Fault(action=TRANSFORM_RUN, name=f"*-{SCORING}-*", times=1, job=ENDLESS),
        Fault(
            action="CreateTransformJob", name=f"*-{ENDLESS_ITEM}-*", attempts=[1], error=BROKEN, lost_answer=True
        ),
        Fault(action=TRANSFORM_RUN, name=f"*-{ENDLESS_ITEM}-*", job=ENDLESS),
    ]
    with stack_on(Account(time_scale=TIME_SCALE, jobs=JOBS, faults=faults)) as stack:
        upload(stack, [TRAINING, SCORING, ENDLESS_ITEM])
        yield stack


def lines_of(stack: Stack, run: str) -> dict[str, dict[str, Any]]:
    """Return the run's work list, by item, once it is there."""
    found: list[str] = []

    def is_there() -> bool:
        found[:] = [key for key in stack.keys("runs/") if key.endswith(f"Z-{run}/items.json")]
        return bool(found)

    until(is_there)
    return {line["item"]: line for line in json.loads(stack.read(found[0]))}


def another_executions(line: dict[str, Any], job: str) -> dict[str, Any]:
    """Return the job's request as another execution of the same millisecond makes it, with its own folders and tags."""
    request: dict[str, Any] = json.loads(json.dumps(line[job]).replace(line["runId"], ANOTHER))
    # What it scores has to be there.
    return {key: line[job][key] if key == "TransformInput" else value for key, value in request.items()}


@pytest.fixture(scope="module")
def taken(stack: Stack) -> Findings:
    """Return a run during which another makes jobs of the run's names."""
    sagemaker = stack.client("sagemaker")
    started = stack.start({"itemList": [TRAINING, SCORING]}, FIRST)
    lines = lines_of(stack, FIRST)
    sagemaker.create_training_job(**another_executions(lines[TRAINING], "trainingJob"))

    def model_is_there() -> bool:
        models = sagemaker.list_models(NameContains=lines[SCORING]["modelName"])["Models"]
        return bool(models)

    until(model_is_there)
    sagemaker.create_transform_job(**another_executions(lines[SCORING], "transformJob"))
    return find(stack, stack.wait(started))


def test_anothers_job_of_the_name_is_the_items_failure_and_goes_on_unharmed(stack: Stack, taken: Findings) -> None:
    sagemaker = stack.client("sagemaker")
    assert taken.with_status(FAILED) == [TRAINING, SCORING]
    for item, entry in taken.items.items():
        assert entry["error"] == "NameTakenError"
        assert f"automlops:run is '{ANOTHER}'" in entry["reason"]
        assert "was left alone" in entry["reason"], item
    assert taken.calls[TRAINING]["StopTrainingJob"] == taken.calls[SCORING]["StopBatchTransformJob"] == 0
    assert sorted(jobs_running(stack)) == sorted(
        [taken.items[TRAINING]["trainingJobName"], taken.items[SCORING]["transformJobName"]]
    )
    for item, entry in taken.items.items():
        if item == TRAINING:
            sagemaker.stop_training_job(TrainingJobName=entry["trainingJobName"])
        else:
            sagemaker.stop_transform_job(TransformJobName=entry["transformJobName"])
    until(lambda: jobs_running(stack) == [])


def test_a_rerun_has_names_of_its_own_and_completes_the_items(stack: Stack, taken: Findings) -> None:
    again = find(stack, stack.run({"rerunOf": taken.run_id}, AGAIN))
    assert again.with_status(SUCCEEDED) == [TRAINING, SCORING]
    # The training of the other item had ended well before its scoring met the name.
    assert again.training == {TRAINING: [COMPLETED]}
    assert again.transform == {TRAINING: [COMPLETED], SCORING: [COMPLETED]}


def test_a_followed_job_that_takes_longer_than_it_may_is_stopped(stack: Stack) -> None:
    entry = {"item": ENDLESS_ITEM, "transform": {"maxRuntimeInSeconds": LIMIT_IN_SECONDS}}
    found = find(stack, stack.run({"itemList": [entry]}, "endless"))
    failed = found.items[ENDLESS_ITEM]
    assert (failed["status"], failed["stage"], failed["error"]) == (
        FAILED,
        "StartBatchTransformJob",
        "JobOverdueError",
    )
    assert f"had not ended after {LIMIT_IN_SECONDS} s and was stopped" in failed["reason"]
    assert found.transform[ENDLESS_ITEM] == [STOPPED]
    assert found.calls[ENDLESS_ITEM]["StopBatchTransformJob"] == 1
    assert found.models == []
