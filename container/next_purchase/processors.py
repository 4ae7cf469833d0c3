"""The number of processors that this process may use, which in a container is often less than the machine has.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and
https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us, of version 1).
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def count_processors(cgroups: Path = CGROUPS) -> int:
    """Return the processors that the process may run on, or its control group's quota rounded up if that is less.

    Args:
        cgroups: the folder of the container's control group.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read_quota(cgroups)
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _read_quota(cgroups: Path) -> float | None:
    """Return the quota in processors; None without a limit."""
    parts: list[str] = []
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError):
            parts = " ".join((cgroups / name).read_text(encoding="ascii") for name in names).split()
            break
    # Without a limit, version 2 says max, and version 1 says -1.
    with suppress(ValueError):
        quota, period = map(int, parts)
        if quota > 0 and period > 0:
            return quota / period
    return None
