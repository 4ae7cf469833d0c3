"""A run on an account with quotas and rates, as the benchmarks measure it: what it leaves is read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.emulated_runs import emulated_stack, most_at_once, quotas
from benchmarks.scale import INSTANCE_TYPE
from emulator.account.plan import Account, Rate, StandInJobs

ACCOUNT = Account(
    time_scale=100,
    jobs=StandInJobs(training_seconds=100, transform_seconds=50),
    quotas=quotas(INSTANCE_TYPE, 2),
    rates=[Rate(action="CreateTrainingJob", per_second=0.1)],
)
ITEMS = ["a", "b", "c"]


def test_a_runs_verdicts_jobs_and_histories_are_read(tmp_path: Path) -> None:
    with emulated_stack(ACCOUNT, tmp_path) as stack:
        stack.upload(ITEMS)
        with pytest.raises(LookupError, match=r"^broken ended FAILED without a manifest: \S"):
            stack.run({"itemList": []}, "broken", patience=60)
        run = stack.run({"itemList": [*ITEMS, "without-data"], "maxConcurrency": 4}, "some", patience=100)
        map_seconds = stack.map_seconds(run)
        children = list(stack.children(run))
        trainings, transforms = stack.training_jobs(), stack.transform_jobs()
    assert run.statuses == dict.fromkeys(ITEMS, "SUCCEEDED") | {"without-data": "FAILED"}
    assert run.run_id.endswith("-some")
    assert len(trainings) == len(transforms) == 3
    assert most_at_once(trainings) <= 2
    refused, *trained = sorted(children, key=lambda child: child.jobs)
    # CheckItem, RecordFailure, ItemFailed.
    assert (refused.calls, refused.transitions) == (0, 3)
    assert [child.jobs for child in trained] == [2, 2, 2]
    # One call passes in ten seconds, and all three come at once.
    assert sum(child.calls for child in trained) > 6
    for child in trained:
        assert child.job_seconds >= 1.5
        assert child.retried == (child.refused_seconds > 0)
        assert child.function_seconds > 0
        assert 0 <= child.rest < child.seconds
    assert max(child.seconds for child in children) <= map_seconds < run.seconds
