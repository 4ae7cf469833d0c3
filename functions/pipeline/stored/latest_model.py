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

# Two runs may write an item's latest.json at the same time; the one that was slower reads it again and retries.
ATTEMPTS = 5
# Runs that are kept of each mode. After as many failures in a row the item's last success is no longer among them, and
# skipUnchanged does not skip the item.
MAX_LAST_RUNS = 5


class Step(NamedTuple):
    """The step CreateModel of one item in a run."""

    item: str
    mode: Mode
    run: LastRun


def find_latest(s3: S3Client, bucket: str, item: str) -> Latest | None:
    """Return the item's last accepted model, if there is one.

    Raises:
        DataNotReadableError: the file is not one that this application wrote.
    """
    stored = _find(s3, bucket, item)
    return stored.content if stored else None


def read_latest(s3: S3Client, bucket: str, item: str) -> Latest:
    """Return the item's last accepted model.

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


def describe_latest(item: str) -> str:
    """Return the name of the item's latest.json in error messages."""
    return f"latest.json of item {item!r}"


def save_trained_model(s3: S3Client, bucket: str, step: Step, trained: Latest) -> None:
    """Save the step's model as the item's last accepted one, unless a later run has trained that one.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        step: the run's step.
        trained: the model, without `last_runs`; this function adds them.
    """

    def update(latest: Latest | None) -> Latest | None:
        if latest and _training_order(latest) > _training_order(trained):
            return None
        return trained.model_copy(update={"last_runs": _last_runs_with(latest, step)})

    _update(s3, bucket, step.item, update)


def save_scoring_run(s3: S3Client, bucket: str, step: Step, model_data_url: str) -> None:
    """Add the step's run to the last runs of the item's last accepted model.

    Write nothing if the item's last accepted model is another one by now.
    """

    def update(latest: Latest | None) -> Latest | None:
        if latest is None or latest.model_data_url != model_data_url:
            return None
        return latest.model_copy(update={"last_runs": _last_runs_with(latest, step)})

    _update(s3, bucket, step.item, update)


def _training_order(latest: Latest) -> tuple[str, str]:
    """Return a sort key by the run that trained the model, which may be older than the rerun that accepted it.

    Run ids begin with their time.
    """
    return latest.trained_in or latest.run_id, latest.run_id


def _last_runs_with(latest: Latest | None, step: Step) -> dict[str, list[LastRun]]:
    """Return the item's last runs, with the step's run among them once."""
    last_runs = latest.last_runs if latest else {}
    others = [run for run in last_runs.get(step.mode, []) if run.run_id != step.run.run_id]
    newest = sorted([step.run, *others], key=lambda run: run.run_id, reverse=True)[:MAX_LAST_RUNS]
    return {**last_runs, step.mode: newest}


def _update(s3: S3Client, bucket: str, item: str, update: Callable[[Latest | None], Latest | None]) -> None:
    """Write the file as `update` returns it; if another run has written it meanwhile, read it and call `update` again."""
    key = layout.latest_key(item)
    for _ in range(ATTEMPTS):
        stored = _find(s3, bucket, item)
        content = update(stored.content if stored else None)
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
            f"{error}; this application did not write it: remove it and run the item again"
        ) from error
    return stored


def _check_place(latest: Latest, bucket: str, key: str, item: str) -> None:
    """Refuse a model of another item, and an artifact that no training of this stack wrote for the item."""
    own_prefix = layout.S3Location(bucket, layout.training_output_prefix(item)).uri
    if latest.item not in {None, item}:
        raise DataNotReadableError(f"s3://{bucket}/{key} is of item {latest.item!r}")
    # S3 takes `..` in a key literally, but a program that maps keys to folders may leave the prefix with it.
    if "/../" in latest.model_data_url or not latest.model_data_url.startswith(own_prefix):
        raise DataNotReadableError(
            f"s3://{bucket}/{key} names artifact {latest.model_data_url}, which is not under {own_prefix}"
        )
