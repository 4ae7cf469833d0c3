"""Chooses what a rerun has to do: which items of the earlier run are not done yet, and which trainings still serve.

A run, the reruns of it and the reruns of those are a family, called after its first run. Whoever says the same rerun
twice, or two reruns at once, must get nothing done twice; so a rerun looks at the whole family, and leaves a marker in
it before it looks.
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
from pipeline.documents import COMPLETED, SUCCEEDED, PreparedRun, Record, RerunMarker, TrainingJob, training_job_of
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

# DescribeTrainingJob is a call of few a second and account.
PARALLEL_DESCRIBES = 4
# What CreateModel says of a training whose prediction input it could not take: trained anew, it may leave one.
NOT_HANDED_OVER = {error.__name__ for error in (DataNotFoundError, DataNotReadableError, DataTooLargeError)}


@dataclass(frozen=True)
class KeptTraining:
    """A training job of an earlier run that ended well and whose model is still to be scored.

    Attributes:
        training: the job, as the definition keeps it.
        trained_in: the run in whose folder the training wrote sample_prediction.csv and metrics.json.
        image: the image that trained, and that has to serve.
        training_fingerprint: what it was made of (`pipeline.preparation.fingerprints`).
        model_refused: whether its model was judged too bad; made of the same again, it would be judged the same.
    """

    training: TrainingJob
    trained_in: str
    image: str
    training_fingerprint: str
    model_refused: bool = False


@dataclass(frozen=True)
class Rerun:
    """What a rerun has to do.

    Attributes:
        mode: the mode of the run that is completed.
        max_concurrency: how many of its items were under way at once.
        tolerated_failure_percentage: share of its items that might fail.
        entries: the items that have not succeeded, as they were asked for, in the order of that run.
        kept: item to its finished training; the others train anew.
    """

    mode: Mode
    max_concurrency: int
    tolerated_failure_percentage: float
    entries: list[ItemRequest]
    kept: Mapping[str, KeptTraining]


class Services(NamedTuple):
    """The clients of AWS that it takes; all but S3's are made when they are asked for, for a client takes time to make."""

    s3: S3Client
    stepfunctions: Callable[[], SFNClient]
    sagemaker: Callable[[], SageMakerClient]
    iam: Callable[[], IAMClient] = clients.iam_client


class Own(NamedTuple):
    """The rerun that looks: its id and its execution."""

    run_id: str
    execution_arn: str


class _Attempt(NamedTuple):
    """An item in one run of the family."""

    run_id: str
    line: Line
    record: Record | BrokenRecord | None


def select_for_rerun(rerun_of: str, own: Own, bucket: str, services: Services, *, keep_models: bool) -> Rerun:
    """What is left to do of run `rerun_of`; called again for the same execution, it finds its own marker.

    What runs of the family have left in SageMaker that were cut off is stopped and removed first.

    Args:
        rerun_of: the run's id.
        own: the rerun that is being prepared.
        bucket: the stack's output bucket.
        services: the clients.
        keep_models: whether the stack keeps its models.

    Raises:
        RunNotFoundError: there is no such run.
        RunNotEndedError: it, or another rerun of its family, is under way.
        NothingToRerunError: all its items have succeeded.
        InvalidRequestError: what was asked of an item cannot be asked any more.
        RunConflictError: another execution has left this run's marker.
        ServiceUnavailableError: another rerun is being prepared at this very moment, and it is not settled which one
            goes on; the state machine tries again.
    """
    s3 = services.s3
    asked = run_files.read_prepared_run(s3, bucket, rerun_of)
    root, root_arn = _root_of(asked, bucket, s3)
    key = marker_key(root, own.run_id)
    _mark(s3, bucket, key, own)
    try:
        family = {root: root_arn, asked.run_id: asked.execution_arn, **_marked(s3, bucket, root)}
        family.pop(own.run_id, None)
        cut_off = _require_ended(family, own, bucket, services)
        _clear_up(cut_off, bucket, services, models=not keep_models)
        return _select(asked, family, bucket, services)
    except (UserError, StateError):
        # It ends here, so that nobody has to ask Step Functions about it.
        s3_objects.write_document(s3, bucket, key, RerunMarker(execution_arn=own.execution_arn, refused=True))
        raise


def marker_key(root: str, run_id: str) -> str:
    """Where a rerun of the family of run `root` says that it is one."""
    return f"{_markers_prefix(root)}{run_id}.json"


