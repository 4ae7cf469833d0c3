"""Selects the items that a rerun has to run, and the completed trainings that it can use again.

A run, its reruns and their reruns are a family, named after its first run. No item may be run twice, even if the same
rerun is started twice or two reruns at once. So a rerun first writes a marker into the family's folder, and then reads
the state of the whole family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, NamedTuple

from pipeline import layout, naming
from pipeline.aws import clients, executions, s3_objects, sagemaker_api
from pipeline.contracts import ItemRequest, parse_event
from pipeline.data import input_versions
from pipeline.documents import (
    JOB_COMPLETED,
    SUCCEEDED,
    PreparedRun,
    Record,
    RerunMarker,
    TrainingJob,
    training_job_of,
)
from pipeline.errors import (
    DataChangedError,
    DataNotFoundError,
    DataNotReadableError,
    DataTooLargeError,
    InvalidRequestError,
    ModelWorseThanBaselineError,
    NameTakenError,
    NothingToRerunError,
    RunConflictError,
    RunNotEndedError,
    RunNotFoundError,
    ServiceUnavailableError,
    StateError,
    UserError,
)
from pipeline.observability import logger
from pipeline.stored import run_files
from pipeline.stored.run_files import BrokenRecord
from pipeline.summary import scored_data
from pipeline.summary.clean_up import clean_up
from pipeline.summary.verdicts import verdict_of
from pipeline.work_list import Line

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

    from pipeline.fields import Mode

# SageMaker accepts a few DescribeTrainingJob calls a second for an account.
PARALLEL_DESCRIBES = 4
# Errors of CreateModel for a training whose output it could not unpack; another training may write a usable one.
OUTPUT_ERRORS = {error.__name__ for error in (DataNotFoundError, DataNotReadableError, DataTooLargeError)}


@dataclass(frozen=True)
class KeptTraining:
    """A completed training job of an earlier run, whose model the rerun scores with.

    Attributes:
        training: the job, as the state machine keeps it.
        trained_in: the run in whose folder the training wrote sample_prediction.csv and metrics.json.
        image: the image that trained the model and must serve it.
        training_fingerprint: the model's fingerprint (`pipeline.preparation.fingerprints`).
        model_refused: whether its model did not pass the gate; a model with the same fingerprint would not either.
    """

    training: TrainingJob
    trained_in: str
    image: str
    training_fingerprint: str
    model_refused: bool = False


@dataclass(frozen=True)
class Rerun:
    """The items and settings of a rerun.

    Attributes:
        mode: the original run's mode.
        max_concurrency: the original run's maxConcurrency.
        tolerated_failure_percentage: the original run's toleratedFailurePercentage.
        entries: the items that have not succeeded, as originally requested, in the order of the original run.
        kept: item to its completed training; items without one are trained.
    """

    mode: Mode
    max_concurrency: int
    tolerated_failure_percentage: float
    entries: list[ItemRequest]
    kept: Mapping[str, KeptTraining]


class Services(NamedTuple):
    """The AWS clients that PrepareRun uses; all but S3's are created only when needed, because creating one takes time."""

    s3: S3Client
    stepfunctions: Callable[[], SFNClient]
    sagemaker: Callable[[], SageMakerClient]
    iam: Callable[[], IAMClient] = clients.iam_client


class CurrentRerun(NamedTuple):
    """The rerun that is being prepared: its run id and its execution."""

    run_id: str
    execution_arn: str


class _Attempt(NamedTuple):
    """An item in one run of the family."""

    run_id: str
    line: Line
    record: Record | BrokenRecord | None


