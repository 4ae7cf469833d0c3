"""What a live session is told to cost, and whose prices these are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from automlops.aws.connection import Connection
from tests.live.estimate import TRAINING, TRANSFORM, Price, estimate_lines, price_of, read_price
from tests.live.plans import Plan, plan_of, starts
from tests.live.removal import Remover, new_prefix
from tests.live.stack import Description, Stack

PARAMETERS = {
    "TrainingInstanceType": "ml.m5.large",
    "TrainingMaxRuntimeInSeconds": "3600",
    "TransformInstanceType": "ml.c5.xlarge",
    "TransformMaxRuntimeInSeconds": "601",
}
AWS = Connection(boto3.session.Session("key", "secret", region_name="eu-west-1"), "eu-west-1")


def product(usage_type: str, *prices: str, term: str = "OnDemand") -> dict[str, Any]:
    """Return a product as the Price List API (format aws_v1) gives it."""
    dimensions = {
        f"SKU.TERM.{number}": {"unit": "Hrs", "pricePerUnit": {"USD": price}}
        for number, price in enumerate(prices)
    }
    return {
        "product": {"attributes": {"usagetype": usage_type}, "sku": "SKU"},
        "terms": {term: {"SKU.TERM": {"priceDimensions": dimensions}}},
    }


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        ([product("EU-Train:ml.m5.large", "0.1280000000")], Decimal("0.128")),
        ([product("Train:ml.m5.large", "0.115")], Decimal("0.115")),
        ([product("EU-Train:ml.m5.large", "0.1", "0.2")], Decimal("0.2")),
        ([product("EU-Tsform:ml.m5.large", "0.9"), product("EU-Train:ml.m5.large", "0.1")], Decimal("0.1")),
        ([product("EU-Train:ml.m5.large.more", "0.1")], None),
        ([product("EU-HyperTrain:ml.m5.large", "0.1")], None),
        ([product("EU-Train:ml.m5.large", "0.1", term="Reserved")], None),
        ([], None),
    ],
    ids=[
        "a Region's",
        "without Region",
        "the highest",
        "by use",
        "another type",
        "another use",
        "reserved",
        "none",
    ],
)
def test_a_price_is_found_by_use_and_type(products: list[dict[str, Any]], expected: Decimal | None) -> None:
    assert read_price(products, TRAINING, "ml.m5.large") == expected


@pytest.fixture
def price_list(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """AWS's price list, which answers what it is told."""
    client = boto3.client("pricing", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
    monkeypatch.setattr(
        AWS.session,
        "client",
        lambda service, region_name: {("pricing", "us-east-1"): client}[service, region_name],
    )
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def asked_for(instance_type: str) -> dict[str, Any]:
    return {
        "ServiceCode": "AmazonSageMaker",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
            {"Type": "TERM_MATCH", "Field": "instanceName", "Value": instance_type},
        ],
    }


def test_the_price_list_is_asked_for_region_and_type(price_list: Stubber) -> None:
    pages = [[product("EU-Host:ml.m5.large", "9")], [product("EU-Tsform:ml.m5.large", "0.128")]]
    texts = [[json.dumps(one) for one in page] for page in pages]
    price_list.add_response("get_products", {"PriceList": texts[0], "NextToken": "more"}, asked_for("ml.m5.large"))
    price_list.add_response(
        "get_products", {"PriceList": texts[1]}, asked_for("ml.m5.large") | {"NextToken": "more"}
    )
    assert price_of(AWS, None)(TRANSFORM, "ml.m5.large") == Price(Decimal("0.128"), "Price List API")


def test_a_price_that_may_not_be_asked_is_unknown(price_list: Stubber) -> None:
    price_list.add_client_error("get_products", "AccessDeniedException", "not authorized: pricing:GetProducts")
    price = price_of(AWS, None)(TRAINING, "ml.m5.large")
    assert price.usd_per_hour is None
    assert price.source.startswith("These credentials may not ask for prices: ")