def _markers_prefix(root: str) -> str:
    return f"{layout.RUNS_PREFIX}/{root}/reruns/"


def _root_of(run: PreparedRun, bucket: str, s3: S3Client) -> tuple[str, str | None]:
    """The family's first run, and its execution unless nothing is left of it."""
    while (parent := run.rerun_of) is not None:
        try:
            run = run_files.read_prepared_run(s3, bucket, parent)
        except RunNotFoundError:
            return parent, None
    return run.run_id, run.execution_arn


def _mark(s3: S3Client, bucket: str, key: str, own: Own) -> None:
    marker = RerunMarker(execution_arn=own.execution_arn)
    if s3_objects.write_document(s3, bucket, key, marker, only_if_absent=True):
        return
    stored = s3_objects.read_document(s3, bucket, key, RerunMarker)
    if stored is not None and stored.content.execution_arn != own.execution_arn:
        raise RunConflictError(f"s3://{bucket}/{key} was written by another execution than {own.execution_arn}")
    # An earlier attempt of this execution may have marked it as refused; from now on it counts again.
    s3_objects.write_document(s3, bucket, key, marker)


def _marked(s3: S3Client, bucket: str, root: str) -> dict[str, str]:
    """Reruns of the family that were not refused: run id to execution."""
    prefix = _markers_prefix(root)
    keys = s3_objects.list_keys(s3, bucket, prefix)
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        found = zip(
            keys, pool.map(lambda key: s3_objects.read_document(s3, bucket, key, RerunMarker), keys), strict=True
        )
        return {
            key.removeprefix(prefix).removesuffix(".json"): stored.content.execution_arn
            for key, stored in found
            if stored and not stored.content.refused
        }


