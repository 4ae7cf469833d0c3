"""Reads the account's quotas for the stack's instance types, and advises how many items to run at once."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.table import Table
from rich.text import Text

from automlops.aws.connection import service_errors
from automlops.aws.stack import Stack, find_stack
from automlops.errors import ServiceError
from automlops.quotas.concurrency import (
    Durations,
    fitting_to_score,
    fitting_to_train,
    instances_needed,
    read_durations,
)

if TYPE_CHECKING:
    from rich.console import Console

    from automlops.aws.connection import Connection
    from pipeline.fields import Mode

SERVICE = "sagemaker"
# Service Quotas' error codes for a service that it does not know.
UNKNOWN_CODES = frozenset({"NoSuchResourceException"})
# Quotas on the instances of all types together, which not every account has.
ALL_TYPES = "all types"
ALL_INSTANCES = re.compile(r"\binstances across (?:all )?((?:spot )?training|transform) jobs\b", re.IGNORECASE)
TRAINING_USES = ("training", "spot training")


@dataclass(frozen=True)
class Quota:
    """A quota on the instances of a type that may run at once in one use.

    Attributes:
        instance_type: such as ml.m5.large, or ALL_TYPES.
        use: `training`, `spot training` or `transform`.
        limit: number of instances; None if Service Quotas does not list it.
        code: the quota's code; "" if Service Quotas does not list it.
    """

    instance_type: str
    use: str
    limit: int | None = None
    code: str = ""

    @property
    def name(self) -> str:
        """The quota's name in Service Quotas."""
        return f"{self.instance_type} for {self.use} job usage"


class Fitting(NamedTuple):
    """How many items at once use up the quotas: items that train and score, and items that only score."""

    train: int
    score: int


def show_quotas(console: Console, connection: Connection, stack_name: str) -> None:
    """Print the quotas of the stack's jobs, the MaxConcurrency that fits them, and what to do if the stack's does not.

    Raises:
        ServiceError: a call to AWS failed.
    """
    stack = find_stack(connection, stack_name)
    client: Any = connection.client("service-quotas")
    quotas = read_quotas(client, needed_quotas(stack.parameters))
    durations = read_durations(connection.client("s3"), stack.output_bucket)
    _print_table(console, quotas)
    for line in advice(quotas, durations, stack, connection.region):
        console.out(line, highlight=False)


def needed_quotas(parameters: Mapping[str, str]) -> list[Quota]:
    """Return the quotas that a stack's jobs count against, without their limits.

    Args:
        parameters: the values of the stack's parameters.

    Raises:
        ServiceError: the parameters are not those of AutoMLOps.
    """
    missing = {
        "TrainingUseSpot",
        "TrainingInstanceType",
        "TransformInstanceType",
        "MaxConcurrency",
    } - parameters.keys()
    if missing:
        raise ServiceError(f"The stack has no parameter {min(missing)}: it is not one of AutoMLOps.")
    training = "spot training" if parameters["TrainingUseSpot"] == "true" else "training"
    return [
        Quota(parameters["TrainingInstanceType"], training),
        Quota(parameters["TransformInstanceType"], "transform"),
    ]


def read_quotas(client: Any, needed: Sequence[Quota]) -> list[Quota]:
    """Return `needed` with limits and codes, then the account's quotas on all types together for these uses, if any.

    Args:
        client: client of Service Quotas.
        needed: the quotas.

    Raises:
        ServiceError: a call to AWS failed.
    """
    found: dict[str, Quota] = {}
    # The account's own values override the defaults. A quota that was never raised may be listed among the defaults only.
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        if any(quota.name not in found for quota in needed):
            found = _listed(client, operation, needed) | found
    of_types = [found.get(quota.name, quota) for quota in needed]
    return of_types + sorted(
        (quota for quota in found.values() if quota.instance_type == ALL_TYPES), key=lambda quota: quota.use
    )


def _listed(client: Any, operation: str, needed: Sequence[Quota]) -> dict[str, Quota]:
    by_name = {quota.name: quota for quota in needed}
    # It is not documented whether spot training counts as training here; too small a number costs less than too large.
    uses = {quota.use for quota in needed} | {quota.use.removeprefix("spot ") for quota in needed}
    found = {}
    try:
        with service_errors("read the account's quotas"):
            for page in client.get_paginator(operation).paginate(ServiceCode=SERVICE):
                for entry in page["Quotas"]:
                    quota = by_name.get(entry["QuotaName"]) or _over_all_types(entry["QuotaName"])
                    if quota and quota.use in uses:
                        limit = int(entry["Value"])
                        found[quota.name] = Quota(quota.instance_type, quota.use, limit, entry["QuotaCode"])
    except ServiceError as error:
        if error.code not in UNKNOWN_CODES:
            raise
    return found


