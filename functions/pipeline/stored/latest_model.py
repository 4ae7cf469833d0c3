"""Each item's latest.json: its last accepted model, and its last runs in each mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import layout
from pipeline.aws import s3_objects
from pipeline.documents import LastRun, Latest
from pipeline.errors import DataNotFoundError, DataNotReadableError, ServiceUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.fields import Mode

# Two runs may race for an item's latest.json; each attempt of one of them settles it for that one.
ATTEMPTS = 5
# Of each mode. An item that fails so often in a row is done again, as its last success is no longer among them.
RUNS_NOTED = 5


class Step(NamedTuple):
    """The step of a run that uses a model: CreateModel of one item."""

    item: str
    mode: Mode
    run: LastRun


def find_latest(s3: S3Client, bucket: str, item: str) -> Latest | None:
    """The item's last accepted model, if there is one.

    Raises:
        DataNotReadableError: the file is not one that this application wrote.
    """
    stored = _find(s3, bucket, item)
    return stored.content if stored else None


def read_latest(s3: S3Client, bucket: str, item: str) -> Latest:
    """The item's last accepted model.

    Raises:
        DataNotFoundError: it has none yet.
        DataNotReadableError: the file is not one that this application wrote.
    """
    latest = find_latest(s3, bucket, item)
    if latest is None:
        raise DataNotFoundError(
            f"item {item!r} has no accepted model yet (no s3://{bucket}/{layout.latest_key(item)}); run it once with"
            " mode train, or name the model"
        )
    return latest


def described(item: str) -> str:
    """How messages call the item's latest.json."""
    return f"latest.json of item {item!r}"


def remember_training(s3: S3Client, bucket: str, step: Step, trained: Latest) -> None:
    """Makes the step's model the item's last accepted one, unless that was trained by a younger run.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        step: the run's step.
        trained: the model; the runs that are noted already are added here.
    """

    def changed(latest: Latest | None) -> Latest | None:
        if latest and _age(latest) > _age(trained):
            return None
        return trained.model_copy(update={"last_runs": _noted(latest, step)})

    _change(s3, bucket, step.item, changed)


def remember_scoring(s3: S3Client, bucket: str, step: Step, model_data_url: str) -> None:
    """Notes that the step's run scored with the item's last accepted model.

    Nothing is noted where that is another model by now.
    """

    def changed(latest: Latest | None) -> Latest | None:
        if latest is None or latest.model_data_url != model_data_url:
            return None
        return latest.model_copy(update={"last_runs": _noted(latest, step)})

    _change(s3, bucket, step.item, changed)


def _age(latest: Latest) -> tuple[str, str]:
    """Run ids begin with their time, so they compare. A rerun may be young and have kept a training that is old."""
    return latest.trained_in or latest.run_id, latest.run_id


def _noted(latest: Latest | None, step: Step) -> dict[str, list[LastRun]]:
    """The item's last runs with the step's among them, once."""
    last_runs = latest.last_runs if latest else {}
    others = [run for run in last_runs.get(step.mode, []) if run.run_id != step.run.run_id]
    newest = sorted([step.run, *others], key=lambda run: run.run_id, reverse=True)[:RUNS_NOTED]
    return {**last_runs, step.mode: newest}


def _change(s3: S3Client, bucket: str, item: str, changed: Callable[[Latest | None], Latest | None]) -> None:
    """Writes what `changed` makes of the file, and asks it again where another run was quicker."""
    key = layout.latest_key(item)
    for _ in range(ATTEMPTS):
        stored = _find(s3, bucket, item)
        content = changed(stored.content if stored else None)
        if content is None:
            return
        condition: Any = {"only_if_etag": stored.etag} if stored else {"only_if_absent": True}
        if s3_objects.write_document(s3, bucket, key, content, **condition):
            return
    raise ServiceUnavailableError(f"s3://{bucket}/{key} changes too often to be written")


def _find(s3: S3Client, bucket: str, item: str) -> s3_objects.Stored[Latest] | None:
    key = layout.latest_key(item)
    try:
        stored = s3_objects.read_document(s3, bucket, key, Latest)
        if stored is not None:
            _check_place(stored.content, bucket, key, item)
    except DataNotReadableError as error:
        raise DataNotReadableError(
            f"{error}; it is not one that this application wrote: remove it and run the item again"
        ) from error
    return stored


def _check_place(latest: Latest, bucket: str, key: str, item: str) -> None:
    """Refuses a model of another item, or of a file that no training of this stack wrote for it."""
    own_prefix = layout.S3Location(bucket, layout.training_output_prefix(item)).uri
    if latest.item not in {None, item}:
        raise DataNotReadableError(f"s3://{bucket}/{key} is of item {latest.item!r}")
    # A key with `..` in it is no way out in S3, but whoever unpacks it into folders may take it for one.
    if "/../" in latest.model_data_url or not latest.model_data_url.startswith(own_prefix):
        raise DataNotReadableError(
            f"s3://{bucket}/{key} names artifact {latest.model_data_url}, which is not under {own_prefix}"
        )
