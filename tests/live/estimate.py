"""What a live session costs: jobs, instance types, minutes and prices, as lines for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from automlops.aws.connection import Connection, service_errors
from automlops.errors import ServiceError
from tests.live.plans import Plan

# States entered by a run and by each of its items when nothing is retried.
TRANSITIONS_OF_A_RUN, TRANSITIONS_OF_AN_ITEM = 5, 5
# Step Functions' standard workflows, us-east-1, https://aws.amazon.com/step-functions/pricing/, read 2026-11.
USD_PER_TRANSITION = Decimal("0.000025")
# An assumption on the safe side for a few hundred rows; start and end of the instance are included.
MINUTES_PER_JOB = 10
# The Price List API is served in a few Regions only, and tells the prices of all.
PRICE_LIST_REGION = "us-east-1"
TRAINING, TRANSFORM = "Train", "Tsform"


@dataclass(frozen=True)
class Price:
    """An instance's price.

    Attributes:
        usd_per_hour: None if it is not known.
        source: who says so, or why nobody does.
    """

    usd_per_hour: Decimal | None
    source: str


PriceOf = Callable[[str, str], Price]


def price_of(connection: Connection, given: Decimal | None) -> PriceOf:
    """Tells the price of an instance type for a use (`Train`, `Tsform`), asking AWS's Price List API.

    Args:
        connection: the account that may ask. An emulator has no prices and is not asked.
        given: price in USD per hour that wins over the answer.
    """

    def look_up(use: str, instance_type: str) -> Price:
        if given is not None:
            return Price(given, "as given")
        if connection.endpoint_url:
            return Price(None, "an emulator has no prices")
        try:
            with service_errors("ask for prices"):
                client = connection.session.client("pricing", region_name=PRICE_LIST_REGION)
                pages = client.get_paginator("get_products").paginate(
                    ServiceCode="AmazonSageMaker",
                    Filters=[
                        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": connection.region},
                        {"Type": "TERM_MATCH", "Field": "instanceName", "Value": instance_type},
                    ],
                )
                products = [json.loads(text) for page in pages for text in page["PriceList"]]
        except ServiceError as error:
            return Price(None, error.lines[0])
        found = read_price(products, use, instance_type)
        if found is None:
            return Price(None, f"the Price List API names none for {instance_type} in {connection.region}")
        return Price(found, "Price List API")

    return look_up


def read_price(products: list[dict[str, Any]], use: str, instance_type: str) -> Decimal | None:
    """Return the on-demand price in USD per hour among the Price List API's products.

    A use is known by its usage type, `USE1-Train:ml.m5.large`; its letters before the hyphen stand for the Region.
    Of several prices the highest is taken.
    """
    wanted = re.compile(rf"(?:.*-)?{use}:{re.escape(instance_type)}")
    prices = [
        Decimal(dimension["pricePerUnit"]["USD"])
        for product in products
        if wanted.fullmatch(product["product"]["attributes"].get("usagetype", ""))
        for term in product["terms"].get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
        if "USD" in dimension["pricePerUnit"]
    ]
    return max(prices, default=None)


def estimate_lines(plan: Plan, parameters: Mapping[str, str], look_up: PriceOf, minutes: int) -> list[str]:
    """Return the estimate.

    Args:
        plan: what will be started.
        parameters: the stack's.
        look_up: tells prices.
        minutes: how long a job takes, at most, unless something goes wrong.
    """
    uses = [
        ("training job", plan.training_jobs, TRAINING, "Training"),
        ("batch transform job", plan.transform_jobs, TRANSFORM, "Transform"),
    ]
    lines = [f"starts {counted(plan.runs, 'run')} of {counted(plan.items, 'item')} in all, and:"]
    expected, worst, unpriced = Decimal(0), Decimal(0), 0
    for noun, count, use, parameter in uses:
        instance_type = parameters[f"{parameter}InstanceType"]
        limit = -(-int(parameters[f"{parameter}MaxRuntimeInSeconds"]) // 60)
        jobs = f"  {counted(count, noun)} on {instance_type}, {minutes} minutes each"
        price = look_up(use, instance_type) if count else Price(Decimal(0), "nothing to pay")
        if price.usd_per_hour is None:
            lines.append(f"{jobs}: price unknown ({price.source})")
            unpriced += count * minutes
            continue
        cost = price.usd_per_hour * count * minutes / 60
        lines.append(f"{jobs}, at {price.usd_per_hour.normalize():f} USD an hour ({price.source}): {_usd(cost)}")
        expected += cost
        worst += price.usd_per_hour * count * limit / 60
    transitions = plan.runs * TRANSITIONS_OF_A_RUN + plan.items * TRANSITIONS_OF_AN_ITEM
    cost = transitions * USD_PER_TRANSITION
    thousand = (USD_PER_TRANSITION * 1000).normalize()
    lines.append(f"  {counted(transitions, 'state transition')} at {thousand:f} USD per 1,000: {_usd(cost)}")
    if unpriced:
        lines.append(
            f"total {_usd(cost)} and {unpriced} instance-minutes at a price that --price-per-hour would tell"
        )
    else:
        lines.append(
            f"total {_usd(expected + cost)}; {_usd(worst + cost)} if every job ran into the stack's time limits"
        )
    lines.append("not counted: storage, requests, Lambda and logs, which are small, and retries")
    return lines


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 job`, `2 jobs`."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def _usd(amount: Decimal) -> str:
    return f"{amount:.4f} USD" if amount < Decimal("0.1") else f"{amount:.2f} USD"
