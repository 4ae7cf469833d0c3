"""Prepares a run: names everything, checks every item's data, and writes the map's work list, items.json."""

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
    """Writes the run's items.json; called again for the same execution, it finds its own and answers the same.

    Raises:
        ImageNotSetError: the stack has no image to train with.
        ExistingResourceError: the bucket or role that the stack was given cannot be used.
        InvalidRequestError: what is asked for cannot be, or an item's settings are too large.
        DataNotFoundError and its kin: the items cannot be read from where they are said to be.
        RunNotFoundError, RunNotEndedError, NothingToRerunError: there is no such rerun; see `pipeline.preparation.reruns`.
        RunConflictError: another execution wrote this run's items.json.
    """
    execution, request, bucket = event.execution, event.request, settings.output_bucket
    started, run_id = started_and_run_id(execution)
    key = layout.items_key(run_id)
    if written := _written(services, bucket, key, execution):
        return written
    check_existing_resources(settings, execution.id, services.s3, services.iam)
    allowed = limits.Limits.of_settings(settings)
    asked = _asked(event, settings, services, run_id, allowed)
    problems = allowed.concurrency_problems(asked.max_concurrency)
    for place, entry in asked.entries:
        problems += allowed.entry_problems(entry, place)
    limits.require(problems)
    if asked.mode == "train" and not settings.image_uri:
        raise ImageNotSetError(
            "this stack has no image to train with: push one to the stack's ImageRepositoryUri and deploy the"
            " stack with parameter ImageUri set to it"
        )
    digits = naming.hash_digits_for([entry.request.item for entry in asked.entries], started)
    run = work_list_lines.Run(settings=settings, run_id=run_id, started=started, digits=digits, mode=asked.mode)
    maker = LineMaker(
        run,
        services,
        asked.kept,
        allowed,
        fingerprints.ManifestTimes(services.s3, bucket),
        skip_unchanged=bool(request.skip_unchanged),
    )
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        checked = list(pool.map(maker.checked_line, range(len(asked.entries)), asked.entries))
    if problems := [problem for line in checked for problem in line.problems]:
        raise InvalidRequestError(problems)
    prepared = PreparedRun(
        run_id=run_id,
        execution_arn=execution.id,
        started_at=execution.start_time,
        items_key=key,
        item_count=len(checked),
        max_concurrency=asked.max_concurrency,
        tolerated_failure_percentage=asked.tolerated_failure_percentage,
        mode=asked.mode,
        rerun_of=request.rerun_of,
    )
    body = work_list_bytes(_in_turn(checked, prepared.max_concurrency))
    # Metadata is ASCII; an execution's name need not be.
    metadata = {run_files.RUN_METADATA: json.dumps(as_json(prepared), separators=(",", ":"))}
    if settings.isolate_training:
        metadata[run_files.ISOLATION_METADATA] = "true"
    if s3_objects.write_bytes(services.s3, bucket, key, body, only_if_absent=True, metadata=metadata):
        return prepared
    # An attempt that was given up was quicker, and its lines are the run's.
    return _written(services, bucket, key, execution) or prepared


def started_and_run_id(execution: ExecutionContext) -> tuple[str, str]:
    """Timestamp of the execution's start, and the run's id."""
    started = naming.timestamp(datetime.fromisoformat(execution.start_time))
    return started, naming.run_id(started, execution.name)


class _Asked(NamedTuple):
    """What a request comes down to."""

    mode: Mode
    max_concurrency: int
    tolerated_failure_percentage: float
    entries: list[Entry]
    kept: Mapping[str, KeptTraining]


