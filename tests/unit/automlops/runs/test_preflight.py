"""What is checked before an upload, and what is said where it cannot be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from rich.console import Console

from automlops.aws.connection import Connection
from automlops.aws.stack import Stack
from automlops.errors import CommandError, ServiceError
from automlops.quotas import job_quotas
from automlops.quotas.job_quotas import Need, Place, needs_of
from automlops.runs import run_order as run_module
from automlops.runs.other_runs import MAX_EXECUTIONS
from automlops.runs.preflight import check_run
from automlops.runs.request import Order, make_order
from automlops.runs.run_order import run_order
from pipeline.contracts import ItemRequest, parse_event

Stubbed = Callable[[str], tuple[Any, Stubber]]

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:mine"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:mine"
STARTED = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
PARAMETERS = {
    "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1",
    "TrainingInstanceType": "ml.m5.large",
    "TransformInstanceType": "ml.m5.xlarge",
    "TrainingUseSpot": "false",
    "MaxConcurrency": "5",
}
STACK = Stack("mine", MACHINE, "data", "output", "file.csv", PARAMETERS)


class Account:
    """The stubbed services of an account; everything that is not told answers as an empty one does."""

    def __init__(self, stubbed: Stubbed) -> None:
        self.clients: dict[str, Any] = {}
        self.stubs: dict[str, Stubber] = {}
        for service in ("s3", "stepfunctions", "service-quotas"):
            self.clients[service], self.stubs[service] = stubbed(service)
        session: Any = self
        self.connection = Connection(session, "eu-west-1")

    def client(self, service: str, **_: Any) -> Any:
        """Stands for a session's."""
        return self.clients[service]

    def name_is_free(self, name: str = "night") -> None:
        """Answers the question for the name."""
        asked = {"executionArn": f"{EXECUTION}:{name}"}
        stub = self.stubs["stepfunctions"]
        stub.add_client_error("describe_execution", "ExecutionDoesNotExist", expected_params=asked)

    def runs(self, *inputs: Mapping[str, Any] | None) -> None:
        """Answers with executions under way, the first of them the newest; None may not be read."""
        stub = self.stubs["stepfunctions"]
        names = [f"run{number}" for number in range(len(inputs))]
        common = {"stateMachineArn": MACHINE, "status": "RUNNING", "startDate": STARTED}
        listed = [common | {"executionArn": f"{EXECUTION}:{name}", "name": name} for name in names]
        asked = {"stateMachineArn": MACHINE, "statusFilter": "RUNNING", "maxResults": MAX_EXECUTIONS + 1}
        stub.add_response("list_executions", {"executions": listed}, asked)
        for name, content in list(zip(names, inputs, strict=True))[:MAX_EXECUTIONS]:
            if content is None:
                stub.add_client_error("describe_execution", "AccessDeniedException", "not you")
                continue
            told = common | {"executionArn": f"{EXECUTION}:{name}", "input": json.dumps(content)}
            stub.add_response("describe_execution", told)

    def quotas(self, **limits: float) -> None:
        """Answers with the quotas of the stack's own types."""
        types = {"training": "ml.m5.large", "transform": "ml.m5.xlarge"}
        entries = [
            {"QuotaName": f"{types[use]} for {use} job usage", "Value": limit, "QuotaCode": f"L-{use}"}
            for use, limit in limits.items()
        ]
        self.stubs["service-quotas"].add_response("list_service_quotas", {"Quotas": entries})


@pytest.fixture
def account(stubbed: Stubbed) -> Account:
    return Account(stubbed)