def select_for_rerun(
    rerun_of: str, current: CurrentRerun, bucket: str, services: Services, *, keep_models: bool
) -> Rerun:
    """Return the items of run `rerun_of` that have not succeeded; a second call for the same execution is allowed.

    First clean up after runs of the family that were cut off, that is, ended without a manifest.

    Args:
        rerun_of: the original run's id.
        current: the rerun that is being prepared.
        bucket: the stack's output bucket.
        services: the clients.
        keep_models: whether the stack keeps its models.

    Raises:
        RunNotFoundError: there is no such run.
        RunNotEndedError: it, or another rerun of its family, is still running.
        NothingToRerunError: all its items have succeeded.
        InvalidRequestError: the stored request of an item is no longer valid.
        RunConflictError: another execution has written this rerun's marker.
        ServiceUnavailableError: another rerun is being prepared at the same time, and it is not decided yet which one
            continues; the state machine retries.
    """
    s3 = services.s3
    original = run_files.read_prepared_run(s3, bucket, rerun_of)
    root, root_arn = _root_of(original, bucket, s3)
    key = marker_key(root, current.run_id)
    _write_marker(s3, bucket, key, current)
    try:
        family = {root: root_arn, original.run_id: original.execution_arn, **_read_markers(s3, bucket, root)}
        family.pop(current.run_id, None)
        cut_off = _require_ended(family, current, bucket, services)
        _clean_up(cut_off, bucket, services, models=not keep_models)
        return _select(original, family, bucket, services)
    except (UserError, StateError):
        # Later reruns skip a refused one, and need not look up its execution.
        s3_objects.write_document(s3, bucket, key, RerunMarker(execution_arn=current.execution_arn, refused=True))
        raise


def marker_key(root: str, run_id: str) -> str:
    """Return the key of a rerun's marker; `root` is the first run of its family."""
    return f"{_markers_prefix(root)}{run_id}.json"


def _markers_prefix(root: str) -> str:
    return f"{layout.RUNS_PREFIX}/{root}/reruns/"


def _root_of(run: PreparedRun, bucket: str, s3: S3Client) -> tuple[str, str | None]:
    """Return the family's first run, and its execution unless the run's files are gone."""
    while (parent := run.rerun_of) is not None:
        try:
            run = run_files.read_prepared_run(s3, bucket, parent)
        except RunNotFoundError:
            return parent, None
    return run.run_id, run.execution_arn


def _write_marker(s3: S3Client, bucket: str, key: str, current: CurrentRerun) -> None:
    marker = RerunMarker(execution_arn=current.execution_arn)
    if s3_objects.write_document(s3, bucket, key, marker, only_if_absent=True):
        return
    stored = s3_objects.read_document(s3, bucket, key, RerunMarker)
    if stored is not None and stored.content.execution_arn != current.execution_arn:
        raise RunConflictError(
            f"s3://{bucket}/{key} was written by another execution than {current.execution_arn}"
        )
    # An earlier attempt of this execution may have written that the rerun is refused, which no longer holds.
    s3_objects.write_document(s3, bucket, key, marker)


def _read_markers(s3: S3Client, bucket: str, root: str) -> dict[str, str]:
    """Return the reruns of the family that were not refused: run id to execution."""
    prefix = _markers_prefix(root)
    keys = s3_objects.list_keys(s3, bucket, prefix)
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        markers = zip(
            keys, pool.map(lambda key: s3_objects.read_document(s3, bucket, key, RerunMarker), keys), strict=True
        )
        return {
            key.removeprefix(prefix).removesuffix(".json"): stored.content.execution_arn
            for key, stored in markers
            if stored and not stored.content.refused
        }


def _require_ended(
    family: Mapping[str, str | None], current: CurrentRerun, bucket: str, services: Services
) -> list[str]:
    """Raise an error if a run of the family is still running; return the runs that have ended without a manifest.

    Of two reruns at the same time only one continues, because each checks after it has written its marker. A manifest
    does not prove that its run has ended: a stopped or failed execution can be redriven in Step Functions' console.
    """
    cut_off = []
    s3, stepfunctions = services.s3, services.stepfunctions()
    for run_id, arn in sorted(family.items()):
        if arn is None:
            continue
        if not executions.execution_is_running(stepfunctions, arn):
            if not _exists(s3, bucket, layout.manifest_key(run_id)):
                cut_off.append(run_id)
            continue
        # Run ids begin with their time. A later rerun that has written its work list did not see this rerun's marker.
        if run_id < current.run_id or _exists(s3, bucket, layout.items_key(run_id)):
            raise RunNotEndedError(
                f"run {run_id} is still running (execution {arn}); wait until it has ended, or stop it, and then rerun"
            )
        raise ServiceUnavailableError(
            f"rerun {run_id} is being prepared at the same time; rerun once it has ended"
        )
    return cut_off


