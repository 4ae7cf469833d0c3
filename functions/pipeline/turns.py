"""Tells the first items of a large run apart in time, so that their create calls do not all come at once."""

from __future__ import annotations

from collections.abc import Sequence

# Below that there is little to collide, and nobody should wait for it.
FEWEST_AT_ONCE = 10
# SageMaker takes about one create call a second. Three times as far apart, the calls for the second jobs find room
# between those for the first, and what was refused comes back without being refused over and over.
GAP_IN_SECONDS = 3.0
# Where each of the first items is followed by others in its place, it pays to keep them further apart: jobs that vary
# by a little then stay apart, and fewer ask for an instance while the quota is full. But starting a wave is to take no
# longer than what an item takes on its way: two jobs of five minutes.
FEWEST_WAVES = 2
LONGEST_GAP_IN_SECONDS = 7.5
LONGEST_WAVE_IN_SECONDS = 600.0


def seconds_to_wait(items: Sequence[int], at_once: int) -> dict[int, int]:
    """How long each of the first items waits before its first job; who need not wait is not in it.

    The figures are those of docs/decisions/0026.

    Args:
        items: indices of the items that start a job, of whichever kind, in the order of the run.
        at_once: how many items may be under way at the same time.
    """
    first = items[:at_once]
    if len(first) < FEWEST_AT_ONCE:
        return {}
    gap = GAP_IN_SECONDS
    if len(items) >= FEWEST_WAVES * at_once:
        gap = max(gap, min(LONGEST_GAP_IN_SECONDS, LONGEST_WAVE_IN_SECONDS / at_once))
    return {index: round(turn * gap) for turn, index in enumerate(first) if turn}