def _over_all_types(name: str) -> Quota | None:
    match = ALL_INSTANCES.search(name)
    return Quota(ALL_TYPES, match[1].lower()) if match else None


def fitting(quotas: Sequence[Quota], durations: Durations) -> Fitting:
    """Return how many items at once use what the quotas allow.

    Args:
        quotas: the quotas that the jobs count against; of several for one use, the smallest counts.
        durations: the mean durations of the jobs.
    """
    training, transform = _smallest(quotas, TRAINING_USES), _smallest(quotas, ("transform",))
    return Fitting(
        train=fitting_to_train(training, transform, durations), score=fitting_to_score(transform, durations)
    )


def zero_quotas(quotas: Sequence[Quota], mode: Mode = "train") -> list[Quota]:
    """Return the quotas of 0 that jobs of the mode count against."""
    return [quota for quota in quotas if quota.limit == 0 and (mode == "train" or quota.use == "transform")]


def advice(quotas: Sequence[Quota], durations: Durations, stack: Stack, region: str) -> list[str]:
    """Return lines about what the quotas mean for the stack's MaxConcurrency.

    Args:
        quotas: the quotas that its jobs count against.
        durations: the mean durations of its jobs.
        stack: the stack.
        region: the stack's Region.
    """
    lines = [f"Service Quotas lists no limit for {quota.name}." for quota in quotas if quota.limit is None]
    if all(quota.limit is None for quota in quotas):
        return lines
    fits, current = fitting(quotas, durations), int(stack.parameters["MaxConcurrency"])
    lines += [
        f"MaxConcurrency that fits if no other jobs run: {fits.train}. The stack {stack.name!r} has {current}.",
        f"With mode score, and for a rerun that keeps all trainings: {fits.score}.",
        _about_durations(durations),
        "These numbers are for jobs of one instance of the stack's types; items may choose other types, or more.",
    ]
    if fitting_to_train(math.inf, math.inf, durations) == fits.train:
        lines.append(
            "SageMaker accepts about one create call a second of each kind, which limits the items at once to this,"
            " whatever the quotas are."
        )
    lines += [
        f"The quota {quota.name} is 0: no such job can run, and items would wait for hours and then fail."
        for quota in zero_quotas(quotas)
    ]
    if fits.train and current < fits.train:
        lines.append(f"With fewer items at once than fit, instances are idle. {_set_to(fits.train)}")
    if fits.train and current > fits.train:
        lines.append(
            "With more items at once than fit, items wait and retry to start their jobs, and some may fail."
            f" {_set_to(fits.train)}"
        )
    if 0 < fits.score < current:
        lines.append(
            f"Give a request with mode score, or such a rerun, maxConcurrency {fits.score}: with more, new items"
            " overtake those that wait, and some may fail."
        )
    return lines + _raising(quotas, durations, current, region)


def _about_durations(durations: Durations) -> str:
    if not durations.run_id:
        return "No run shows how long jobs take: five minutes are assumed for a training and for a transform."
    return (
        f"In run {durations.run_id} a training took {durations.training:,.0f} s and a transform"
        f" {durations.transform:,.0f} s on average."
    )


def _set_to(number: int) -> str:
    return f"Give maxConcurrency {number} in the request, or deploy the stack with MaxConcurrency={number}."


def _raising(quotas: Sequence[Quota], durations: Durations, at_once: int, region: str) -> list[str]:
    """Return the commands that request larger quotas for `at_once` items; none if the quotas are large enough."""
    training, transform = instances_needed(at_once, durations)
    lines = []
    for quota in quotas:
        needed = transform if quota.use == "transform" else training
        if quota.limit is not None and quota.limit < needed:
            lines.append(f"  {raise_command(quota, needed, region)}")
    return [f"To request quotas for {at_once} items at once:", *lines] if lines else []


def _smallest(quotas: Sequence[Quota], uses: Sequence[str]) -> float:
    return min(
        (quota.limit for quota in quotas if quota.limit is not None and quota.use in uses), default=math.inf
    )


def raise_command(quota: Quota, value: int, region: str) -> str:
    """Return the command that requests a quota of `value` instances."""
    words = ["aws", "service-quotas", "request-service-quota-increase", "--service-code", SERVICE]
    words += ["--quota-code", quota.code, "--desired-value", str(value), "--region", region]
    return shlex.join(words)


def _print_table(console: Console, quotas: Iterable[Quota]) -> None:
    table = Table()
    table.add_column("instance type", overflow="fold")
    table.add_column("use", no_wrap=True)
    table.add_column("quota", justify="right", no_wrap=True)
    for quota in quotas:
        limit = "not told" if quota.limit is None else f"{quota.limit:,}"
        table.add_row(Text(quota.instance_type), Text(quota.use), Text(limit))
    console.print(table)