def _require_ended(family: Mapping[str, str | None], own: Own, bucket: str, services: Services) -> list[str]:
    """The runs that have ended without a manifest; of two reruns at once one goes on.

    Never do both, as each looks after it has left its marker. A manifest does not prove that its run has ended: an
    execution that was stopped or has failed can be redriven in Step Functions' console.
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
        # Run ids begin with their time. A later one that has its work list has looked before our marker was there.
        if run_id < own.run_id or _exists(s3, bucket, layout.items_key(run_id)):
            raise RunNotEndedError(
                f"run {run_id} is still under way (execution {arn}); wait until it has ended, or stop it, and rerun then"
            )
        raise ServiceUnavailableError(
            f"rerun {run_id} is being prepared at the same time; rerun once it has ended"
        )
    return cut_off


def _clear_up(cut_off: Iterable[str], bucket: str, services: Services, *, models: bool) -> None:
    """Nothing may go on twice at the same time, and whoever was cut off could not tidy up."""
    for run_id in cut_off:
        try:
            lines = run_files.read_lines(services.s3, bucket, run_id)
        except RunNotFoundError:
            # It ended before it had any work.
            continue
        left = clean_up(services.sagemaker(), run_id, lines, models=models, jobs=True)
        told = {"cut_off": run_id, "models": len(left.models), "jobs": left.training_jobs + left.transform_jobs}
        logger.info("cleared up after a run that was cut off", extra=told)
        if left.problems:
            logger.warning("not all could be cleared up", extra={"cut_off": run_id, "problems": left.problems})


def _exists(s3: S3Client, bucket: str, key: str) -> bool:
    return s3_objects.object_exists(s3, layout.S3Location(bucket, key).uri)


def _select(asked: PreparedRun, family: Iterable[str], bucket: str, services: Services) -> Rerun:
    lines = run_files.read_lines(services.s3, bucket, asked.run_id)
    attempts = _attempts(services.s3, bucket, sorted(family, reverse=True), [line.item for line in lines])
    left = [line for line in lines if not any(map(_succeeded, attempts[line.item]))]
    if not left:
        raise NothingToRerunError(
            f"nothing is left to do of run {asked.run_id}: each of its {len(lines):,} items has succeeded in it or in"
            " a rerun; to run items again, start a new run of them"
        )
    entries = _entries(asked.run_id, left)
    keeper = _Keeper(bucket, services)
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        found = pool.map(lambda entry: keeper.find(entry, attempts[entry.item]), entries)
        kept = {str(entry.item): one for entry, one in zip(entries, found, strict=True) if one}
    return Rerun(asked.mode, asked.max_concurrency, asked.tolerated_failure_percentage, entries, kept)


def _attempts(s3: S3Client, bucket: str, runs: Iterable[str], items: Iterable[str]) -> dict[str, list[_Attempt]]:
    """What became of each item in each of `runs`, in their order; nothing of what was before it succeeded."""
    attempts: dict[str, list[_Attempt]] = {item: [] for item in items}
    for run_id in runs:
        try:
            lines = run_files.read_lines(s3, bucket, run_id)
        except RunNotFoundError:
            # Its PrepareRun failed: it has done nothing.
            continue
        open_ = [
            line for line in lines if line.item in attempts and not any(map(_succeeded, attempts[line.item][-1:]))
        ]
        found = run_files.read_records(s3, bucket, run_id, open_).by_index
        # Of a run that was cut off, nobody has looked yet whether it has scored what it had promised to.
        written = s3_objects.find_write(s3, bucket, layout.manifest_key(run_id))
        found = scored_data.checked_records(s3, bucket, run_id, open_, found, written)
        for line in open_:
            attempts[line.item].append(_Attempt(run_id, line, found.get(line.index)))
    return attempts


def _succeeded(attempt: _Attempt) -> bool:
    return verdict_of(attempt.line, attempt.record).status == SUCCEEDED


def _entries(run_id: str, lines: Iterable[Line]) -> list[ItemRequest]:
    """The items as they were asked for."""
    entries, problems = [], []
    for line in lines:
        if line.request is None:
            problems.append(
                f"rerunOf: the work list of run {run_id} does not tell what was asked of item {line.item!r}, since"
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


class _Keeper:
    """Finds items' finished trainings.

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
        """The newest training of the item that ended well and has read the data that it was to read.

        Args:
            entry: the item.
            attempts: what became of it so far, newest first.
        """
        attempts = list(attempts)
        refused = {attempt.line.training_job_name for attempt in attempts if _was_refused(attempt)}
        left_nothing = {
            attempt.line.training_job_name for attempt in attempts if _error_of(attempt) in NOT_HANDED_OVER
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
            # Given something else to score, batch transform does not read what training wrote.
            if entry.predict_input is None and not (
                self._has_sample(entry.item, trained_in)
                or (name not in left_nothing and self._trained_without_network(trained_in))
            ):
                continue
            training = self._completed(attempt, name)
            if training and self._read_what_was_promised(attempt, training):
                return KeptTraining(training, trained_in, model.image, fingerprint, name in refused)
        return None

    def _has_sample(self, item: str, trained_in: str) -> bool:
        return _exists(self._s3, self._bucket, layout.sample_key(item, trained_in))

    def _trained_without_network(self, run_id: str) -> bool:
        """Whether CreateModel can still take the prediction input from what the run's training has left."""
        metadata = s3_objects.find_metadata(self._s3, self._bucket, layout.items_key(run_id))
        return run_files.trains_without_network(metadata or {})

    def _read_what_was_promised(self, attempt: _Attempt, training: TrainingJob) -> bool:
        """Whether the training is known to be of the data that its fingerprint tells of.

        CreateModel makes sure of it before it judges the model; but the item may not have come so far.
        """
        record, promised = attempt.record, attempt.line.training_input
        if promised is None or _was_refused(attempt) or (isinstance(record, Record) and record.model is not None):
            return True
        try:
            ended = training.ended_at
            return ended is not None and input_versions.check_then(
                self._s3, promised, ended, naming.started_at(attempt.run_id)
            )
        except (DataChangedError, UserError) as error:
            told = {"run_id": attempt.run_id, "item": attempt.line.item, "problem": str(error)}
            logger.warning("training not kept", extra=told)
            return False

    def _completed(self, attempt: _Attempt, name: str) -> TrainingJob | None:
        """The attempt's training as the definition keeps it, if it ended well."""
        recorded = attempt.record.training if isinstance(attempt.record, Record) else None
        job = recorded or attempt.line.training
        if job is None and _error_of(attempt) == NameTakenError.__name__:
            return None
        if job is None:
            # The item was cut off before its record could tell how the job ended.
            with self._describes:
                described = sagemaker_api.describe_training_job(self._sagemaker, name)
            if described is None:
                return None
            job = training_job_of(described)
        return job.model_copy(update={"name": name}) if job.status == COMPLETED else None


def _was_refused(attempt: _Attempt) -> bool:
    """Whether the model was judged too bad."""
    return _error_of(attempt) == ModelWorseThanBaselineError.__name__


def _error_of(attempt: _Attempt) -> str | None:
    """The name of the error that the attempt's record tells of."""
    error = attempt.record.error if isinstance(attempt.record, Record) else None
    return error.error if error else None
