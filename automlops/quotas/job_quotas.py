"""Refuses a run whose jobs a quota would never let start."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from automlops.errors import CommandError, ServiceError
from automlops.quotas.account_quotas import ALL_TYPES, Quota, needed_quotas, raise_command, read_quotas
from automlops.wording import names_for_a_line

if TYPE_CHECKING:
    from rich.console import Console

    from automlops.aws.connection import Connection
    from pipeline.contracts import ItemRequest
    from pipeline.fields import Mode

# SageMaker has thousands of quotas; Service Quotas lists a hundred a page and does not search by name.
TIMEOUT_IN_SECONDS = 15.0


class Place(NamedTuple):
    """The instance type and the use that a job's instances count as."""

    instance_type: str
    use: str


@dataclass(frozen=True)
class Need:
    """What a run needs of a quota.

    Attributes:
        items: the items whose jobs count against it.
        instances: the largest number of instances of one of these jobs.
    """

    items: tuple[str, ...]
    instances: int


Needs = Mapping[Place, Need]


def needs_of(items: Iterable[ItemRequest], mode: Mode, parameters: Mapping[str, str]) -> Needs:
    """Return what the jobs of `items` need of each quota.

    Args:
        items: the run's items with their settings.
        mode: the run's mode; in mode score nothing trains.
        parameters: the values of the stack's parameters; the result is empty if they are not those of AutoMLOps.
    """
    counts: dict[Place, list[tuple[str, int]]] = {}
    for item in items:
        try:
            quotas = needed_quotas({**parameters, **_chosen(item)})
        except ServiceError:
            return {}
        for quota in quotas:
            if quota.use == "transform":
                instances = item.transform.instance_count
            elif mode == "train":
                instances = item.training.instance_count
            else:
                continue
            counts.setdefault(Place(quota.instance_type, quota.use), []).append((item.item, instances or 1))
    return {
        place: Need(tuple(name for name, _ in jobs), max(count for _, count in jobs))
        for place, jobs in counts.items()
    }


def _chosen(item: ItemRequest) -> dict[str, str]:
    """Return the stack's parameters that the item overrides."""
    spot = item.training.use_spot
    values = {
        "TrainingInstanceType": item.training.instance_type,
        "TransformInstanceType": item.transform.instance_type,
        "TrainingUseSpot": None if spot is None else str(spot).lower(),
    }
    return {name: value for name, value in values.items() if value is not None}


def read_in_background(connection: Connection, needs: Needs) -> Future[list[Quota]]:
    """Read the account's quotas for `needs` in a background thread that does not keep the process alive."""
    answer: Future[list[Quota]] = Future()
    if not needs:
        answer.set_result([])
        return answer
    # A boto3 session must not be used in two threads, so the client is made in this one.
    client: Any = connection.client("service-quotas")

    def read() -> None:
        try:
            answer.set_result(read_quotas(client, [Quota(*place) for place in needs]))
        # `result` raises it again in the caller's thread.
        except Exception as error:  # noqa: BLE001
            answer.set_exception(error)

    threading.Thread(target=read, name="quotas", daemon=True).start()
    return answer


def require_quotas(console: Console, answer: Future[list[Quota]], needs: Needs, at_once: int, region: str) -> None:
    """Raise an error if a job of the run could not start even with no other jobs; print it if that is not known.

    Args:
        console: where it is printed that the quotas were not checked.
        answer: the quotas.
        needs: what the run needs of them.
        at_once: number of items at once.
        region: the Region of the run.

    Raises:
        CommandError: a quota is smaller than one job.
    """
    try:
        quotas = answer.result(TIMEOUT_IN_SECONDS)
    except TimeoutError:
        waited = f"{TIMEOUT_IN_SECONDS:.0f} seconds"
        console.out(f"quotas were not checked: Service Quotas did not answer within {waited}", highlight=False)
        return
    except ServiceError as error:
        console.out(f"quotas were not checked: {error.lines[0]}", highlight=False)
        return
    small = list(_too_small(quotas, needs))
    if small:
        raise CommandError(
            "Jobs of these items can never start; the items would fail after hours of waiting:",
            *(f"  {names_for_a_line(need.items)}: {_shortage(quota, need)}" for quota, need in small),
            "To request a larger quota:",
            *(
                f"  {raise_command(quota, need.instances * min(at_once, len(need.items)), region)}"
                for quota, need in small
            ),
            "If the quota has been raised meanwhile, or no job needs to run, add --anyway.",
        )


def _too_small(quotas: Iterable[Quota], needs: Needs) -> Iterator[tuple[Quota, Need]]:
    """Yield the quotas that are smaller than one job, with what the run needs of them."""
    for quota in quotas:
        counted = [
            need
            for place, need in needs.items()
            if place.use == quota.use and quota.instance_type in {place.instance_type, ALL_TYPES}
        ]
        if quota.limit is None or not counted:
            continue
        instances = max(need.instances for need in counted)
        if quota.limit < instances:
            names = dict.fromkeys(name for need in counted for name in need.items)
            yield quota, Need(tuple(names), instances)


def _shortage(quota: Quota, need: Need) -> str:
    jobs = "" if need.instances == 1 else f", and one of their jobs needs {need.instances:,} instances"
    return f"the quota {quota.name!r} is {quota.limit:,}{jobs}"