def test_a_type_without_price_is_unknown(price_list: Stubber) -> None:
    price_list.add_response("get_products", {"PriceList": []}, asked_for("ml.new.large"))
    assert price_of(AWS, None)(TRAINING, "ml.new.large").usd_per_hour is None


def test_a_price_that_is_given_wins() -> None:
    assert price_of(AWS, Decimal("0.5"))(TRAINING, "ml.m5.large") == Price(Decimal("0.5"), "as given")


PLAN = Plan(runs=2, items=3, training_jobs=3, transform_jobs=2)
PRICES = {(TRAINING, "ml.m5.large"): Decimal("0.12"), (TRANSFORM, "ml.c5.xlarge"): Decimal("0.24")}


def test_the_total_is_jobs_by_minutes_by_price_and_transitions() -> None:
    lines = estimate_lines(PLAN, PARAMETERS, lambda use, kind: Price(PRICES[use, kind], "told"), 5)
    assert lines[0] == "starts 2 runs of 3 items in all, and:"
    # 3 x 5 / 60 x 0.12
    assert lines[1] == "  3 training jobs on ml.m5.large, 5 minutes each, at 0.12 USD an hour (told): 0.0300 USD"
    assert lines[2].endswith("5 minutes each, at 0.24 USD an hour (told): 0.0400 USD")
    assert lines[3] == "  25 state transitions at 0.025 USD per 1,000: 0.0006 USD"
    # At the limits: 3 hours of 0.12 and 2 x 11 minutes of 0.24.
    assert lines[4] == "total 0.0706 USD; 0.45 USD if every job ran into the stack's time limits"


def test_without_a_price_the_instance_minutes_are_told() -> None:
    lines = estimate_lines(PLAN, PARAMETERS, lambda _use, _kind: Price(None, "an emulator has no prices"), 5)
    assert lines[1].endswith("price unknown (an emulator has no prices)")
    assert lines[4].startswith(
        "total 0.0006 USD and 25 instance-minutes at a price that --price-per-hour would tell"
    )


@pytest.fixture(scope="module")
@starts(training_jobs=1)
def shared() -> str:
    """Return what the test below shares with itself."""
    return "shared"


@pytest.mark.parametrize("number", [1, 2])
@starts(runs=1, items=2)
def test_a_plan_counts_each_test_and_a_shared_fixture_once(
    request: pytest.FixtureRequest, shared: str, number: int
) -> None:
    assert shared
    assert number
    same = [
        item for item in request.session.items if getattr(item, "originalname", "") == request.node.originalname
    ]
    assert plan_of(same) == Plan(runs=len(same), items=2 * len(same), training_jobs=1)


def stack_with(prefix: str) -> Stack:
    return Stack(AWS, Description("automlops", {}, {}), prefix)


@pytest.mark.parametrize("prefix", ["", "test-", "test-0123abcd", "test-0123ABCD-", "x-test-0123abcd-", "France"])
def test_nothing_is_removed_but_a_sessions_own(prefix: str) -> None:
    with pytest.raises(ValueError, match="no live session's prefix"):
        Remover(stack_with(prefix))


def test_sessions_have_prefixes_of_their_own() -> None:
    prefixes = {new_prefix() for _ in range(100)}
    assert len(prefixes) == 100
    for prefix in prefixes:
        Remover(stack_with(prefix))


@pytest.mark.parametrize(
    "request_",
    [
        {"itemList": ["France"]},
        {"itemList": ["test-0123abcd-a", {"item": "France"}]},
        {"request": {"itemList": ["France"]}},
        {"item": "France"},
    ],
    ids=["a name", "an entry", "a work list's", "a function's"],
)
def test_items_of_others_are_never_asked_for(request_: object) -> None:
    stack = stack_with("test-0123abcd-")
    with pytest.raises(AssertionError, match="'France' is not one of this session's names"):
        stack.start(request_, "test-0123abcd-run")
    with pytest.raises(AssertionError, match="'France' is not one of this session's names"):
        stack.invoke("TrainingJob", request_)
    with pytest.raises(AssertionError, match="'France' is not one of this session's names"):
        stack.upload("France", b"")
