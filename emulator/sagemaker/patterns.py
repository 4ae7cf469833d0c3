r"""Turns the regular expressions of AWS's service models, which are Java's, into Python's.

Only what those models use is translated: `\p{L}`, `\p{Z}`, `\p{N}`, `\p{Alnum}` and their like inside classes.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import cache
from itertools import chain, groupby

# Java's POSIX classes are ASCII only.
_POSIX = {
    "Alnum": "0-9A-Za-z",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
}
# Unicode assigns nothing in the planes between, and only private characters above.
_ASSIGNED = (range(0x40000), range(0xE0000, 0xE1000))
# A service's patterns are few. The first requests come at once: the first of them alone translates a pattern.
_compiled: dict[str, re.Pattern[str]] = {}
_compiling = threading.Lock()
_PROPERTY = re.compile(r"\\p\{(?:Is)?([A-Za-z]+)\}|\\p([A-Z])")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the Python equivalent of a service model's pattern; match it with `fullmatch`, as AWS does."""
    if pattern not in _compiled:
        with _compiling:
            if pattern not in _compiled:
                _compiled[pattern] = _translate(pattern)
    return _compiled[pattern]


def _translate(pattern: str) -> re.Pattern[str]:
    # In Java `\\d`, `\\w` and `\\s` are ASCII by default; Unicode only enters through \p classes.
    return re.compile(_PROPERTY.sub(_class_members, pattern), re.ASCII)


def _class_members(found: re.Match[str]) -> str:
    name = found[1] or found[2]
    return _POSIX[name] if name in _POSIX else _category_members(name)


def _category_members(category: str) -> str:
    """Every character of a Unicode category (`L`, `Nd`, …) as ranges that stand inside brackets."""
    runs = _runs_of_categories()
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for name, first, last in runs if name.startswith(category))


@cache
def _runs_of_categories() -> list[tuple[str, int, int]]:
    """Return neighbours of one category as its name, the first and the last of them."""
    runs = []
    for name, points in groupby(chain(*_ASSIGNED), lambda point: unicodedata.category(chr(point))):
        first, *others = points
        runs.append((name, first, others[-1] if others else first))
    return runs
