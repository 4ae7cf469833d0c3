"""Decides which of a plan's faults happens at which call, the same way every time."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.account.plan import Account, Fault

# What differs from one run of the same items to the next: UUIDs, hashes, times and numbers made of them, and what
# CloudFormation puts behind the names of buckets and functions.
_PASSING = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32,}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.]*|\d{8,}"
    r"|(?<=-)[A-Za-z0-9]{12}(?![A-Za-z0-9-])"
)


class FaultMatcher:
    """Those faults of an account that `wanted` picks, with the attempts counted so far.

    Chance is drawn from the seed, the fault, the name without what passes (times, random letters), and the attempt:
    neither the order of threads nor the moment of a run decides, and a second run of the same item draws anew.
    """

    def __init__(self, account: Account, wanted: Callable[[Fault], bool]) -> None:
        self._seed = account.seed
        self._faults = [(number, fault) for number, fault in enumerate(account.faults) if wanted(fault)]
        # By fault and by the subject of the calls; a digest, since an event may be long.
        self._attempts: Counter[tuple[int, bytes]] = Counter()
        self._times: Counter[int] = Counter()
        self._by_action: dict[str, list[tuple[int, Fault]]] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._faults)

    def concerns(self, action: str) -> bool:
        """Whether any fault names this action."""
        return bool(self._of_action(action))

    def happening(self, action: str, name: str, body: str = "", *, counted_by: str | None = None) -> Fault | None:
        """Return what happens at this call of `action` for `name`; the call is counted.

        Args:
            action: an API's action, or a job's run.
            name: job, model, function, or bucket/key.
            body: of the request.
            counted_by: whose attempts are counted, `name` if None.
        """
        subject = name if counted_by is None else counted_by
        found: Fault | None = None
        for number, fault in self._of_action(action):
            if not fnmatchcase(name, fault.name) or fault.payload not in body:
                continue
            by_chance = fault.probability is not None
            whose = hashlib.blake2b((_PASSING.sub("#", subject) if by_chance else subject).encode()).digest()
            with self._lock:
                self._attempts[number, whose] += 1
                attempt = self._attempts[number, whose]
                if found is None and self._happens(number, fault, whose, attempt):
                    self._times[number] += 1
                    found = fault
        return found

    def _of_action(self, action: str) -> list[tuple[int, Fault]]:
        # There are few actions, so each is matched once and remembered.
        if action not in self._by_action:
            self._by_action[action] = [(n, one) for n, one in self._faults if fnmatchcase(action, one.action)]
        return self._by_action[action]

    def _happens(self, number: int, fault: Fault, whose: bytes, attempt: int) -> bool:
        if fault.times is not None and self._times[number] >= fault.times:
            return False
        if fault.probability is not None:
            drawn = hashlib.blake2b(f"{self._seed} {number} {attempt} ".encode() + whose).digest()
            return int.from_bytes(drawn[:8]) < fault.probability * 2**64
        return not fault.attempts or attempt in fault.attempts
