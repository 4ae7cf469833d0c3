"""The account's file: what it may say, and what it is told when it says something else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from emulator import serve
from emulator.account.plan import (
    Account,
    AccountError,
    ApiError,
    Fault,
    FunctionError,
    InstanceQuota,
    JobOutcome,
    Rate,
    StandInJobs,
    read_account,
)
from emulator.address import EmulatorError

DOCUMENT = Path(__file__).parents[4] / "docs" / "emulator.md"


def write(folder: Path, text: str) -> Path:
    file = folder / "account.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_says_all_that_an_account_is(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
seed: 7
timeScale: 30
jobs: {trainingSeconds: 300, transformSeconds: 200}
quotas: [{instanceType: ml.m5.large, use: training, limit: 20}]
rates: [{action: CreateTrainingJob, perSecond: 0.5, burst: 2}]
faults:
  - {action: CreateModel, name: "a*", attempts: [1, 3], error: {code: ThrottlingException}, delaySeconds: 2}
  - {action: Invoke, payload: item7, probability: 0.5, functionError: {errorType: Runtime.ExitError}}
  - {action: TrainingJob, job: {status: Failed, failureReason: "CapacityError: none", startSeconds: 5}}
  - {action: PutObject, lostAnswer: true}
""",
    )
    assert read_account(file) == Account(
        seed=7,
        time_scale=30,
        jobs=StandInJobs(training_seconds=300, transform_seconds=200),
        quotas=[InstanceQuota(instance_type="ml.m5.large", use="training", limit=20)],
        rates=[Rate(action="CreateTrainingJob", per_second=0.5, burst=2)],
        faults=[
            Fault(
                action="CreateModel",
                name="a*",
                attempts=[1, 3],
                error=ApiError(code="ThrottlingException"),
                delay_seconds=2,
            ),
            Fault(
                action="Invoke",
                payload="item7",
                probability=0.5,
                function_error=FunctionError(error_type="Runtime.ExitError"),
            ),
            Fault(
                action="TrainingJob",
                job=JobOutcome(status="Failed", failure_reason="CapacityError: none", start_seconds=5),
            ),
            Fault(action="PutObject", lost_answer=True),
        ],
    )


def test_an_empty_file_and_json_are_accounts_too(tmp_path: Path) -> None:
    assert read_account(write(tmp_path, "")) == Account()
    assert read_account(write(tmp_path, '{"timeScale": 2, "quotas": []}')) == Account(time_scale=2, quotas=[])


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        pytest.param("speed: 3", "its top level", "unknown field `speed`", id="unknown member"),
        pytest.param("timeScale: 0.5", "timeScale", ">= 1", id="slower than AWS"),
        pytest.param("jobs: {training_seconds: 1}", "jobs", "unknown field", id="snake case"),
        pytest.param(
            "quotas: [{instanceType: m5.large, use: training, limit: 1}]",
            "quotas[0].instanceType",
            "matching regex",
            id="type without ml",
        ),
        pytest.param(
            "quotas: [{instanceType: ml.a, use: inference, limit: 1}]", "quotas[0].use", "Invalid enum", id="use"
        ),
        pytest.param(
            "quotas: [{instanceType: ml.a, use: training, limit: 1}, {instanceType: ml.a, use: training, limit: 2}]",
            "its top level",
            "twice",
            id="quota twice",
        ),
        pytest.param(
            "rates: [{action: CreateTrainngJob, perSecond: 1}]", "rates[0].action", "is no action", id="typo"
        ),
        pytest.param(
            "rates: [{action: TrainingJob, perSecond: 1}]", "rates[0].action", "is no action", id="rate of a run"
        ),
        pytest.param("faults: [{action: CreateModel}]", "faults[0]", "nothing goes wrong", id="no effect"),
        pytest.param(
            "faults: [{action: CreateModel, delaySeconds: 1, attempts: [0]}]",
            "faults[0].attempts[0]",
            ">= 1",
            id="attempt 0",
        ),
        pytest.param(
            "faults: [{action: CreateModel, delaySeconds: 1, times: 0}]", "faults[0].times", ">= 1", id="never"
        ),
        pytest.param(
            "faults: [{action: CreateModel, delaySeconds: 1, attempts: [1], probability: 0.5}]",
            "faults[0]",
            "not both",
            id="attempts and chance",
        ),
        pytest.param(
            "faults: [{action: CreateModel, job: {}}]",
            "faults[0]",
            "TrainingJob and TransformJob",
            id="job of call",
        ),
        pytest.param(
            "faults: [{action: TrainingJob, delaySeconds: 1}]", "faults[0]", "takes `job`", id="run delay"
        ),
        pytest.param(
            "faults: [{action: TrainingJob, job: {status: Failed}}]",
            "faults[0].job",
            "failureReason",
            id="no reason",
        ),
        pytest.param(
            "faults: [{action: CreateModel, functionError: {errorType: X}}]",
            "faults[0]",
            "Invoke",
            id="no function",
        ),
        pytest.param("faults: [", "line 1", "expected", id="no YAML"),
        pytest.param("faults: [{action: *}]", "line 1", "quotes", id="pattern without quotes"),
    ],
)
def test_a_refused_file_says_where_and_what(tmp_path: Path, text: str, place: str, what: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(AccountError) as caught:
        read_account(file)
    said = str(caught.value)
    assert said.startswith(f"{file}: at {place}")
    assert what in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match=r"nowhere\.yaml cannot be read: No such file"):
        read_account(tmp_path / "nowhere.yaml")
    (tmp_path / "latin").write_bytes(b"seed: \xe9")
    with pytest.raises(AccountError, match="not UTF-8"):
        read_account(tmp_path / "latin")


def test_whoever_starts_an_emulator_is_told_the_option(tmp_path: Path) -> None:
    assert serve.read_account(None) is None
    assert serve.read_account(write(tmp_path, "seed: 3")) == Account(seed=3)
    with pytest.raises(EmulatorError, match=r"^--account: .*at seed: Expected `int`"):
        serve.read_account(write(tmp_path, "seed: x"))


def test_what_is_wrong_is_refused_in_code_as_well() -> None:
    with pytest.raises(ValueError, match="nothing goes wrong"):
        Fault(action="CreateModel")


def test_the_file_in_the_documentation_is_an_account_with_all_of_it(tmp_path: Path) -> None:
    section = DOCUMENT.read_text(encoding="utf-8").partition("## The account")[2]
    example = section.partition("```yaml\n")[2].partition("```")[0]
    account = read_account(write(tmp_path, example))
    written = msgspec.to_builtins(account)
    assert all(written[member] for member in ("timeScale", "jobs", "quotas", "rates", "faults"))
    # Every kind of fault is shown.
    shown = {name for fault in account.faults for name in fault.__struct_fields__ if getattr(fault, name)}
    assert shown == set(Fault.__struct_fields__)
