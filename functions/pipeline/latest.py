"""Each item's latest.json: its last accepted model, and its last runs in each mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from pipeline import aws, layout
from pipeline.errors import DataNotFoundError, DataNotReadableError, ServiceUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.fields import Mode

Content = dict[str, Any]

# Two runs may race for an item's latest.json; each attempt of one of them settles it for that one.
ATTEMPTS = 5
# Of each mode. An item that fails so often in a row is done again, as its last success is no longer among them.
RUNS_NOTED = 5


class LastRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run that has taken a model of the item through one mode.

    Attributes:
        run_id: the run.
        record_key: where its record of the item is, once it has ended.
        fingerprint: what the item's result was made of (`pipeline.unchanged`).
    """

    run_id: str
    record_key: str
    fingerprint: str


class Latest(Struct, frozen=True, kw_only=True, rename="camel"):
    """An item's last accepted model.

    Attributes:
        run_id: the run that accepted it.
        model_name: its name in SageMaker, where runs remove it after scoring.
        model_data_url: its artifact.
        image: the image that trained and serves it.
        environment: the item's own variables.
        metrics: what its training said of it.
        trained_in: the run in whose folder its training wrote, where that is another.
        last_runs: mode to the runs of the item that came so far in it, with this model or an earlier one, newest first.
    """

    run_id: str
    model_name: str
    model_data_url: str
    image: str
    environment: dict[str, str] = {}
    metrics: dict[str, Any] | None = None
    trained_in: str | None = None
    last_runs: dict[str, list[LastRun]] = {}


class Step(NamedTuple):
    """The step of a run that uses a model: CreateModel of one item."""

    item: str
    mode: Mode
    run: LastRun


def find_latest(s3: S3Client, bucket: str, item: str) -> Latest | None:
    """The item's last accepted model, if there is one.

    Raises:
        DataNotReadableError, ServiceRefusedError: the file is not one that this application wrote.
    """
    found = _find(s3, bucket, item)
    return found[0] if found else None


def read_latest(s3: S3Client, bucket: str, item: str) -> Latest:
    """The item's last accepted model.

    Raises:
        DataNotFoundError: it has none yet.
        DataNotReadableError, ServiceRefusedError: the file is not one that this application wrote.
    """
    latest = find_latest(s3, bucket, item)
    if latest is None:
        raise DataNotFoundError(
            f"item {item!r} has no accepted model yet (no s3://{bucket}/{layout.latest_key(item)}); run it once with"
            " mode train, or name the model"
        )
    return latest


def remember_training(s3: S3Client, bucket: str, step: Step, model: Mapping[str, Any]) -> None:
    """Makes the step's model the item's last accepted one, unless that was trained by a younger run.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        step: the run's step.
        model: trainingJobName, trainedIn, modelName, modelDataUrl, image, environment and metrics.
    """
    run_id = step.run.run_id
    content = {
        "item": step.item,
        "runId": run_id,
        "acceptedAt": datetime.now(UTC).isoformat(),
        **model,
    }
    # Run ids begin with their time, so they compare. A rerun may be young and have kept a training that is old.
    age = (model["trainedIn"] or run_id, run_id)

    def changed(_: Content | None, latest: Latest | None) -> Content | None:
        if latest and (latest.trained_in or latest.run_id, latest.run_id) > age:
            return None
        return content | {"lastRuns": _noted(latest.last_runs if latest else {}, step)}

    _change(s3, bucket, step.item, changed)


def remember_scoring(s3: S3Client, bucket: str, step: Step, model_data_url: str) -> None:
    """Notes that the step's run scored with the item's last accepted model.

    Nothing is noted where that is another model by now.
    """

    def changed(content: Content | None, latest: Latest | None) -> Content | None:
        if content is None or latest is None or latest.model_data_url != model_data_url:
            return None
        return content | {"lastRuns": _noted(latest.last_runs, step)}

    _change(s3, bucket, step.item, changed)


def _noted(last_runs: Mapping[str, list[LastRun]], step: Step) -> Content:
    """The runs with the step's among them, once, as they are written."""
    others = [run for run in last_runs.get(step.mode, []) if run.run_id != step.run.run_id]
    newest = sorted([step.run, *others], key=lambda run: run.run_id, reverse=True)[:RUNS_NOTED]
    noted: Content = msgspec.to_builtins({**last_runs, step.mode: newest})
    return noted


def _change(
    s3: S3Client, bucket: str, item: str, changed: Callable[[Content | None, Latest | None], Content | None]
) -> None:
    """Writes what `changed` makes of the file, and asks it again where another run was quicker."""
    key = layout.latest_key(item)
    for _ in range(ATTEMPTS):
        found = _find(s3, bucket, item)
        latest, stored = found or (None, None)
        content = changed(stored.content if stored else None, latest)
        if content is None:
            return
        condition: Any = {"only_if_etag": stored.etag} if stored else {"only_if_absent": True}
        if aws.write_json(s3, bucket, key, content, **condition):
            return
    raise ServiceUnavailableError(f"s3://{bucket}/{key} changes too often to be written")


def _find(s3: S3Client, bucket: str, item: str) -> tuple[Latest, aws.Stored] | None:
    key = layout.latest_key(item)
    stored = aws.read_json(s3, bucket, key)
    if stored is None:
        return None
    try:
        return _parsed(stored.content), stored
    except msgspec.ValidationError as error:
        raise DataNotReadableError(
            f"s3://{bucket}/{key} is not one that this application wrote ({error}); remove it and run the item again"
        ) from error


def _parsed(content: object) -> Latest:
    try:
        return msgspec.convert(content, Latest)
    except msgspec.ValidationError:
        if not isinstance(content, dict):
            raise
        # The runs only save work: where they cannot be told, the model still can.
        return msgspec.convert({key: value for key, value in content.items() if key != "lastRuns"}, Latest)
