"""A discrete-event model of items that share an account: instance quotas, rates of calls, caps and retriers."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.retriers import Retrier, find_retrier

# The number of STANDARD child executions of a Distributed Map that start in a second (AWS Step Functions Developer Guide,
# quotas).
CHILDREN_PER_SECOND = 100.0
THROTTLED = "SageMaker.AmazonSageMakerException"
QUOTA_FULL = "SageMaker.ResourceLimitExceededException"
# Far smaller than the time between calls, far larger than rounding errors of sums of seconds.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Stage:
    """One job of every item, and the account's limits for such jobs.

    Attributes:
        seconds: how long a job holds its instance.
        quota: largest number of instances in use at the same time.
        retriers: retriers of the state that creates the job.
        rate: allowed create calls per second.
        burst: create calls that are allowed at once.
        spread: each job's seconds are drawn evenly between this share below and this share above `seconds`.
    """

    seconds: float
    quota: int
    retriers: Sequence[Retrier]
    rate: float = 1.0
    burst: int = 1
    spread: float = 0.0


@dataclass(frozen=True)
class Load:
    """A map over items.

    Attributes:
        items: number of items.
        cap: largest number of items at once; None for all.
        turns: seconds that the first items wait before their first call, in the order in which they start.
    """

    items: int
    cap: int | None = None
    turns: Sequence[float] = ()


@dataclass(frozen=True)
class Outcome:
    """The result for all items.

    Attributes:
        makespan: seconds until the last item ended.
        calls: number of create calls, refused ones included.
        jobs: number of jobs started.
        lost: number of items whose retriers had no more retries.
        in_use: largest number of instances at the same time, by stage.
    """

    makespan: float
    calls: int
    jobs: int
    lost: int
    in_use: tuple[int, ...]


@dataclass
class Bucket:
    """A token bucket: full at first, refilled at a rate; a call takes a token, or is refused and takes none."""

    rate: float
    burst: int
    tokens: float = field(init=False)
    seen: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Fill the bucket."""
        self.tokens = float(self.burst)

    def take(self, now: float) -> bool:
        """Take a token; return whether there was one. `now` must not decrease between calls."""
        self.tokens = min(self.burst, self.tokens + (now - self.seen) * self.rate)
        self.seen = now
        if self.tokens < 1 - ROUNDING:
            return False
        self.tokens -= 1
        return True


def simulate(stages: Sequence[Stage], loads: Sequence[Load], seed: int) -> Outcome:
    """Simulate all items of all maps through all stages; the maps start together and share the account.

    Only jobs, and waits between calls, take time. As in SageMaker, the rate is checked before the quota, so a call that
    finds no instance has used its token.
    """
    return _Model(stages, seed).run(loads)


def bound(stages: Sequence[Stage], items: int) -> float:
    """Return a near lower bound of the makespan: the busiest stage's jobs or calls, and once all jobs of an item.

    The latter is the time in which the stages fill up at the start and run empty at the end.
    """
    busiest = max(max(items * stage.seconds / stage.quota, items / stage.rate) for stage in stages)
    return busiest + sum(stage.seconds for stage in stages)


class _Model:
    """The state of the account, and its next events."""

    def __init__(self, stages: Sequence[Stage], seed: int) -> None:
        self._stages = stages
        self._draw = random.Random(seed)  # noqa: S311, no secret: the same seed gives the same figures
        self._buckets = [Bucket(stage.rate, stage.burst) for stage in stages]
        self._in_use = [0] * len(stages)
        self._most_in_use = [0] * len(stages)
        # The time, the order among events at the same time, the map, and the item that continues then.
        self._agenda: list[tuple[float, int, int, Iterator[float]]] = []
        self._entries = self._calls = self._jobs = self._lost = 0
        self._now = 0.0

    def run(self, loads: Sequence[Load]) -> Outcome:
        started = [0] * len(loads)
        next_start = [0.0] * len(loads)

        def start_one(of: int) -> None:
            if started[of] < loads[of].items:
                turn = next(iter(loads[of].turns[started[of] :]), 0.0)
                started[of] += 1
                at = max(self._now, next_start[of])
                next_start[of] = at + 1 / CHILDREN_PER_SECOND
                self._enter(at + turn, of, self._go_through())

        for index, load in enumerate(loads):
            for _ in range(load.items if load.cap is None else load.cap):
                start_one(index)
        while self._agenda:
            self._now, _, of, item = heapq.heappop(self._agenda)
            pause = next(item, None)
            if pause is None:
                start_one(of)
            else:
                self._enter(self._now + pause, of, item)
        return Outcome(self._now, self._calls, self._jobs, self._lost, tuple(self._most_in_use))

    def _enter(self, at: float, of: int, item: Iterator[float]) -> None:
        self._entries += 1
        heapq.heappush(self._agenda, (at, self._entries, of, item))

    def _go_through(self) -> Iterator[float]:
        """Run one item; yield the seconds of each pause."""
        for index, stage in enumerate(self._stages):
            retries: Counter[int] = Counter()
            while error := self._ask(index):
                which = find_retrier(stage.retriers, error)
                if which is None:
                    self._lost += 1
                    return
                retries[which] += 1
                wait = stage.retriers[which].wait(retries[which], self._draw)
                if wait is None:
                    self._lost += 1
                    return
                yield wait
            yield stage.seconds * self._draw.uniform(1 - stage.spread, 1 + stage.spread)
            self._in_use[index] -= 1

    def _ask(self, index: int) -> str | None:
        self._calls += 1
        if not self._buckets[index].take(self._now):
            return THROTTLED
        if self._in_use[index] >= self._stages[index].quota:
            return QUOTA_FULL
        self._jobs += 1
        self._in_use[index] += 1
        self._most_in_use[index] = max(self._most_in_use[index], self._in_use[index])
        return None
