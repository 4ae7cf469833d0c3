"""The account's quotas, and what they mean for a stack's MaxConcurrency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber
from rich.console import Console

from automlops.aws.connection import Connection
from automlops.aws.stack import Stack
from automlops.errors import ServiceError
from automlops.quotas import account_quotas as quotas_module
from automlops.quotas.account_quotas import (
    ALL_TYPES,
    Quota,
    advice,
    fitting,
    needed_quotas,
    read_quotas,
    show_quotas,
    zero_quotas,
)
from automlops.quotas.concurrency import Durations

Stubbed = Callable[[str], tuple[Any, Stubber]]

PARAMETERS = {
    "TrainingInstanceType": "ml.m5.large",
    "TransformInstanceType": "ml.m5.xlarge",
    "TrainingUseSpot": "false",
    "MaxConcurrency": "5",
}
MEASURED = Durations(300, 150, "20261121T094236123Z-nightly")
TRAINING, TRANSFORM = Quota("ml.m5.large", "training"), Quota("ml.m5.xlarge", "transform")


def stack_of(**parameters: str) -> Stack:
    return Stack("mine", "arn:machine", "data", "output", "file.csv", PARAMETERS | parameters)


def page(*quotas: tuple[str, float, str], token: str | None = None) -> dict[str, Any]:
    entries = [{"QuotaName": name, "Value": value, "QuotaCode": code} for name, value, code in quotas]
    return {"Quotas": entries} | ({"NextToken": token} if token else {})


def test_a_stacks_jobs_count_against_its_instance_types() -> None:
    assert needed_quotas(PARAMETERS) == [TRAINING, TRANSFORM]
    assert [quota.name for quota in needed_quotas(PARAMETERS | {"TrainingUseSpot": "true"})] == [
        "ml.m5.large for spot training job usage",
        "ml.m5.xlarge for transform job usage",
    ]


def test_a_stack_of_somebody_else_is_told() -> None:
    with pytest.raises(ServiceError, match="no parameter MaxConcurrency: it is not one of AutoMLOps"):
        needed_quotas({name: value for name, value in PARAMETERS.items() if name != "MaxConcurrency"})


def test_quotas_are_found_on_any_page_by_their_whole_names(stubbed: Stubbed) -> None:
    client, stub = stubbed("service-quotas")
    stub.add_response(
        "list_service_quotas",
        page(("ml.m5.large for training warm pool usage", 9, "L-1"), token="more"),
        {"ServiceCode": "sagemaker"},
    )
    stub.add_response(
        "list_service_quotas",
        page(
            ("ml.m5.xlarge for transform job usage", 4.0, "L-2"), ("ml.m5.large for training job usage", 20, "L-3")
        ),
        {"ServiceCode": "sagemaker", "NextToken": "more"},
    )
    assert read_quotas(client, [TRAINING, TRANSFORM]) == [
        Quota("ml.m5.large", "training", 20, "L-3"),
        Quota("ml.m5.xlarge", "transform", 4, "L-2"),
    ]


@pytest.mark.parametrize(
    ("spot", "uses"), [("false", ["training", "transform"]), ("true", ["spot training", "training", "transform"])]
)
def test_quotas_over_all_types_count_where_an_account_has_them(
    stubbed: Stubbed, spot: str, uses: list[str]
) -> None:
    client, stub = stubbed("service-quotas")
    own = page(
        ("Number of instances across all transform jobs", 6, "L-6"),
        ("NUMBER OF INSTANCES ACROSS TRAINING JOBS", 7, "L-7"),
        ("Number of instances across all Spot Training jobs", 8, "L-8"),
        ("Number of instances across all processing jobs", 1, "L-1"),
        ("ml.m5.large for spot training job usage", 21, "L-4"),
        ("ml.m5.xlarge for transform job usage", 20, "L-2"),
        ("ml.m5.large for training job usage", 20, "L-3"),
    )
    stub.add_response("list_service_quotas", own, {"ServiceCode": "sagemaker"})
    quotas = read_quotas(client, needed_quotas(PARAMETERS | {"TrainingUseSpot": spot}))
    assert [quota.instance_type for quota in quotas] == ["ml.m5.large", "ml.m5.xlarge", *([ALL_TYPES] * len(uses))]
    limits = {"training": (7, "L-7"), "spot training": (8, "L-8"), "transform": (6, "L-6")}
    assert [(quota.use, quota.limit, quota.code) for quota in quotas[2:]] == [(use, *limits[use]) for use in uses]
    # Seven trainings and six transforms at once, of the same length.
    assert fitting(quotas, Durations()) == (12, 6)


def test_an_accounts_own_value_stands_before_the_default(stubbed: Stubbed) -> None:
    client, stub = stubbed("service-quotas")
    name = "Number of instances across all training jobs"
    for operation, limit in (("list_service_quotas", 9), ("list_aws_default_service_quotas", 4)):
        stub.add_response(operation, page((name, limit, "L-7")), {"ServiceCode": "sagemaker"})
    assert read_quotas(client, [TRAINING]) == [TRAINING, Quota(ALL_TYPES, "training", 9, "L-7")]


def test_a_quota_that_was_never_raised_has_awss_default(stubbed: Stubbed) -> None:
    client, stub = stubbed("service-quotas")
    own = page(("ml.m5.large for training job usage", 20, "L-3"))
    stub.add_response("list_service_quotas", own, {"ServiceCode": "sagemaker"})
    defaults = page(
        ("ml.m5.large for training job usage", 2, "L-3"), ("ml.m5.xlarge for transform job usage", 1, "L-2")
    )
    stub.add_response("list_aws_default_service_quotas", defaults, {"ServiceCode": "sagemaker"})
    assert [quota.limit for quota in read_quotas(client, [TRAINING, TRANSFORM])] == [20, 1]


def test_a_service_without_quotas_tells_none(stubbed: Stubbed) -> None:
    client, stub = stubbed("service-quotas")
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        stub.add_client_error(operation, "NoSuchResourceException", "no such service", 404)
    assert read_quotas(client, [TRAINING]) == [TRAINING]
    assert advice([TRAINING], Durations(), stack_of(), "eu-west-1") == [
        "Service Quotas lists no limit for ml.m5.large for training job usage."
    ]


def test_credentials_that_may_not_read_quotas_are_told(stubbed: Stubbed) -> None:
    client, stub = stubbed("service-quotas")
    stub.add_client_error("list_service_quotas", "AccessDeniedException", "not you", 400)
    with pytest.raises(ServiceError, match="These credentials may not read the account's quotas: not you"):
        read_quotas(client, [TRAINING])


def known(training: int, transform: int) -> list[Quota]:
    return [
        Quota("ml.m5.large", "training", training, "L-3"),
        Quota("ml.m5.xlarge", "transform", transform, "L-2"),
    ]


def lines_of(quotas: list[Quota], at_once: int, durations: Durations = MEASURED) -> list[str]:
    return advice(quotas, durations, stack_of(MaxConcurrency=str(at_once)), "eu-west-1")


def test_both_quotas_together_say_what_fits() -> None:
    assert lines_of(known(20, 20), 40, Durations()) == [
        "MaxConcurrency that fits if no other jobs run: 40. The stack 'mine' has 40.",
        "With mode score, and for a rerun that keeps all trainings: 20.",
        "No run shows how long jobs take: five minutes are assumed for a training and for a transform.",
        "These numbers are for jobs of one instance of the stack's types; items may choose other types, or more.",
        (
            "Give a request with mode score, or such a rerun, maxConcurrency 20: with more, new items overtake those"
            " that wait, and some may fail."
        ),
    ]


def test_mode_score_is_not_spoken_of_where_the_stacks_number_fits_it_too() -> None:
    assert not [
        line for line in lines_of(known(5, 100), 10, Durations()) if "such a rerun, maxConcurrency" in line
    ]


def test_the_last_runs_durations_say_what_fits() -> None:
    lines = lines_of(known(20, 40), 30)
    assert "that fits if no other jobs run: 30." in lines[0]
    assert lines[2] == (
        "In run 20261121T094236123Z-nightly a training took 300 s and a transform 150 s on average."
    )
    assert len(lines) == 4


def test_a_stack_that_asks_for_less_is_told_to_use_its_quotas() -> None:
    (line,) = lines_of(known(20, 20), 5)[4:]
    assert line.startswith("With fewer items at once than fit, instances are idle.")
    assert "MaxConcurrency=30" in line


def test_a_stack_that_asks_for_more_is_told_how_to_change_either() -> None:
    lines = lines_of(known(4, 3), 12)
    assert "that fits if no other jobs run: 6. The stack 'mine' has 12." in lines[0]
    assert lines[4].startswith("With more items at once than fit, items wait")
    assert "MaxConcurrency=6" in lines[4]
    assert lines[6] == "To request quotas for 12 items at once:"
    raise_it = "aws service-quotas request-service-quota-increase --service-code sagemaker"
    assert [line.strip() for line in lines[7:]] == [
        f"{raise_it} --quota-code L-3 --desired-value 8 --region eu-west-1",
        f"{raise_it} --quota-code L-2 --desired-value 4 --region eu-west-1",
    ]


def test_large_quotas_are_bounded_by_the_rate_of_calls() -> None:
    lines = lines_of(known(500, 101), 150, Durations())
    assert "that fits if no other jobs run: 150." in lines[0]
    assert lines[1].endswith(": 75.")
    assert lines[4].startswith("SageMaker accepts about one create call a second of each kind")
    assert not [line for line in lines_of(known(50, 500), 100, Durations()) if "create call" in line]


def test_a_stack_above_the_rate_of_calls_needs_no_other_quota() -> None:
    lines = lines_of(known(500, 500), 300, Durations())
    assert "MaxConcurrency=150" in lines[-2]
    assert not [line for line in lines if "--quota-code" in line]


@pytest.mark.parametrize(("training", "transform", "code"), [(0, 20, "L-3"), (20, 0, "L-2")])
def test_a_quota_of_nothing_is_told_as_such(training: int, transform: int, code: str) -> None:
    lines = lines_of(known(training, transform), 5)
    assert "that fits if no other jobs run: 0." in lines[0]
    assert lines[4].startswith("The quota ml.m5.")
    assert [line.split("--quota-code ")[1][:3] for line in lines if "--quota-code" in line] == [code]


def test_score_mode_needs_no_quota_of_trainings() -> None:
    quotas = [*known(0, 0), Quota(ALL_TYPES, "training", 0, "L-7"), Quota(ALL_TYPES, "transform", 9, "L-6")]
    assert [quota.code for quota in zero_quotas(quotas)] == ["L-3", "L-2", "L-7"]
    assert [quota.code for quota in zero_quotas(quotas, "score")] == ["L-2"]
    assert zero_quotas([TRAINING, *known(1, 1)]) == []


def test_what_one_quota_tells_counts_though_the_other_is_unknown() -> None:
    lines = lines_of([Quota("ml.m5.large", "training", 2, "L-3"), TRANSFORM], 5)
    assert lines[0] == "Service Quotas lists no limit for ml.m5.xlarge for transform job usage."
    assert "that fits if no other jobs run: 3." in lines[1]


def test_the_table_shows_type_use_and_quota(
    stubbed: Stubbed, monkeypatch: pytest.MonkeyPatch, console: Console, shown: Callable[[], str]
) -> None:
    client, stub = stubbed("service-quotas")
    own = page(
        ("ml.m5.large for training job usage", 20, "L-3"), ("ml.m5.xlarge for transform job usage", 8, "L-2")
    )
    stub.add_response("list_service_quotas", own, {"ServiceCode": "sagemaker"})
    monkeypatch.setattr(quotas_module, "find_stack", lambda _connection, _name: stack_of())

    s3, runs = stubbed("s3")
    runs.add_response("list_objects_v2", {}, {"Bucket": "output", "Prefix": "runs/", "Delimiter": "/"})

    class Clients:
        def client(self, service: str, **_: object) -> object:
            return {"service-quotas": client, "s3": s3}[service]

    session: Any = Clients()
    show_quotas(console, Connection(session, "eu-west-1"), "mine")
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in shown().splitlines() if "ml.m5" in row]
    assert rows == [["ml.m5.large", "training", "20"], ["ml.m5.xlarge", "transform", "8"]]
    assert "that fits if no other jobs run: 16" in shown()
