"""Finds the quotas that would let no job of a run start."""

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

# SageMaker has thousands of quotas; Service Quotas tells them a hundred at a time, and none by its name.
TIMEOUT_IN_SECONDS = 15.0


class Place(NamedTuple):
    """What a job's instances count as: their type, and a quota's use."""

    instance_type: str
    use: str


@dataclass(frozen=True)
class Need:
    """What a run asks of a quota.

    Attributes:
        items: those whose jobs count against it.
        instances: the most that one of these jobs has.
    """

    items: tuple[str, ...]
    instances: int


Needs = Mapping[Place, Need]


def needs_of(items: Iterable[ItemRequest], mode: Mode, parameters: Mapping[str, str]) -> Needs:
    """What the jobs of `items` ask of each quota.

    Args:
        items: the run's items and what they choose.
        mode: of the run; score trains nothing.
        parameters: what the stack was deployed with; nothing is needed if they are not those of AutoMLOps.
    """
    found: dict[Place, list[tuple[str, int]]] = {}
    for item in items:
        try:
            quotas = needed_quotas({**parameters, **_chosen(item)})
        except ServiceError:
            return {}
        for quota in quotas:
            if quota.use == "transform":
                choices = item.transform.instance_count
            elif mode == "train":
                choices = item.training.instance_count
            else:
                continue
            found.setdefault(Place(quota.instance_type, quota.use), []).append((item.item, choices or 1))
    return {
        place: Need(tuple(name for name, _ in jobs), max(count for _, count in jobs))
        for place, jobs in found.items()
    }


def _chosen(item: ItemRequest) -> dict[str, str]:
    """The stack's parameters that the item overrides."""
    spot = item.training.use_spot
    values = {
        "TrainingInstanceType": item.training.instance_type,
        "TransformInstanceType": item.transform.instance_type,
        "TrainingUseSpot": None if spot is None else str(spot).lower(),
    }
    return {name: value for name, value in values.items() if value is not None}


def read_in_background(connection: Connection, needs: Needs) -> Future[list[Quota]]:
    """The account's quotas for `needs`, read in a thread that nobody has to wait for."""
    answer: Future[list[Quota]] = Future()
    if not needs:
        answer.set_result([])
        return answer
    # Made here, since a session is not safe in two threads.
    client: Any = connection.client("service-quotas")

    def read() -> None:
        try:
            answer.set_result(read_quotas(client, [Quota(*place) for place in needs]))
        # Raised again where the answer is taken.
        except Exception as error:  # noqa: BLE001
            answer.set_exception(error)

    threading.Thread(target=read, name="quotas", daemon=True).start()
    return answer


def require_quotas(console: Console, answer: Future[list[Quota]], needs: Needs, at_once: int, region: str) -> None:
    """Makes sure that each job of a run can start once no others run; says so if that cannot be told.

    Args:
        console: where that is said.
        answer: the quotas.
        needs: what is asked of them.
        at_once: how many items run at once.
        region: where the run is to be.

    Raises:
        CommandError: a quota lets no job start.
    """
    try:
        quotas = answer.result(TIMEOUT_IN_SECONDS)
    except TimeoutError:
        waited = f"{TIMEOUT_IN_SECONDS:.0f} seconds"
        console.out(f"quotas were not checked: Service Quotas has not told them in {waited}", highlight=False)
        return
    except ServiceError as error:
        console.out(f"quotas were not checked: {error.lines[0]}", highlight=False)
        return
    small = list(_too_small(quotas, needs))
    if small:
        raise CommandError(
            "A job of these items could never start, and they would fail after hours of waiting:",
            *(f"  {names_for_a_line(need.items)}: {_shortage(quota, need)}" for quota, need in small),
            "To have a quota raised:",
            *(
                f"  {raise_command(quota, need.instances * min(at_once, len(need.items)), region)}"
                for quota, need in small
            ),
            "If it has been raised meanwhile, or nothing needs to run, add --anyway.",
        )


def _too_small(quotas: Iterable[Quota], needs: Needs) -> Iterator[tuple[Quota, Need]]:
    """The quotas that let not even one job start, and what needs them."""
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
    jobs = "" if need.instances == 1 else f", and one of their jobs asks for {need.instances:,} instances"
    return f"the quota {quota.name!r} is {quota.limit:,}{jobs}"
