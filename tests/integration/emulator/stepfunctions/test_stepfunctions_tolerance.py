"""A child that dies of what nothing can catch counts against the map's tolerance like any other failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .test_stepfunctions_distributed_map import counts, distributed, items

if TYPE_CHECKING:
    from .conftest import World


@pytest.mark.parametrize(
    ("item", "error"),
    [
        pytest.param({}, "States.Runtime", id="missing-field"),
        pytest.param({"index": 3, "pad": "x" * 262_144}, "States.DataLimitExceeded", id="input-too-large"),
        pytest.param({"index": 3, "call": 1}, "States.DataLimitExceeded", id="result-too-large"),
    ],
)
@pytest.mark.parametrize(
    ("tolerated", "status"), [(25, "SUCCEEDED"), (24, "FAILED")], ids=["tolerated", "too-many"]
)
def test_child_that_dies_counts_as_failed(
    world: World, item: Any, error: str, tolerated: int, status: str
) -> None:
    world.functions.answer = lambda _: ("x" * 262_144, None)
    run = world.run(distributed(world, [*items(3), item], ToleratedFailurePercentage=tolerated))

    assert run.described["status"] == status
    assert counts(world.map_run(run.arn)).get("failed") == 1
    (dead,) = world.children(run.arn, "FAILED")
    assert world.describe(dead["executionArn"])["error"] == error
