"""Runs cut off in the middle: the execution is stopped, or the command that started it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from automlops.aws.connection import connect_emulator
from automlops.local.emulator_process import local_emulator
from emulator.account.plan import TRAINING_RUN, TRANSFORM_RUN, Account, Fault, JobOutcome
from emulator.endpoint import DEFAULT_REGION
from emulator.keys import keys_of
from emulator.serve import DEFAULT_STACK
from tests.chaos.checks import check_objects, check_order
from tests.chaos.closing import close
from tests.chaos.scenario import COMPLETED, DENIED, FAILED, STOPPED, SUCCEEDED, UNFINISHED
from tests.chaos.stage import DATA, account_of, find, jobs_running, stack_on, until, upload
from tests.live.stack import Run, Stack, open_stack

pytestmark = pytest.mark.timeout(1200)

# Long enough to be stopped in the middle, on a busy machine as well; a rerun has to wait for it.
LONG = JobOutcome(run_seconds=3_000)
LONG_JOBS = [
    Fault(action=TRAINING_RUN, name="*-long-training-*", job=LONG),
    Fault(action=TRANSFORM_RUN, name="*-long-scoring-*", job=LONG),
]
EARLY = "early"
LATE_PREPARATION = Fault(action="Invoke", name="*PrepareRun*", payload=f':{EARLY}"', delay_seconds=2)
PROGRAM = str(Path(sys.executable).parent / "automlops")
COMMAND_PATIENCE = 120.0


@pytest.fixture
def stack() -> Iterator[Stack]:
    with stack_on(account_of([*LONG_JOBS, LATE_PREPARATION])) as stack:
        yield stack


def run_id_of(stack: Stack, run: str) -> str | None:
    """Return the id of the execution's run, once it was prepared."""
    found = [key.split("/")[1] for key in stack.keys("runs/") if key.endswith(f"-{run}/items.json")]
    return found[0] if found else None


def test_stopped_execution_leaves_no_job_and_a_rerun_completes_it(stack: Stack) -> None:
    done, long, waiting = ["done-1", "done-2"], ["long-training", "long-scoring"], ["waiting-1", "waiting-2"]
    upload(stack, [*done, *long, *waiting])
    arn = stack.start({"itemList": [*done, *long, *waiting], "maxConcurrency": 2}, "cut-off")

    def is_in_the_middle() -> bool:
        kinds = {name.rpartition("-long-")[0] + name.rpartition("-long-")[2][:8] for name in jobs_running(stack)}
        return kinds == {"training-jobtraining", "batch-transform-jobscoring-"}

    until(is_in_the_middle, 60, "the long jobs never ran side by side")
    stack.client("stepfunctions").stop_execution(executionArn=arn, error="Enough", cause="it is late")
    run = stack.wait(arn)
    assert run.description["status"] == "ABORTED"
    assert run.content is None
    until(lambda: jobs_running(stack) == [], 10, "jobs go on after the execution was stopped")

    run_id = run_id_of(stack, "cut-off")
    assert run_id is not None
    before = find(stack, run, run_id)
    records = [json.loads(stack.read(key)) for key in stack.keys(f"runs/{run_id}/records/")]
    assert [(record["item"], record.get("error")) for record in records] == [(item, None) for item in done]
    closed = close(stack, run, run_id)
    found = find(stack, closed.run)
    check_order(stack, found)
    assert found.with_status(SUCCEEDED) == done
    assert found.with_status(UNFINISHED) == [*long, *waiting]
    assert found.training["long-training"] == found.transform["long-scoring"] == [STOPPED]
    assert [name for name in before.models if "-long-scoring-" in name]
    assert all(f"deleted model {name}" in closed.shown for name in before.models)

    again = find(stack, stack.run({"rerunOf": run_id}, "completed"))
    check_order(stack, again)
    assert again.with_status(SUCCEEDED) == [*long, *waiting]
    # Its training had ended, though nobody was there to record it.
    trained = {item: [COMPLETED] for item in ("long-training", *waiting)}
    assert again.training == trained
    assert again.transform == trained | {"long-scoring": [COMPLETED]}