def _clean_up(cut_off: Iterable[str], bucket: str, services: Services, *, models: bool) -> None:
    """Stop the jobs, and delete the models, of runs that ended before SummarizeRun could do it."""
    for run_id in cut_off:
        try:
            lines = run_files.read_lines(services.s3, bucket, run_id)
        except RunNotFoundError:
            # The run ended before its work list was written, so it has started nothing.
            continue
        removed = clean_up(services.sagemaker(), run_id, lines, models=models, jobs=True)
        jobs = removed.training_jobs + removed.transform_jobs
        logger.info(
            "cleared up after a run that was cut off",
            extra={"cut_off": run_id, "models": len(removed.models), "jobs": jobs},
        )
        if removed.problems:
            logger.warning("not all could be cleared up", extra={"cut_off": run_id, "problems": removed.problems})


def _exists(s3: S3Client, bucket: str, key: str) -> bool:
    return s3_objects.object_exists(s3, layout.S3Location(bucket, key).uri)


def _select(original: PreparedRun, family: Iterable[str], bucket: str, services: Services) -> Rerun:
    lines = run_files.read_lines(services.s3, bucket, original.run_id)
    attempts = _attempts(services.s3, bucket, sorted(family, reverse=True), [line.item for line in lines])
    remaining = [line for line in lines if not any(map(_succeeded, attempts[line.item]))]
    if not remaining:
        raise NothingToRerunError(
            f"run {original.run_id} has no items left to rerun: each of its {len(lines):,} items has succeeded in it or"
            " in a rerun; to run items again, start a new run of them"
        )
    entries = _entries(original.run_id, remaining)
    finder = _TrainingFinder(bucket, services)
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        trainings = pool.map(lambda entry: finder.find(entry, attempts[entry.item]), entries)
        kept = {str(entry.item): training for entry, training in zip(entries, trainings, strict=True) if training}
    return Rerun(original.mode, original.max_concurrency, original.tolerated_failure_percentage, entries, kept)


def _attempts(s3: S3Client, bucket: str, runs: Iterable[str], items: Iterable[str]) -> dict[str, list[_Attempt]]:
    """Return each item's attempts in `runs`, in the order of the runs, up to and including the first success."""
    attempts: dict[str, list[_Attempt]] = {item: [] for item in items}
    for run_id in runs:
        try:
            lines = run_files.read_lines(s3, bucket, run_id)
        except RunNotFoundError:
            # Its PrepareRun failed, so it has run no item.
            continue
        not_succeeded = [
            line for line in lines if line.item in attempts and not any(map(_succeeded, attempts[line.item][-1:]))
        ]
        records = run_files.read_records(s3, bucket, run_id, not_succeeded).by_index
        # SummarizeRun has not verified the scored data of a run that was cut off.
        manifest_written = s3_objects.find_last_modified(s3, bucket, layout.manifest_key(run_id))
        verified = scored_data.verify_records(s3, bucket, run_id, not_succeeded, records, manifest_written)
        for line in not_succeeded:
            attempts[line.item].append(_Attempt(run_id, line, verified.get(line.index)))
    return attempts


def _succeeded(attempt: _Attempt) -> bool:
    return verdict_of(attempt.line, attempt.record).status == SUCCEEDED


def _entries(run_id: str, lines: Iterable[Line]) -> list[ItemRequest]:
    """Return the entries of the items, as originally requested."""
    entries, problems = [], []
    for line in lines:
        if line.request is None:
            problems.append(
                f"rerunOf: the work list of run {run_id} does not hold the request of item {line.item!r}, because"
                " another version of this application wrote it; start a new run of its items"
            )
            break
        try:
            entries.append(parse_event(ItemRequest, line.request))
        except InvalidRequestError as error:
            problems += [f"rerunOf: item {line.item!r} of run {run_id}: {problem}" for problem in error.problems]
    if problems:
        raise InvalidRequestError(problems)
    return entries