@pytest.fixture(autouse=True)
def one_look_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stubs answer in the order in which they were told."""
    monkeypatch.setattr("automlops.runs.other_runs.PARALLEL_EXECUTIONS", 1)


def order_of(request: Mapping[str, Any], *, anyway: bool = False) -> Order:
    return Order([], request, "night", Path("out"), anyway)


A_AND_B = order_of({"itemList": ["a", "b"]})


def test_run_of_which_nothing_bad_is_known_may_begin(
    account: Account, console: Console, shown: Callable[[], str]
) -> None:
    account.name_is_free()
    account.runs({"itemList": ["c", {"item": "d"}]})
    account.quotas(training=1, transform=1)
    check_run(console, account.connection, STACK, A_AND_B)
    assert shown() == ""


def test_nothing_is_uploaded_of_a_run_that_may_not_begin(
    account: Account, console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_module, "find_stack", lambda *_: replace(STACK, parameters={"ImageUri": ""}))
    data = tmp_path / "a.csv"
    data.write_text("a,b\n1,2\n")
    order = make_order([f"a={data}"], None, name="night", out=tmp_path / "out")
    # The stubbed S3 client refuses every call.
    with pytest.raises(CommandError, match="has no image to train with") as refused:
        run_order(console, account.connection, "mine", order)
    assert not isinstance(refused.value, ServiceError)


def test_scoring_needs_no_image(account: Account, console: Console) -> None:
    account.name_is_free()
    account.runs()
    account.quotas(transform=1)
    stack = replace(STACK, parameters=PARAMETERS | {"ImageUri": ""})
    check_run(console, account.connection, stack, order_of({"itemList": ["a"], "mode": "score"}))


def test_name_that_is_taken_is_refused_before_anything_else_is_asked(account: Account, console: Console) -> None:
    told = {
        "executionArn": f"{EXECUTION}:night",
        "stateMachineArn": MACHINE,
        "status": "SUCCEEDED",
        "startDate": STARTED,
    }
    account.stubs["stepfunctions"].add_response("describe_execution", told)
    with pytest.raises(CommandError, match="another --name") as refused:
        check_run(console, account.connection, STACK, A_AND_B)
    assert not isinstance(refused.value, ServiceError)


def test_who_may_not_ask_for_an_execution_hears_it_before_the_upload(account: Account, console: Console) -> None:
    account.stubs["stepfunctions"].add_client_error("describe_execution", "AccessDeniedException", "not you")
    with pytest.raises(ServiceError, match="may not ask whether there is an execution 'night': not you"):
        check_run(console, account.connection, STACK, A_AND_B)


def test_items_of_other_runs_are_told_with_their_executions(account: Account, console: Console) -> None:
    account.name_is_free()
    account.runs({"itemList": ["x"]}, {"itemList": ["b", {"item": "a", "training": {}}]}, {"itemList": ["b"]})
    with pytest.raises(CommandError) as refused:
        check_run(console, account.connection, STACK, A_AND_B)
    assert refused.value.lines[1:3] == (f"  'a', 'b' in {EXECUTION}:run1", f"  'b' in {EXECUTION}:run2")
    assert "--anyway" in refused.value.lines[3]


def test_only_the_name_is_looked_at_anyway(account: Account, console: Console) -> None:
    account.name_is_free()
    check_run(console, account.connection, STACK, order_of({"itemList": ["a"]}, anyway=True))


def test_a_rerun_is_for_prepare_run_to_check(account: Account, console: Console) -> None:
    account.name_is_free()
    stack = replace(STACK, parameters=PARAMETERS | {"ImageUri": ""})
    check_run(console, account.connection, stack, order_of({"rerunOf": "20260102T030405007Z-x"}))


def test_who_may_not_look_at_other_runs_and_quotas_may_run(
    account: Account, console: Console, shown: Callable[[], str]
) -> None:
    account.name_is_free()
    account.stubs["stepfunctions"].add_client_error("list_executions", "AccessDeniedException", "not you")
    account.stubs["service-quotas"].add_client_error("list_service_quotas", "AccessDeniedException", "nor here")
    check_run(console, account.connection, STACK, A_AND_B)
    assert shown().splitlines() == [
        "not checked whether another run is under way: These credentials may not list the executions under way: not you",
        "quotas were not checked: These credentials may not read the account's quotas: nor here",
    ]


def test_run_whose_items_nobody_tells_is_named(
    account: Account, console: Console, shown: Callable[[], str]
) -> None:
    account.name_is_free()
    account.runs(None, {"itemPrefix": "x/"})
    # Its folder is not there yet.
    earliest = f"{STARTED - timedelta(minutes=1):%Y%m%dT%H%M%S}006Z"
    asked = {"Bucket": "output", "Prefix": "runs/", "Delimiter": "/", "StartAfter": f"runs/{earliest}"}
    account.stubs["s3"].add_response("list_objects_v2", {"KeyCount": 0}, asked)
    account.quotas(training=1, transform=1)
    check_run(console, account.connection, STACK, A_AND_B)
    assert shown().splitlines() == [f"not known which items run in {EXECUTION}:run{n}" for n in (0, 1)]


def test_only_so_many_runs_are_looked_at(account: Account, console: Console, shown: Callable[[], str]) -> None:
    account.name_is_free()
    account.runs(*[{"itemList": ["x"]}] * MAX_EXECUTIONS, {"itemList": ["a"]})
    account.quotas(training=1, transform=1)
    check_run(console, account.connection, STACK, A_AND_B)
    assert shown() == "more than 50 executions are under way; only the newest were looked at\n"


@pytest.mark.parametrize(
    ("more", "limits", "refused"),
    [
        ({}, {"training": 0, "transform": 3}, "training"),
        ({}, {"training": 3, "transform": 0}, "transform"),
        ({"mode": "score"}, {"training": 0, "transform": 3}, None),
        ({"mode": "score"}, {"training": 3, "transform": 0}, "transform"),
    ],
    ids=["training", "transform", "score without training", "score"],
)
def test_quota_of_nothing_is_refused_where_a_job_counts_against_it(
    account: Account, console: Console, more: dict[str, Any], limits: dict[str, float], refused: str | None
) -> None:
    account.name_is_free()
    account.runs()
    account.quotas(**limits)
    order = order_of({"itemList": ["a", "b", "c"], "maxConcurrency": 2} | more)
    if refused is None:
        check_run(console, account.connection, STACK, order)
        return
    with pytest.raises(CommandError) as told:
        check_run(console, account.connection, STACK, order)
    assert not isinstance(told.value, ServiceError)
    [item, command] = [line for line in told.value.lines if line.startswith("  ")]
    assert item.startswith("  'a', 'b', 'c': the quota 'ml.m5.")
    assert item.endswith(f"for {refused} job usage' is 0")
    assert command.endswith(f"--quota-code L-{refused} --desired-value 2 --region eu-west-1")


def test_quota_over_all_types_counts_with_the_largest_job(account: Account, console: Console) -> None:
    account.name_is_free()
    account.runs()
    over_all = {"QuotaName": "Number of instances across all training jobs", "Value": 2, "QuotaCode": "L-9"}
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        account.stubs["service-quotas"].add_response(operation, {"Quotas": [over_all]})
    entries = [
        {"item": "a", "training": {"instanceCount": 3}},
        {"item": "b", "training": {"instanceType": "ml.c5.xlarge"}},
    ]
    with pytest.raises(CommandError) as told:
        check_run(console, account.connection, STACK, order_of({"itemList": entries}))
    told_of = (
        "  'a', 'b': the quota 'all types for training job usage' is 2, and one of their jobs needs 3 instances"
    )
    assert told.value.lines[1] == told_of
    assert "--desired-value 6" in told.value.lines[3]


def test_quotas_that_are_not_told_in_time_are_not_waited_for(
    account: Account, console: Console, shown: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(job_quotas, "TIMEOUT_IN_SECONDS", 0.05)
    monkeypatch.setattr(job_quotas, "read_quotas", lambda *_: over.wait(60) and [])
    account.name_is_free()
    account.runs()
    check_run(console, account.connection, STACK, A_AND_B)
    over.set()
    assert "quotas were not checked: Service Quotas did not answer within" in shown()


def test_an_error_of_our_own_is_not_taken_for_an_answer(
    account: Account, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(job_quotas, "read_quotas", broken)
    account.name_is_free()
    account.runs()
    with pytest.raises(ZeroDivisionError):
        check_run(console, account.connection, STACK, A_AND_B)


def test_needs_follow_what_items_choose() -> None:
    items = [
        parse_event(ItemRequest, entry)
        for entry in (
            {"item": "plain"},
            {"item": "spot", "training": {"useSpot": True}},
            {"item": "large", "training": {"instanceType": "ml.m5.4xlarge", "instanceCount": 2}},
            {"item": "wide", "transform": {"instanceCount": 4}},
        )
    ]
    transform = Place("ml.m5.xlarge", "transform")
    all_ = ("plain", "spot", "large", "wide")
    assert needs_of(items, "train", PARAMETERS) == {
        Place("ml.m5.large", "training"): Need(("plain", "wide"), 1),
        Place("ml.m5.large", "spot training"): Need(("spot",), 1),
        Place("ml.m5.4xlarge", "training"): Need(("large",), 2),
        transform: Need(all_, 4),
    }
    assert needs_of(items, "score", PARAMETERS) == {transform: Need(all_, 4)}
    assert needs_of(items, "train", {}) == {}
