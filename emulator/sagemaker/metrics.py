"""Reads a training's metrics out of its log, as MetricDefinitions says."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any


class MetricScanner:
    """Keeps the last value of each metric whose expression was found in a line."""

    def __init__(self, definitions: list[dict[str, str]]) -> None:
        self._expressions = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self._last: dict[str, dict[str, Any]] = {}

    def watch(self, line: str) -> None:
        """Look at one line of the log."""
        for name, expression in self._expressions:
            found = expression.search(line)
            if found is None:
                continue
            try:
                value = float(found[1])
            except (TypeError, ValueError):
                continue
            # JSON has no NaN.
            if math.isfinite(value):
                self._last[name] = {"MetricName": name, "Value": value, "Timestamp": datetime.now(UTC)}

    @property
    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList, in the order of the definitions."""
        return [self._last[name] for name, _ in self._expressions if name in self._last]
