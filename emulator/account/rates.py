"""Counts an account's API calls against its rates."""

from __future__ import annotations

import threading
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.account.plan import Rate
    from emulator.clock import Clock


class RateLimiter:
    """A token bucket for each rate and Region, filled by the account's clock.

    Args:
        rates: the first that matches an action holds for it.
        clock: the account's.
        now: seconds of this machine.
    """

    def __init__(self, rates: Sequence[Rate], clock: Clock, now: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        # Tokens left, and when that was so.
        self._buckets: dict[tuple[int, str], tuple[float, float]] = {}

    def __bool__(self) -> bool:
        """Whether there is any rate."""
        return bool(self._rates)

    def admits(self, action: str, region: str) -> bool:
        """Take a token for one call; false if there is none, and the call is to be refused."""
        for number, rate in enumerate(self._rates):
            if fnmatchcase(action, rate.action):
                return self._take((number, region), rate)
        return True

    def _take(self, bucket: tuple[int, str], rate: Rate) -> bool:
        with self._lock:
            now = self._now()
            tokens, since = self._buckets.get(bucket, (float(rate.burst), now))
            tokens = min(float(rate.burst), tokens + self._clock.aws_seconds(now - since) * rate.per_second)
            admitted = tokens >= 1.0
            self._buckets[bucket] = (tokens - 1.0 if admitted else tokens, now)
            return admitted
