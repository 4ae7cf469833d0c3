"""Finds an item's predictions of an earlier run, so that its next training can tell how they did.

Nothing depends on them: what cannot be read, or might be gone before the training job starts, is not handed over, since
SageMaker fails a job that has a channel without objects.
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

# Of the item's last runs; one HEAD request each, until one has predictions.
RUNS_LOOKED_AT = 3
# Downloaded before the training starts, to its volume: a million customers of our image have about so many.
MAX_BYTES = 100_000_000
# An item of a large run may wait so long for its training job.
LONGEST_WAIT = timedelta(days=14)
# Storage classes that cannot be read before they are restored.
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
DAYS_METRIC = "probability_days"


def find_earlier_predictions(
    s3: S3Client, bucket: str, item: str, latest: Latest, own_file: str | None, now: datetime
) -> EarlierPredictions | None:
    """The item's newest predictions for its own customers that a training job can read.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        item: the item.
        latest: its last accepted model, with the runs that are noted there.
        own_file: name of the one file of its data, which runs in mode score have scored; None if there is not one.
        now: when the run began.
    """
    for run_id, file_name in _scored(latest, own_file):
        folder = layout.S3Location(bucket, layout.predictions_prefix(item, run_id))
        uri = layout.predictions_uri(folder.uri, f"{folder.uri}{file_name}")
        found = s3_objects.describe_object(s3, uri)
        if found is not None and _can_be_read(found, now + LONGEST_WAIT):
            return EarlierPredictions(uri, _probability_days(latest, run_id))
    return None


def _scored(latest: Latest, own_file: str | None) -> Iterator[tuple[str, str]]:
    """The item's last runs, newest first, and the file that each has scored if it was given no other."""
    runs = [(run.run_id, layout.SAMPLE_FILE_NAME) for run in latest.last_runs.get("train", [])]
    if own_file is not None:
        runs += [(run.run_id, own_file) for run in latest.last_runs.get("score", [])]
    yield from sorted(runs, reverse=True)[:RUNS_LOOKED_AT]


def _can_be_read(found: dict[str, Any], until: datetime) -> bool:
    """Whether a job can read the object, today and on the day `until`, as far as S3 knows."""
    if found.get("StorageClass") in ARCHIVES or found.get("ArchiveStatus"):
        return False
    expires = _expiry(found.get("Expiration", ""))
    return 0 < found["ContentLength"] <= MAX_BYTES and (expires is None or expires > until)


def _expiry(header: str) -> datetime | None:
    """The day on which a lifecycle rule removes an object, from `expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", …`."""
    date = re.search(r'expiry-date="([^"]+)"', header)
    return parsedate_to_datetime(date[1]).replace(tzinfo=UTC) if date else None


def _probability_days(latest: Latest, run_id: str) -> int | None:
    """What the metrics of the last model say, if the run has scored with that model and with no earlier one."""
    if run_id != latest.run_id and not _is_later(run_id, latest.accepted_at):
        return None
    days = (latest.metrics or {}).get(DAYS_METRIC)
    return days if isinstance(days, int) and not isinstance(days, bool) and days > 0 else None


def _is_later(run_id: str, moment: str | None) -> bool:
    """Whether the run began after the moment (ISO 8601 with its zone)."""
    if moment is None:
        return False
    accepted = datetime.fromisoformat(moment)
    return accepted.tzinfo is not None and naming.started_at(run_id) >= accepted
