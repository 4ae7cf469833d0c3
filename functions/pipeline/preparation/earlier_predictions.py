"""Finds an item's predictions of an earlier run, so that its next training can measure how accurate they were.

They are optional. Predictions that cannot be read, or that may expire before the training job starts, are left out,
because SageMaker fails a job whose channel has no objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from pipeline import layout, naming
from pipeline.aws import s3_objects
from pipeline.jobs.sagemaker_requests import EarlierPredictions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.documents import Latest

# Each run costs a HEAD request, until one has predictions.
MAX_RUNS_CHECKED = 3
# The job downloads them before the training starts. A million customers take about this many bytes.
MAX_BYTES = 100_000_000
# The longest time that an item of a large run may wait for its training job.
LONGEST_WAIT = timedelta(days=14)
# Storage classes of objects that must be restored before they can be read.
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
DAYS_METRIC = "probability_days"


def find_earlier_predictions(
    s3: S3Client, bucket: str, item: str, latest: Latest, own_file: str | None, now: datetime
) -> EarlierPredictions | None:
    """Return the item's newest predictions for its own customers, if a training job can read them.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        item: the item.
        latest: its last accepted model, with its last runs.
        own_file: name of the only file of its data, which runs in mode score have scored; None if there is no such file.
        now: when the run began.
    """
    for run_id, file_name in _scored_files(latest, own_file):
        folder = layout.S3Location(bucket, layout.predictions_prefix(item, run_id))
        uri = layout.predictions_uri(folder.uri, f"{folder.uri}{file_name}")
        description = s3_objects.describe_object(s3, uri)
        if description is not None and _is_readable(description, now + LONGEST_WAIT):
            return EarlierPredictions(uri, _probability_days(latest, run_id))
    return None


def _scored_files(latest: Latest, own_file: str | None) -> Iterator[tuple[str, str]]:
    """Yield the item's last runs, newest first, each with the name of the file that it scores without predictInput."""
    runs = [(run.run_id, layout.SAMPLE_FILE_NAME) for run in latest.last_runs.get("train", [])]
    if own_file is not None:
        runs += [(run.run_id, own_file) for run in latest.last_runs.get("score", [])]
    yield from sorted(runs, reverse=True)[:MAX_RUNS_CHECKED]


def _is_readable(description: dict[str, Any], until: datetime) -> bool:
    """Return whether a job can read the object from now until `until`, by S3's description."""
    if description.get("StorageClass") in ARCHIVES or description.get("ArchiveStatus"):
        return False
    expires = _expiry(description.get("Expiration", ""))
    return 0 < description["ContentLength"] <= MAX_BYTES and (expires is None or expires > until)


def _expiry(header: str) -> datetime | None:
    """Return the day on which a lifecycle rule removes an object: `expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", …`."""
    date = re.search(r'expiry-date="([^"]+)"', header)
    return parsedate_to_datetime(date[1]).replace(tzinfo=UTC) if date else None


def _probability_days(latest: Latest, run_id: str) -> int | None:
    """Return the horizon in the last accepted model's metrics, if the run has scored with that model."""
    if run_id != latest.run_id and not _is_later(run_id, latest.accepted_at):
        return None
    days = (latest.metrics or {}).get(DAYS_METRIC)
    return days if isinstance(days, int) and not isinstance(days, bool) and days > 0 else None


def _is_later(run_id: str, moment: str | None) -> bool:
    """Return whether the run began after the moment (ISO 8601 with its zone)."""
    if moment is None:
        return False
    accepted = datetime.fromisoformat(moment)
    return accepted.tzinfo is not None and naming.started_at(run_id) >= accepted