def _asked(
    event: PrepareRunEvent, settings: PrepareRunSettings, services: Services, run_id: str, allowed: Limits
) -> _Asked:
    request, tolerated = event.request, event.request.tolerated_failure_percentage
    if request.rerun_of is None:
        limits.require(allowed.source_problems(request))
        entries = item_sources.read_entries(request, services.s3, settings.data_bucket)
        at_once = request.max_concurrency or settings.max_concurrency
        return _Asked(request.mode or "train", at_once, tolerated or 0.0, entries, {})
    own = reruns.Own(run_id, event.execution.id)
    rerun = reruns.select_for_rerun(
        request.rerun_of, own, settings.output_bucket, services, keep_models=settings.keep_models
    )
    return _Asked(
        rerun.mode,
        request.max_concurrency or rerun.max_concurrency,
        rerun.tolerated_failure_percentage if tolerated is None else tolerated,
        [Entry(f"item {entry.item!r}", entry) for entry in rerun.entries],
        rerun.kept,
    )


def _written(services: Services, bucket: str, key: str, execution: ExecutionContext) -> PreparedRun | None:
    """What an earlier attempt of the same execution has prepared, if it came to its end."""
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


class _CheckedLine(NamedTuple):
    """A line, and what makes the whole run impossible."""

    line: Line
    problems: list[str]


def _in_turn(checked: list[_CheckedLine], at_once: int) -> list[Line]:
    """The lines; those of the first items say how long these wait for their turn."""
    # Every item that is neither refused nor unchanged scores, and asks for a training before, or not.
    starting = [line.index for line, _ in checked if line.transform_job is not None]
    waits = work_list_lines.seconds_to_wait(starting, at_once)
    return [
        line.model_copy(update={"start_after_seconds": waits[line.index]}) if line.index in waits else line
        for line, _ in checked
    ]