class _TrainingFinder:
    """A search for items' completed trainings.

    Args:
        bucket: the stack's output bucket.
        services: the clients.
    """

    def __init__(self, bucket: str, services: Services) -> None:
        self._bucket = bucket
        self._s3 = services.s3
        self._sagemaker = services.sagemaker()
        self._describes = BoundedSemaphore(PARALLEL_DESCRIBES)

    def find(self, entry: ItemRequest, attempts: Iterable[_Attempt]) -> KeptTraining | None:
        """Return the item's newest training that completed and has read the data that PrepareRun found.

        Args:
            entry: the item.
            attempts: the item's attempts, newest first.
        """
        attempts = list(attempts)
        refused = {attempt.line.training_job_name for attempt in attempts if _was_model_refused(attempt)}
        without_output = {
            attempt.line.training_job_name for attempt in attempts if _error_of(attempt) in OUTPUT_ERRORS
        }
        for attempt in attempts:
            line = attempt.line
            model, name, trained_in, fingerprint = (
                line.model,
                line.training_job_name,
                line.trained_in,
                line.training_fingerprint,
            )
            if model is None or name is None or trained_in is None or fingerprint is None:
                continue
            if not s3_objects.object_exists(self._s3, model.model_data_url):
                continue
            # With predict_input, batch transform does not need the file that training writes.
            if entry.predict_input is None and not (
                self._has_sample(entry.item, trained_in)
                or (name not in without_output and self._trained_without_network(trained_in))
            ):
                continue
            training = self._completed(attempt, name)
            if training and self._has_read_expected_input(attempt, training):
                return KeptTraining(training, trained_in, model.image, fingerprint, name in refused)
        return None

    def _has_sample(self, item: str, trained_in: str) -> bool:
        return _exists(self._s3, self._bucket, layout.sample_key(item, trained_in))

    def _trained_without_network(self, run_id: str) -> bool:
        """Return whether the run's trainings had no network: CreateModel can then unpack the file from their output."""
        metadata = s3_objects.find_metadata(self._s3, self._bucket, layout.items_key(run_id))
        return run_files.trains_without_network(metadata or {})

    def _has_read_expected_input(self, attempt: _Attempt, training: TrainingJob) -> bool:
        """Return whether the training has read the data that its fingerprint covers.

        CreateModel has checked it if it has created or refused the model; the item may have ended before that.
        """
        record, expected = attempt.record, attempt.line.training_input
        has_model = isinstance(record, Record) and record.model is not None
        if expected is None or _was_model_refused(attempt) or has_model:
            return True
        try:
            ended = training.ended_at
            return ended is not None and input_versions.check_input_at(
                self._s3, expected, ended, naming.started_at(attempt.run_id)
            )
        except (DataChangedError, UserError) as error:
            extra = {"run_id": attempt.run_id, "item": attempt.line.item, "problem": str(error)}
            logger.warning("training not kept", extra=extra)
            return False

    def _completed(self, attempt: _Attempt, name: str) -> TrainingJob | None:
        """Return the attempt's training, as the state machine keeps it, if it completed."""
        recorded = attempt.record.training if isinstance(attempt.record, Record) else None
        job = recorded or attempt.line.training
        if job is None and _error_of(attempt) == NameTakenError.__name__:
            return None
        if job is None:
            # The item was cut off before its record was written.
            with self._describes:
                described = sagemaker_api.describe_training_job(self._sagemaker, name)
            if described is None:
                return None
            job = training_job_of(described)
        return job.model_copy(update={"name": name}) if job.status == JOB_COMPLETED else None


def _was_model_refused(attempt: _Attempt) -> bool:
    """Return whether the model did not pass the gate."""
    return _error_of(attempt) == ModelWorseThanBaselineError.__name__


def _error_of(attempt: _Attempt) -> str | None:
    """Return the name of the error in the attempt's record, if there is one."""
    error = attempt.record.error if isinstance(attempt.record, Record) else None
    return error.error if error else None
