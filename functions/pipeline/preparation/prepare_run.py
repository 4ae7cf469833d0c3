"""Prepares a run: checks the request and every item's data, and writes the work list, items.json, with all names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from pipeline import layout, limits, naming
from pipeline.aws import clients, s3_objects
from pipeline.contracts import ExecutionContext, ItemRequest, PrepareRunEvent
from pipeline.data import input_data, input_versions
from pipeline.documents import Latest, PreparedRun, Unchanged, as_bytes, as_json
from pipeline.errors import (
    ImageNotSetError,
    InvalidRequestError,
    PipelineError,
    PlatformError,
    RunConflictError,
    UserError,
)
from pipeline.jobs import sagemaker_requests
from pipeline.observability import logger
from pipeline.preparation import earlier_predictions, fingerprints, item_sources, reruns, work_list_lines
from pipeline.preparation.existing_resources import check_existing_resources
from pipeline.preparation.item_sources import MAX_LINE_BYTES, Entry
from pipeline.stored import latest_model, run_files
from pipeline.work_list import Line, work_list_bytes

if TYPE_CHECKING:
    from pipeline.fields import Mode
    from pipeline.jobs.sagemaker_requests import EarlierPredictions
    from pipeline.limits import Limits
    from pipeline.preparation.reruns import KeptTraining, Services
    from pipeline.preparation.work_list_lines import Run
    from pipeline.settings import PrepareRunSettings


def prepare_run(event: PrepareRunEvent, settings: PrepareRunSettings, services: Services) -> PreparedRun:
    """Write the run's items.json; a second call for the same execution finds it and returns the same.

    Raises:
        ImageNotSetError: the stack has no image to train with.
        ExistingResourceError: the bucket or role that the stack was given cannot be used.
        InvalidRequestError: the stack does not allow the request, or an item's settings are too large.
        DataNotFoundError, DataNotReadableError, DataTooLargeError: the source of the items cannot be read.
        RunNotFoundError, RunNotEndedError, NothingToRerunError: the rerun is refused; see `pipeline.preparation.reruns`.
        RunConflictError: another execution wrote this run's items.json.
    """
    execution, request, bucket = event.execution, event.request, settings.output_bucket
    started, run_id = started_and_run_id(execution)
    key = layout.items_key(run_id)
    if prepared_before := _find_prepared(services, bucket, key, execution):
        return prepared_before
    check_existing_resources(settings, execution.id, services.s3, services.iam)
    stack_limits = limits.Limits.from_settings(settings)
    resolved = _resolve_request(event, settings, services, run_id, stack_limits)
    problems = stack_limits.concurrency_problems(resolved.max_concurrency)
    for place, entry in resolved.entries:
        problems += stack_limits.entry_problems(entry, place)
    limits.require(problems)
    if resolved.mode == "train" and not settings.image_uri:
        raise ImageNotSetError(
            "this stack has no image to train with: push one to the stack's ImageRepositoryUri and deploy the"
            " stack with parameter ImageUri set to it"
        )
    digits = naming.hash_digits_for([entry.request.item for entry in resolved.entries], started)
    run = work_list_lines.Run(settings=settings, run_id=run_id, started=started, digits=digits, mode=resolved.mode)
    builder = LineBuilder(
        run,
        services,
        resolved.kept,
        stack_limits,
        fingerprints.ManifestTimes(services.s3, bucket),
        skip_unchanged=bool(request.skip_unchanged),
    )
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        built = list(pool.map(builder.build_line, range(len(resolved.entries)), resolved.entries))
    if problems := [problem for line in built for problem in line.problems]:
        raise InvalidRequestError(problems)
    prepared = PreparedRun(
        run_id=run_id,
        execution_arn=execution.id,
        started_at=execution.start_time,
        items_key=key,
        item_count=len(built),
        max_concurrency=resolved.max_concurrency,
        tolerated_failure_percentage=resolved.tolerated_failure_percentage,
        mode=resolved.mode,
        rerun_of=request.rerun_of,
    )
    body = work_list_bytes(_with_start_delays(built, prepared.max_concurrency))
    # S3's metadata must be ASCII, so json.dumps escapes other characters of an execution's name.
    metadata = {run_files.RUN_METADATA: json.dumps(as_json(prepared), separators=(",", ":"))}
    if settings.isolate_training:
        metadata[run_files.ISOLATION_METADATA] = "true"
    if s3_objects.write_bytes(services.s3, bucket, key, body, only_if_absent=True, metadata=metadata):
        return prepared
    # An earlier attempt that had timed out for Step Functions has written the file meanwhile, and its lines count.
    return _find_prepared(services, bucket, key, execution) or prepared


def started_and_run_id(execution: ExecutionContext) -> tuple[str, str]:
    """Return the timestamp of the execution's start, and the run's id."""
    started = naming.timestamp(datetime.fromisoformat(execution.start_time))
    return started, naming.run_id(started, execution.name)


class _ResolvedRequest(NamedTuple):
    """A request with its items read and its defaults filled in."""

    mode: Mode
    max_concurrency: int
    tolerated_failure_percentage: float
    entries: list[Entry]
    kept: Mapping[str, KeptTraining]


def _resolve_request(
    event: PrepareRunEvent, settings: PrepareRunSettings, services: Services, run_id: str, stack_limits: Limits
) -> _ResolvedRequest:
    request, tolerated = event.request, event.request.tolerated_failure_percentage
    if request.rerun_of is None:
        limits.require(stack_limits.source_problems(request))
        entries = item_sources.read_entries(request, services.s3, settings.data_bucket)
        at_once = request.max_concurrency or settings.max_concurrency
        return _ResolvedRequest(request.mode or "train", at_once, tolerated or 0.0, entries, {})
    current = reruns.CurrentRerun(run_id, event.execution.id)
    rerun = reruns.select_for_rerun(
        request.rerun_of, current, settings.output_bucket, services, keep_models=settings.keep_models
    )
    return _ResolvedRequest(
        rerun.mode,
        request.max_concurrency or rerun.max_concurrency,
        rerun.tolerated_failure_percentage if tolerated is None else tolerated,
        [Entry(f"item {entry.item!r}", entry) for entry in rerun.entries],
        rerun.kept,
    )


def _find_prepared(services: Services, bucket: str, key: str, execution: ExecutionContext) -> PreparedRun | None:
    """Return the run that an earlier attempt of the same execution has prepared, if there is one."""
    metadata = s3_objects.find_metadata(services.s3, bucket, key)
    if metadata is None:
        return None
    try:
        prepared = run_files.parse_prepared_run(metadata)
    except ValueError:
        prepared = None
    if prepared is None or prepared.execution_arn != execution.id:
        raise RunConflictError(f"s3://{bucket}/{key} was written by another execution than {execution.id}")
    return prepared


class _BuiltLine(NamedTuple):
    """A line, and problems for which the whole run is refused."""

    line: Line
    problems: list[str]


def _with_start_delays(built: list[_BuiltLine], at_once: int) -> list[Line]:
    """Return the lines, those of the first items with the time that they wait before their first job."""
    # Every item that is neither refused nor unchanged has a transform job, with or without a training before it.
    starting = [line.index for line, _ in built if line.transform_job is not None]
    delays = work_list_lines.seconds_to_wait(starting, at_once)
    return [
        line.model_copy(update={"start_after_seconds": delays[line.index]}) if line.index in delays else line
        for line, _ in built
    ]


@dataclass(frozen=True)
class LineBuilder:
    """The builder of the items' lines, from their entries and their objects in S3.

    Attributes:
        run: the run.
        services: the clients.
        kept: item to its training of an earlier run that is used again.
        stack_limits: the stack's limits, which also hold for stored images and variables.
        manifests: times of the manifests of the items' last runs.
        skip_unchanged: whether to skip items whose result would not change.
    """

    run: Run
    services: Services
    kept: Mapping[str, KeptTraining]
    stack_limits: Limits
    manifests: fingerprints.ManifestTimes
    skip_unchanged: bool

    def build_line(self, index: int, entry: Entry) -> _BuiltLine:
        """Return the item's line, and the problems that appear once the stack's settings are filled in."""
        try:
            line = self._line(index, entry.request)
        except UserError as error:
            # Only this item fails, and before it costs anything.
            line = work_list_lines.refused_line(self.run, index, entry.request, error)
            extra = {"run_id": self.run.run_id, "item": entry.request.item, "problem": str(error)}
            logger.warning("item refused", extra=extra)
        size = len(as_bytes(line))
        return _BuiltLine(line, problems_of(entry, line, size))

    def _line(self, index: int, entry: ItemRequest) -> Line:
        kept = self.kept.get(entry.item)
        settings = self.run.settings
        if kept is not None and not kept.model_refused:
            # The training's input may be gone by now; the data to score is read anew.
            provenance = self._provenance(entry, kept.training_fingerprint)
            return self._kept_line(index, entry, provenance, kept)
        if self.run.mode == "score":
            return self._score_line(index, entry)
        data_uri = input_data.data_uri_of(entry, settings.data_bucket, settings.dataset_file_name)
        data = input_data.find_input(self.services.s3, data_uri)
        training = fingerprints.training_fingerprint(entry, settings, data)
        provenance = self._provenance(entry, training)
        if kept is not None and kept.training_fingerprint == training:
            # Another training would make the same model, and MaximumErrorRatio may have been raised meanwhile.
            return self._kept_line(index, entry, provenance, kept)
        model = self._latest_if_readable(entry)
        if self.skip_unchanged and model:
            scored = work_list_lines.scored_uri(self.run, entry, self.run.run_id)
            if last := self._last_success(entry, model, provenance.fingerprint, scored):
                return work_list_lines.unchanged_line(self.run, index, entry, provenance.fingerprint, last)
        provenance = provenance._replace(training_input=input_versions.make_input_version(data_uri, data))
        if model and (earlier := self._earlier_predictions(entry, model, data)):
            line = work_list_lines.train_line(self.run, index, entry, provenance, earlier)
            # If the item's settings leave no room for the predictions, the item is trained without them.
            if len(as_bytes(line)) <= MAX_LINE_BYTES:
                return line
        return work_list_lines.train_line(self.run, index, entry, provenance)

    def _provenance(self, entry: ItemRequest, training: str) -> work_list_lines.Provenance:
        """Return the provenance of a trained item's result.

        Args:
            entry: the item.
            training: the fingerprint of its training.
        """
        scored = self._find_predict_input(entry)
        fingerprint = fingerprints.result_fingerprint(
            entry, self.run.settings, scored, mode="train", model=training
        )
        scored_input = (
            input_versions.make_input_version(entry.predict_input, scored) if entry.predict_input else None
        )
        return work_list_lines.Provenance(fingerprint, scored_input, training)

    def _kept_line(
        self, index: int, entry: ItemRequest, provenance: work_list_lines.Provenance, kept: KeptTraining
    ) -> Line:
        source = f"training job {kept.training.name} of run {kept.trained_in}"
        limits.require(self.stack_limits.image_problems(kept.image, source))
        return work_list_lines.kept_line(self.run, index, entry, provenance, kept)

    def _score_line(self, index: int, entry: ItemRequest) -> Line:
        settings, s3 = self.run.settings, self.services.s3
        model = latest_model.read_latest(s3, settings.output_bucket, entry.item)
        source = latest_model.describe_latest(entry.item)
        limits.require(self.stack_limits.stored_model_problems(model.image, model.environment, source))
        if entry.predict_input:
            scored: str = entry.predict_input
            data = self._find_predict_input(entry)
        else:
            data_uri = input_data.data_uri_of(entry, settings.data_bucket, settings.dataset_file_name)
            data = input_data.find_input(s3, data_uri)
            scored = input_data.whole_file(data_uri, data)
        model_parts = {
            "image": model.image,
            "artifact": model.model_data_url,
            "environment": model.environment | entry.environment,
        }
        fingerprint = fingerprints.result_fingerprint(entry, settings, data, mode="score", model=model_parts)
        if self.skip_unchanged and (last := self._last_success(entry, model, fingerprint, scored)):
            return work_list_lines.unchanged_line(self.run, index, entry, fingerprint, last)
        # In a folder, only one file is scored, and changes to the others do not matter.
        read = [found for found in data if found.uri.startswith(scored)]
        provenance = work_list_lines.Provenance(fingerprint, input_versions.make_input_version(scored, read))
        return work_list_lines.score_line(self.run, index, entry, provenance, model, scored)

    def _find_predict_input(self, entry: ItemRequest) -> list[s3_objects.DataObject]:
        return input_data.find_input(self.services.s3, entry.predict_input) if entry.predict_input else []

    def _latest_if_readable(self, entry: ItemRequest) -> Latest | None:
        """Return the item's last accepted model; None if it cannot be read, because training does not need it."""
        try:
            return latest_model.find_latest(self.services.s3, self.run.settings.output_bucket, entry.item)
        except PipelineError as error:
            # A retry may find the item unchanged and so save its training.
            if self.skip_unchanged and isinstance(error, PlatformError):
                raise
            extra = {"run_id": self.run.run_id, "item": entry.item, "problem": str(error)}
            logger.warning("last model not readable", extra=extra)
            return None

    def _earlier_predictions(
        self, entry: ItemRequest, model: Latest, data: list[s3_objects.DataObject]
    ) -> EarlierPredictions | None:
        """Return the item's predictions of an earlier run; None after any error, because training does not need them."""
        filled = [found.uri.rsplit("/", 1)[1] for found in data if found.size]
        try:
            return earlier_predictions.find_earlier_predictions(
                self.services.s3,
                self.run.settings.output_bucket,
                entry.item,
                model,
                filled[0] if len(filled) == 1 else None,
                naming.started_at(self.run.run_id),
            )
        except (PipelineError, ValueError) as error:
            extra = {"run_id": self.run.run_id, "item": entry.item, "problem": str(error)}
            logger.warning("earlier predictions not found", extra=extra)
            return None

    def _last_success(self, entry: ItemRequest, model: Latest, fingerprint: str, scored: str) -> Unchanged | None:
        return fingerprints.last_success(
            self.services.s3,
            self.run.settings.output_bucket,
            entry.item,
            model,
            mode=self.run.mode,
            fingerprint=fingerprint,
            scored_uri=scored,
            manifests=self.manifests if self.run.mode == "score" or entry.predict_input else None,
        )


def problems_of(entry: Entry, line: Line, size: int) -> list[str]:
    """Return problems for which the whole run is refused: settings that are too large together with the stack's.

    Args:
        entry: the item.
        line: its line.
        size: the line's size in bytes.
    """
    problems = []
    if size > MAX_LINE_BYTES:
        problems.append(
            f"{entry.place}: the settings of item {entry.request.item!r} take {size:,} bytes; at most"
            f" {MAX_LINE_BYTES:,} fit into a state of Step Functions"
        )
    job = line.transform_job
    if (
        job
        and job["MaxConcurrentTransforms"] * job["MaxPayloadInMB"] > sagemaker_requests.MAX_TRANSFORM_PAYLOAD_IN_MB
    ):
        problems.append(
            f"{entry.place}.transform: maxConcurrentTransforms {job['MaxConcurrentTransforms']} times maxPayloadInMB"
            f" {job['MaxPayloadInMB']} is more than SageMaker's {sagemaker_requests.MAX_TRANSFORM_PAYLOAD_IN_MB} MB"
        )
    return problems
