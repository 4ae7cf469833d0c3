"""How many processors a container may use, by the files in which Linux says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from next_purchase.processors import count_processors

if TYPE_CHECKING:
    from pathlib import Path

MACHINES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("files", "processors"),
    [
        pytest.param({"cpu.max": "50000 100000\n"}, 1, id="half"),
        pytest.param({"cpu.max": "150000 100000\n"}, min(2, MACHINES), id="one-and-a-half"),
        pytest.param({"cpu.max": "100000 100000\n"}, 1, id="one"),
        pytest.param({"cpu.max": "max 100000\n"}, MACHINES, id="no-limit"),
        pytest.param({"cpu.max": "99900000 100000\n"}, MACHINES, id="more-than-there-are"),
        pytest.param({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1, id="version-1"),
        pytest.param({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, MACHINES, id="none-1"),
        pytest.param({"cpu.max": ""}, MACHINES, id="empty"),
        pytest.param({}, MACHINES, id="no-file"),
    ],
)
def test_the_quota_bounds_the_processors(tmp_path: Path, files: dict[str, str], processors: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    assert count_processors(tmp_path) == processors
