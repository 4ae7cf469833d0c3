"""Names of runs, jobs and models: pure functions whose results AWS accepts, unique per item and run, readable."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

MAX_ITEM_LENGTH = 128
# TrainingJobName, TransformJobName, ModelName: 1-63 of [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62} (SageMaker API reference).
MAX_NAME_LENGTH = 63
MAX_TAG_LENGTH = 256
HASH_DIGITS = 6
# No two of 10,000 texts share 20 digits of their hash, and 20 digits fit into the shortest name.
MAX_HASH_DIGITS = 20

# (item, timestamp, hash digits) → name.
JobNameMaker = Callable[[str, str, int], str]


def item_problem(item: object) -> str | None:
    """Return what is wrong with an item's name, or None if it is allowed.

    A name becomes a folder in S3 and part of job names. It has 1-128 printable characters; "United Kingdom" and "台北"
    are allowed.
    """
    if not isinstance(item, str):
        return f"an item's name must be a string, not {json.dumps(item, default=str)[:40]}"
    if not item:
        return "an item's name must not be empty"
    if len(item) > MAX_ITEM_LENGTH:
        return f"an item's name has at most {MAX_ITEM_LENGTH} characters, not {len(item)}: {item[:40]!r}…"
    if not item.isprintable():
        return f"an item's name holds only printable characters and plain spaces: {item!r}"
    if item != item.strip():
        return f"an item's name must not begin or end with a space: {item!r}"
    if "/" in item or "\\" in item:
        return f"an item's name is one folder in S3 and must not contain '/' or '\\': {item!r}"
    if item in {".", ".."}:
        return f"an item's name must not be {item!r}"
    return None


def timestamp(moment: datetime) -> str:
    """Return `moment` in UTC to the millisecond, as `YYYYMMDDTHHMMSSsssZ` (19 characters)."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y%m%dT%H%M%S}{utc.microsecond // 1000:03d}Z"


def started_at(run_id: str) -> datetime:
    """Return the start of the run with this id, to the second."""
    return datetime.strptime(f"{run_id[:15]}Z", "%Y%m%dT%H%M%S%z")


def run_id(started: str, execution_name: str) -> str:
    """Return `<timestamp>-<execution name>`, with characters that S3 keys and tags allow.

    Args:
        started: timestamp of the execution's start.
        execution_name: the execution's name, at most 80 characters of nearly any kind.
    """
    return f"{started}-{_sanitize(execution_name, r'[^A-Za-z0-9_-]+', 80)}"


def training_job_name(item: str, started: str, digits: int = HASH_DIGITS) -> str:
    """Return `training-job-<item>-<timestamp>`; see `_job_name`."""
    return _job_name("training-job", item, started, digits)


def transform_job_name(item: str, started: str, digits: int = HASH_DIGITS) -> str:
    """Return `batch-transform-job-<item>-<timestamp>`; see `_job_name`."""
    return _job_name("batch-transform-job", item, started, digits)


def model_name(item: str, started: str, digits: int = HASH_DIGITS) -> str:
    """Return `model-<item>-<timestamp>`; see `_job_name`."""
    return _job_name("model", item, started, digits)


def hash_digits_for(items: Sequence[str], started: str) -> int:
    """Return how many hash digits make the names of all `items` of a run distinct; each item is given once.

    Six digits are nearly always enough, also for thousands of long or Chinese names.
    """
    makers: tuple[JobNameMaker, ...] = (training_job_name, transform_job_name, model_name)
    digits = HASH_DIGITS
    while digits < MAX_HASH_DIGITS and any(
        len({maker(item, started, digits) for item in items}) < len(items) for maker in makers
    ):
        digits += 2
    return digits


def tag_value(text: str) -> str:
    """Return `text` as the value of an AWS tag: letters, digits, spaces and _.:/=+-@, at most 256 characters."""
    return _sanitize(text, r"[^\w\s.:/=+\-@]+", MAX_TAG_LENGTH, replacement="_")


def _job_name(kind: str, item: str, started: str, digits: int) -> str:
    """Return a name that SageMaker accepts; the item is unchanged in it, or ends in digits of the item's hash.

    The name is in lower case, because SageMaker lower-cases names in ARNs, where those of `Item` and `item` would collide.
    """
    room = MAX_NAME_LENGTH - len(kind) - len(started) - 2
    return f"{kind}-{_sanitize(item, r'[^a-z0-9-]+', room, digits=digits, lower=True)}-{started}"


def _sanitize(
    text: str,
    refused: str,
    room: int,
    *,
    digits: int = HASH_DIGITS,
    lower: bool = False,
    replacement: str = "-",
) -> str:
    safe = re.sub(refused, replacement, text.lower() if lower else text)
    if lower:
        # SageMaker's pattern requires a letter or digit at both ends.
        safe = safe.strip("-")
    if safe == text and len(safe) <= room:
        return safe
    digest = hashlib.sha256(text.encode()).hexdigest()[:digits]
    kept = safe[: room - digits - 1].rstrip("-" if lower else "")
    return f"{kept}-{digest}" if kept else digest