def test_run_stopped_while_it_was_prepared_is_read_and_completed_like_any_other(stack: Stack) -> None:
    upload(stack, ["early"])
    arn = stack.start({"itemList": ["early"]}, EARLY)
    until(lambda: any(event["type"] == "TaskStarted" for event in stack.history(arn)))
    stack.client("stepfunctions").stop_execution(executionArn=arn)
    run = stack.wait(arn)
    assert run.description["status"] == "ABORTED"
    # The function goes on by itself.
    until(lambda: run_id_of(stack, EARLY) is not None)
    run_id = only_run(stack, EARLY)
    found = find(stack, close(stack, run, run_id).run)
    check_order(stack, found)
    assert found.with_status(UNFINISHED) == ["early"]
    assert found.training == {}
    again = find(stack, stack.run({"rerunOf": run_id}, "early-again"))
    check_order(stack, again)
    assert again.with_status(SUCCEEDED) == ["early"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Stack]:
    """Return the stack as `automlops up` serves it, with an account in which the run `killed` cannot score one item."""
    refused = Fault(
        action="CreateTransformJob", name="batch-transform-job-refused-*", payload='-killed/"', error=DENIED
    )
    slow = Fault(action=TRAINING_RUN, name="training-job-slow-*", job=JobOutcome(run_seconds=1_800))
    path = tmp_path / "account.yaml"
    path.write_text(yaml.safe_dump(in_file(account_of([refused, slow]))), encoding="utf-8")
    with local_emulator([PROGRAM, "up", "--port", "0", "--account", str(path)]) as url:
        yield open_stack(connect_emulator(url), DEFAULT_STACK, prefix="")


def in_file(account: Account) -> object:
    """Return the account as a file has it."""
    return account.model_dump(mode="json", by_alias=True)


def command_environment(url: str) -> Mapping[str, str]:
    """Of somebody who has typed the exports of `automlops up`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | keys_of(url).variables | {"AWS_ENDPOINT_URL": url, "AWS_REGION": DEFAULT_REGION}


def test_run_whose_command_was_killed_goes_on_and_is_completed_by_the_command(
    served: Stack, tmp_path: Path
) -> None:
    data = tmp_path / "data.csv"
    data.write_bytes(DATA)
    items = ["good", "refused", "slow"]
    environment = command_environment(served.url)

    def automlops(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *words],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    words = [word for item in items for word in ("--item", f"{item}={data}")]
    command = automlops("run", *words, "--name", "killed")
    assert command.stdout is not None
    arn = next(line.split()[-1] for line in command.stdout if line.startswith("started execution"))
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=COMMAND_PATIENCE)
    assert command.returncode == -signal.SIGKILL
    assert served.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "RUNNING"

    found = find(served, served.wait(arn))
    check_order(served, found)
    assert found.with_status(SUCCEEDED) == ["good", "slow"]
    assert found.with_status(FAILED) == ["refused"]

    again = automlops("run", "--rerun-of", found.run_id, "--name", "again", "--out", "out")
    shown, _ = again.communicate(timeout=COMMAND_PATIENCE)
    assert again.returncode == 0, shown
    run = Run(arn, {}, served.read(f"runs/{only_run(served, 'again')}/manifest.json"))
    assert [(item, entry["status"]) for item, entry in run.items.items()] == [("refused", SUCCEEDED)]
    assert run.items["refused"]["trainedIn"] == found.run_id
    assert (tmp_path / "out" / only_run(served, "again") / "refused" / "predictions.csv").exists()
    check_objects(find(served, served.wait(arn)))


def only_run(stack: Stack, name: str) -> str:
    """Return the id of the one run of this name."""
    found = run_id_of(stack, name)
    assert found is not None
    return found
