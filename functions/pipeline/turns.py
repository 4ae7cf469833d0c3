"""Tells the first items of a large run apart in time, so that their create calls do not all come at once."""

from __future__ import annotations

from collections.abc import Sequence

# Below that there is little to collide, and nobody should wait for it.
FEWEST_AT_ONCE = 10
FEWEST_WAVES = 2
# SageMaker takes about one create call a second. Further apart, what jobs vary by does not bring them together again; but
# no wave is to take much longer to start than that spares.
LONGEST_GAP_IN_SECONDS = 7.5
SHORTEST_GAP_IN_SECONDS = 1.0
LONGEST_WAVE_IN_SECONDS = 150.0


def seconds_to_wait(training: Sequence[int], at_once: int) -> dict[int, int]:
    """How long each of the first items waits before its training; who need not wait is not in it.

    The figures are those of docs/decisions/0018.

    Args:
        training: indices of the items that start a training, in the order of the run.
        at_once: how many items are under way at the same time.
    """
    if at_once < FEWEST_AT_ONCE or len(training) < FEWEST_WAVES * at_once:
        return {}
    gap = max(SHORTEST_GAP_IN_SECONDS, min(LONGEST_GAP_IN_SECONDS, LONGEST_WAVE_IN_SECONDS / at_once))
    return {index: round(turn * gap) for turn, index in enumerate(training[:at_once]) if turn}
