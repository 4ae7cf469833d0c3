"""The account's file: what it may say, and what it is told when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from emulator import serve
from emulator.account.plan import (
    Account,
    ApiError,
    Fault,
    FunctionError,
    InstanceQuota,
    JobOutcome,
    Rate,
    StandInJobs,
)
from emulator.account.plan_file import AccountError, read_account
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
        pytest.param("timeScale: 0.5", "timeScale", "greater than or equal to 1, not 0.5", id="slower than AWS"),
        pytest.param("jobs: {training_seconds: 1}", "jobs", "unknown field", id="snake case"),
        pytest.param(
            "rates: [{action: CreateModel, perSecond: 1, per_second: 1}]",
            "rates[0]",
            "unknown field",
            id="both cases",
        ),
        pytest.param(
            "faults: [{action: CreateModel, lost_answer: true}]",
            "faults[0]",
            "unknown field `lost_answer`",
            id="snake case in a list",
        ),
        pytest.param(
            "faults: [{action: TrainingJob, job: {run_seconds: 1}}]",
            "faults[0].job",
            "unknown field `run_seconds`",
            id="snake case in a list's entry",
        ),
        pytest.param(
            "quotas: [{instanceType: m5.large, use: training, limit: 1}]",
            "quotas[0].instanceType",
            "must begin with `ml.`",
            id="type without ml",
        ),
        pytest.param(
            "quotas: [{instanceType: ml.a, use: inference, limit: 1}]",
            "quotas[0].use",
            "'training', 'spot training' or 'transform', not 'inference'",
            id="use",
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
        pytest.param(
            'faults: [{action: "\\ud83d", lostAnswer: true}]',
            "faults[0].action",
            r"'\ud83d' is no action",
            id="half a character",
        ),
        pytest.param("faults: [{action: CreateModel}]", "faults[0]", "nothing goes wrong", id="no effect"),
        pytest.param(
            "faults: [{action: CreateModel, delaySeconds: 1, attempts: [0]}]",
            "faults[0].attempts[0]",
            "greater than or equal to 1, not 0",
            id="attempt 0",
        ),
        pytest.param(
            "faults: [{action: CreateModel, delaySeconds: 1, times: 0}]",
            "faults[0].times",
            "greater than or equal to 1, not 0",
            id="never",
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
        pytest.param(
            "faults: [{action: CreateModel, error: {code: X, status: 399}}]",
            "faults[0].error.status",
            "greater than or equal to 400, not 399",
            id="status of a success",
        ),
        pytest.param(
            "faults: [{action: CreateModel, delaySeconds: 1, probability: 1.5}]",
            "faults[0].probability",
            "less than or equal to 1, not 1.5",
            id="more than always",
        ),
        pytest.param(
            "faults: [{action: TrainingJob, job: {runSeconds: -1}}]",
            "faults[0].job.runSeconds",
            "greater than or equal to 0, not -1",
            id="negative time",
        ),
        pytest.param(
            "faults: [{action: CreateModel, error: {code: ''}}]",
            "faults[0].error.code",
            "must not be empty",
            id="empty code",
        ),
        pytest.param("rates: [{action: CreateModel}]", "rates[0].perSecond", "required", id="missing member"),
        pytest.param("rates: {action: CreateModel, perSecond: 1}", "rates", "should be a list", id="no list"),
        pytest.param("rates: CreateModel", "rates", "should be a list, not 'CreateModel'", id="text for a list"),
        pytest.param(
            "faults: [{action: CreateModel, delaySeconds: 1, attempts: ['1']}]",
            "faults[0].attempts[0]",
            "valid integer, not '1'",
            id="text in a list of integers",
        ),
        pytest.param("[CreateModel]", "its top level", "should be an object, not ['CreateModel']", id="a list"),
        pytest.param("jobs: {1: 2}", "jobs", "name should be a string, not 1", id="number for a name"),
        pytest.param('seed: "1"', "seed", "valid integer, not '1'", id="text for an integer"),
        pytest.param("seed: 1.0", "seed", "valid integer, not 1.0", id="fraction for an integer"),
        pytest.param("seed: true", "seed", "valid integer, not True", id="truth value for an integer"),
        pytest.param('timeScale: "2"', "timeScale", "valid number, not '2'", id="text for a number"),
        pytest.param("timeScale: true", "timeScale", "valid number, not True", id="truth value for a number"),
        pytest.param(
            "faults: [{action: CreateModel, lostAnswer: 1}]",
            "faults[0].lostAnswer",
            "valid boolean, not 1",
            id="number for a truth value",
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


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
seed: x
rates: [{action: CreateTrainngJob, perSecond: 0}]
faults: [{action: CreateModel, delaySeconds: 1, times: 0}, {action: TrainingJob}]
""",
    )
    with pytest.raises(AccountError) as caught:
        read_account(file)
    first, *others = str(caught.value).splitlines()
    assert first.startswith(f"{file}: at seed: ")
    assert [line.split(":")[0] for line in others] == [
        "  at rates[0].action",
        "  at rates[0].perSecond",
        "  at faults[0].times",
        "  at faults[1]",
    ]
    assert others[-1].endswith(". See docs/emulator.md, 'The account'.")


def test_what_yaml_and_json_can_write_is_accepted(tmp_path: Path) -> None:
    (fault,) = read_account(
        write(tmp_path, 'faults: [{action: PutObject, attempts: !!set {2}, name: "\\ud83d", lostAnswer: true}]')
    ).faults
    assert (fault.attempts, fault.name) == ((2,), "\ud83d")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match=r"nowhere\.yaml cannot be read: No such file"):
        read_account(tmp_path / "nowhere.yaml")
    (tmp_path / "latin").write_bytes(b"seed: \xe9")
    with pytest.raises(AccountError, match="not UTF-8"):
        read_account(tmp_path / "latin")


def test_whoever_starts_an_emulator_is_told_the_option(tmp_path: Path) -> None:
    assert serve.read_account(None) is None
    played = serve.read_account(write(tmp_path, "timeScale: 3"))
    assert played is not None
    assert played.clock.real_seconds(6) == 2
    with pytest.raises(EmulatorError, match=r"^--account: .*at seed: Input should be a valid integer, not 'x'"):
        serve.read_account(write(tmp_path, "seed: x"))


def test_what_is_wrong_is_refused_in_code_as_well() -> None:
    with pytest.raises(ValueError, match="nothing goes wrong"):
        Fault(action="CreateModel")


def test_an_account_can_be_written_as_a_file(tmp_path: Path) -> None:
    account = Account(
        time_scale=2.5,
        quotas=[InstanceQuota(instance_type="ml.a", use="spot training", limit=0)],
        faults=[Fault(action="PutObject", attempts=(1, 2), error=ApiError(code="SlowDown"))],
    )
    assert read_account(write(tmp_path, account.model_dump_json(by_alias=True))) == account


def test_a_plan_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Account().seed = 1  # type: ignore[misc]


def test_the_file_in_the_documentation_is_an_account_with_all_of_it(tmp_path: Path) -> None:
    section = DOCUMENT.read_text(encoding="utf-8").partition("## The account")[2]
    example = section.partition("```yaml\n")[2].partition("```")[0]
    account = read_account(write(tmp_path, example))
    written = account.model_dump(by_alias=True)
    assert all(written[member] for member in ("timeScale", "jobs", "quotas", "rates", "faults"))
    # Every kind of fault is shown.
    shown = {name for fault in account.faults for name in Fault.model_fields if getattr(fault, name)}
    assert shown == set(Fault.model_fields)
