"""How many items at once use both quotas, and what tells how long jobs take."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from automlops.errors import ServiceError
from automlops.quotas.concurrency import (
    SECONDS_BETWEEN_JOBS,
    Durations,
    fitting_to_score,
    fitting_to_train,
    instances_needed,
    read_durations,
)

Stubbed = Callable[[str], tuple[Any, Stubber]]

START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANCES, SECONDS = st.integers(1, 500), st.floats(5, 7200)


@pytest.mark.parametrize(
    ("training", "transform", "durations", "expected"),
    [
        (20, 20, Durations(), 40),
        (5, 5, Durations(), 10),
        (20, 20, Durations(300, 150), 30),
        (20, 20, Durations(150, 300), 30),
        (20, 10, Durations(300, 150), 30),
        (100, 20, Durations(), 40),
        (20, 100, Durations(), 40),
        (3, 3, Durations(300, 100), 4),
        (0, 20, Durations(), 0),
        (20, 0, Durations(), 0),
        (math.inf, 20, Durations(), 40),
        (100, 100, Durations(), 150),
        (100, 100, Durations(60, 60), 30),
        (1, 1, Durations(1, 1), 1),
    ],
)
def test_as_many_as_keep_both_busy_fit(
    training: float, transform: float, durations: Durations, expected: int
) -> None:
    assert fitting_to_train(training, transform, durations) == expected


@pytest.mark.parametrize(
    ("transform", "seconds", "expected"),
    [(20, 300, 20), (100, 300, 75), (0, 300, 0), (20, 2, 1), (math.inf, 60, 15)],
)
def test_items_that_only_score_need_the_transforms_quota_alone(
    transform: float, seconds: float, expected: int
) -> None:
    assert fitting_to_score(transform, Durations(300, seconds)) == expected


@given(INSTANCES, INSTANCES, SECONDS, SECONDS)
def test_what_fits_is_never_more_than_both_quotas_and_keeps_the_busier_one_full(
    training: int, transform: int, first: float, second: float
) -> None:
    durations = Durations(first, second)
    fits = fitting_to_train(training, transform, durations)
    assert 1 <= fits <= training + transform
    assert fitting_to_score(transform, durations) <= transform
    per_second = fits / (first + second)
    assert (
        per_second * first >= training - 1e-3
        or per_second * second >= transform - 1e-3
        or per_second >= 1 / SECONDS_BETWEEN_JOBS - 1e-3
    )


@given(st.integers(1, 1000), SECONDS, SECONDS)
def test_quotas_that_are_needed_let_as_many_run_as_the_rate_does(items: int, first: float, second: float) -> None:
    durations = Durations(first, second)
    fits = fitting_to_train(*instances_needed(items, durations), durations)
    assert fits >= min(items, fitting_to_train(math.inf, math.inf, durations))


def job(begun: str, begins: float, lasts: float) -> dict[str, Any]:
    times = {begun: START + timedelta(seconds=begins), "endedAt": START + timedelta(seconds=begins + lasts)}
    return {"status": "Completed", **{key: moment.isoformat() for key, moment in times.items()}}


def manifest(run_id: str, *items: dict[str, Any]) -> bytes:
    counts = {"total": len(items), "succeeded": len(items), "failed": 0, "unfinished": 0}
    told = [{"item": str(number), "status": "SUCCEEDED", **item} for number, item in enumerate(items)]
    return json.dumps({"runId": run_id, "verdict": "SUCCEEDED", "counts": counts, "items": told}).encode()


class Runs:
    """S3 with runs' manifests; None is a run without one."""

    def __init__(self, stubbed: Stubbed, manifests: dict[str, bytes | None]) -> None:
        self.client, self.stub = stubbed("s3")
        folders = [{"Prefix": f"runs/{run_id}/"} for run_id in sorted(manifests)]
        asked = {"Bucket": "output", "Prefix": "runs/", "Delimiter": "/"}
        self.stub.add_response("list_objects_v2", {"CommonPrefixes": folders}, asked)
        self.manifests = manifests

    def expect(self, *run_ids: str) -> None:
        for run_id in run_ids:
            asked = {"Bucket": "output", "Key": f"runs/{run_id}/manifest.json"}
            content = self.manifests[run_id]
            if content is None:
                self.stub.add_client_error("get_object", "NoSuchKey", expected_params=asked)
            else:
                self.stub.add_response("get_object", {"Body": _body(content)}, asked)


def _body(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


def test_the_last_run_with_both_kinds_of_job_tells_how_long_they_take(stubbed: Stubbed) -> None:
    both = [
        {"training": job("createdAt", 0, 100), "transform": job("createdAt", 100, 40)},
        {"training": job("startedAt", 0, 300), "transform": job("createdAt", 300, 60)},
        {"training": {"status": "Completed"}},
        {},
    ]
    runs = Runs(
        stubbed,
        {
            "1": manifest("1", {"training": job("createdAt", 0, 9), "transform": job("createdAt", 0, 9)}),
            "2": manifest("2", *both),
            "3": manifest("3", {"transform": job("createdAt", 0, 9)}),
            "4": None,
        },
    )
    runs.expect("4", "3", "2")
    assert read_durations(runs.client, "output") == Durations(200, 50, "2")


def test_jobs_too_short_for_aws_tell_nothing(stubbed: Stubbed) -> None:
    quick = {"training": job("createdAt", 0, 100), "transform": job("createdAt", 0, 2)}
    runs = Runs(stubbed, {"1": manifest("1", quick)})
    runs.expect("1")
    assert read_durations(runs.client, "output") == Durations()


def test_without_a_run_durations_are_assumed_alike(stubbed: Stubbed) -> None:
    durations = read_durations(Runs(stubbed, {}).client, "output")
    assert durations.training == durations.transform
    assert not durations.run_id


def test_only_the_last_runs_are_looked_into(stubbed: Stubbed) -> None:
    runs = Runs(stubbed, {f"{number:02}": None for number in range(20)})
    runs.expect(*(f"{number:02}" for number in range(19, 9, -1)))
    assert read_durations(runs.client, "output") == Durations()


def test_runs_that_may_not_be_read_are_told(stubbed: Stubbed) -> None:
    client, stub = stubbed("s3")
    stub.add_client_error("list_objects_v2", "AccessDenied", "not you")
    with pytest.raises(ServiceError, match="These credentials may not list the runs in output: not you"):
        read_durations(client, "output")


def test_a_manifest_that_is_none_tells_nothing(stubbed: Stubbed) -> None:
    runs = Runs(stubbed, {"1": b"{}"})
    runs.expect("1")
    assert read_durations(runs.client, "output") == Durations()
