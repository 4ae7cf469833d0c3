"""All scenarios of one run, healthy items between them, and the account in which they happen."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.account.plan import Fault
from tests.chaos import scoring_scenarios, training_scenarios
from tests.chaos.scenario import Scenario

# One healthy item after so many troubled ones.
EVERY = 8
TROUBLED = [*training_scenarios.SCENARIOS, *scoring_scenarios.SCENARIOS]


def table(*, whole: bool) -> list[Scenario]:
    """Return the scenarios of the whole suite, or those of its sample, in the order of the run's items."""
    chosen = [scenario for scenario in TROUBLED if whole or scenario.sampled]
    found: list[Scenario] = []
    for number in range(0, len(chosen), EVERY):
        found += [Scenario(f"healthy-{number // EVERY}"), *chosen[number : number + EVERY]]
    return found


def faults_of(scenarios: Sequence[Scenario], run: str) -> list[Fault]:
    """All that goes wrong in the execution `run` of these items."""
    return [fault for index, scenario in enumerate(scenarios) for fault in scenario.faults_at(index, run)]