@dataclass(frozen=True)
class LineMaker:
    """Makes the lines of a run's items, each of what is found in S3 for it.

    Attributes:
        run: the run.
        services: the clients.
        kept: item to the training that need not be done again.
        allowed: what the stack lets be asked for; stored images and variables are held to it.
        manifests: of the items' last runs.
        skip_unchanged: whether an item is left as it is where nothing has changed since its last success.
    """

    run: Run
    services: Services
    kept: Mapping[str, KeptTraining]
    allowed: Limits
    manifests: fingerprints.ManifestTimes
    skip_unchanged: bool

    def checked_line(self, index: int, entry: Entry) -> _CheckedLine:
        """The item's line, and what of it shows only once the stack's settings are filled in."""
        try:
            line = self._line(index, entry.request)
        except UserError as error:
            # The item fails on its own, before it costs anything; the others run.
            line = work_list_lines.refused_line(self.run, index, entry.request, error)
            extra = {"run_id": self.run.run_id, "item": entry.request.item, "problem": str(error)}
            logger.warning("item refused", extra=extra)
        size = len(as_bytes(line))
        return _CheckedLine(line, problems_of(entry, line, size))

    def _line(self, index: int, entry: ItemRequest) -> Line:
        kept = self.kept.get(entry.item)
        settings = self.run.settings
        if kept is not None and not kept.model_refused:
            # What it was trained on need not be there any more; what it scores is that of today.
            made_of = self._made_of(entry, kept.training_fingerprint)
            return self._kept_line(index, entry, made_of, kept)
        if self.run.mode == "score":
            return self._score_line(index, entry)
        data_uri = input_data.data_uri_of(entry, settings.data_bucket, settings.dataset_file_name)
        data = input_data.find_input(self.services.s3, data_uri)
        training = fingerprints.training_fingerprint(entry, settings, data)
        made_of = self._made_of(entry, training)
        if kept is not None and kept.training_fingerprint == training:
            # Another training would make the same model: the limit may have been raised meanwhile.
            return self._kept_line(index, entry, made_of, kept)
        model = self._latest_if_readable(entry)
        if self.skip_unchanged and model:
            scored = work_list_lines.scored_uri(self.run, entry, self.run.run_id)
            if last := self._last_success(entry, model, made_of.fingerprint, scored):
                return work_list_lines.unchanged_line(self.run, index, entry, made_of.fingerprint, last)
        made_of = made_of._replace(training_input=input_versions.promise(data_uri, data))
        if model and (earlier := self._earlier_predictions(entry, model, data)):
            line = work_list_lines.train_line(self.run, index, entry, made_of, earlier)
            # An item whose settings leave no room for them is trained without.
            if len(as_bytes(line)) <= MAX_LINE_BYTES:
                return line
        return work_list_lines.train_line(self.run, index, entry, made_of)

    def _made_of(self, entry: ItemRequest, training: str) -> work_list_lines.MadeOf:
        """What the result of an item is made of that is trained.

        Args:
            entry: the item.
            training: the fingerprint of its training.
        """
        scored = self._find_predict_input(entry)
        fingerprint = fingerprints.result_fingerprint(
            entry, self.run.settings, scored, mode="train", model=training
        )
        scored_input = input_versions.promise(entry.predict_input, scored) if entry.predict_input else None
        return work_list_lines.MadeOf(fingerprint, scored_input, training)

    def _kept_line(
        self, index: int, entry: ItemRequest, made_of: work_list_lines.MadeOf, kept: KeptTraining
    ) -> Line:
        source = f"training job {kept.training.name} of run {kept.trained_in}"
        limits.require(self.allowed.image_problems(kept.image, source))
        return work_list_lines.kept_line(self.run, index, entry, made_of, kept)

    def _score_line(self, index: int, entry: ItemRequest) -> Line:
        settings, s3 = self.run.settings, self.services.s3
        model = latest_model.read_latest(s3, settings.output_bucket, entry.item)
        source = latest_model.described(entry.item)
        limits.require(self.allowed.made_of_problems(model.image, model.environment, source))
        if entry.predict_input:
            scored: str = entry.predict_input
            data = self._find_predict_input(entry)
        else:
            data_uri = input_data.data_uri_of(entry, settings.data_bucket, settings.dataset_file_name)
            data = input_data.find_input(s3, data_uri)
            scored = input_data.whole_file(data_uri, data)
        made_by = {
            "image": model.image,
            "artifact": model.model_data_url,
            "environment": model.environment | entry.environment,
        }
        fingerprint = fingerprints.result_fingerprint(entry, settings, data, mode="score", model=made_by)
        if self.skip_unchanged and (last := self._last_success(entry, model, fingerprint, scored)):
            return work_list_lines.unchanged_line(self.run, index, entry, fingerprint, last)
        # Of a folder, one file is scored; of the others nothing is read.
        read = [found for found in data if found.uri.startswith(scored)]
        made_of = work_list_lines.MadeOf(fingerprint, input_versions.promise(scored, read))
        return work_list_lines.score_line(self.run, index, entry, made_of, model, scored)

    def _find_predict_input(self, entry: ItemRequest) -> list[s3_objects.DataObject]:
        return input_data.find_input(self.services.s3, entry.predict_input) if entry.predict_input else []

    def _latest_if_readable(self, entry: ItemRequest) -> Latest | None:
        """The item's last model; one that cannot be told is no reason not to train."""
        try:
            return latest_model.find_latest(self.services.s3, self.run.settings.output_bucket, entry.item)
        except PipelineError as error:
            # Asked again later, it may yet spare the training.
            if self.skip_unchanged and isinstance(error, PlatformError):
                raise
            extra = {"run_id": self.run.run_id, "item": entry.item, "problem": str(error)}
            logger.warning("last model not readable", extra=extra)
            return None

    def _earlier_predictions(
        self, entry: ItemRequest, model: Latest, data: list[s3_objects.DataObject]
    ) -> EarlierPredictions | None:
        """The item's predictions of an earlier run; whatever keeps them from being found, it is trained without."""
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
    """What makes the whole run impossible: settings that only the stack's own make too large.

    Args:
        entry: the item.
        line: its line.
        size: how many bytes the line takes.
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
