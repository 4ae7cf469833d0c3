"""The account's quotas, and what they mean for a stack's MaxConcurrency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber
from rich.console import Console

from automlops import quotas as quotas_module
from automlops.connection import Connection
from automlops.errors import ServiceError
from automlops.quotas import Quota, advice, needed_quotas, read_quotas, show_quotas
from automlops.stack import Stack

Stubbed = Callable[[str], tuple[Any, Stubber]]

PARAMETERS = {
    "TrainingInstanceType": "ml.m5.large",
    "TransformInstanceType": "ml.m5.xlarge",
    "TrainingUseSpot": "false",
    "MaxConcurrency": "5",
}
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
    assert advice([TRAINING], stack_of(), "eu-west-1") == [
        "Service Quotas tells no limit for ml.m5.large for training job usage."
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


def test_the_smaller_quota_says_what_fits() -> None:
    [line] = advice(known(20, 5), stack_of(), "eu-west-1")
    assert line == "MaxConcurrency that fits if no other jobs run: 5. The stack 'mine' has 5."


def test_a_stack_that_asks_for_more_is_told_how_to_change_either() -> None:
    lines = advice(known(3, 4), stack_of(MaxConcurrency="10"), "eu-west-1")
    assert "that fits if no other jobs run: 3. The stack 'mine' has 10." in lines[0]
    assert "MaxConcurrency=3" in lines[1]
    raise_it = "aws service-quotas request-service-quota-increase --service-code sagemaker"
    assert [line.strip() for line in lines[3:]] == [
        f"{raise_it} --quota-code {code} --desired-value 10 --region eu-west-1" for code in ("L-3", "L-2")
    ]


def test_a_quota_of_nothing_is_told_as_such() -> None:
    lines = advice(known(0, 20), stack_of(), "eu-west-1")
    assert "A quota of 0 lets nothing run" in lines[1]
    assert [line.split("--quota-code ")[1][:3] for line in lines[3:]] == ["L-3"]


def test_what_one_quota_tells_counts_though_the_other_is_unknown() -> None:
    lines = advice([Quota("ml.m5.large", "training", 2, "L-3"), TRANSFORM], stack_of(), "eu-west-1")
    assert lines[0] == "Service Quotas tells no limit for ml.m5.xlarge for transform job usage."
    assert "that fits if no other jobs run: 2." in lines[1]


def test_the_table_shows_type_use_and_quota(
    stubbed: Stubbed, monkeypatch: pytest.MonkeyPatch, console: Console, shown: Callable[[], str]
) -> None:
    client, stub = stubbed("service-quotas")
    own = page(
        ("ml.m5.large for training job usage", 20, "L-3"), ("ml.m5.xlarge for transform job usage", 8, "L-2")
    )
    stub.add_response("list_service_quotas", own, {"ServiceCode": "sagemaker"})
    monkeypatch.setattr(quotas_module, "find_stack", lambda _connection, _name: stack_of())

    class OneClient:
        def client(self, service: str, **_: object) -> object:
            assert service == "service-quotas"
            return client

    session: Any = OneClient()
    show_quotas(console, Connection(session, "eu-west-1"), "mine")
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in shown().splitlines() if "ml.m5" in row]
    assert rows == [["ml.m5.large", "training", "20"], ["ml.m5.xlarge", "transform", "8"]]
    assert "that fits if no other jobs run: 8" in shown()
