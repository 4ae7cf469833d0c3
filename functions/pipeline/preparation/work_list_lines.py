"""Makes an item's line of items.json: all that its child execution needs, as JSONPath cannot compute a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import layout, naming
from pipeline.contracts import as_requested
from pipeline.data import input_data
from pipeline.documents import Caught, Latest, Unchanged
from pipeline.jobs import sagemaker_requests
from pipeline.work_list import Line, LineModel

if TYPE_CHECKING:
    from pipeline.contracts import ItemRequest, TransformChoices
    from pipeline.documents import InputVersion
    from pipeline.errors import UserError
    from pipeline.fields import Mode
    from pipeline.jobs.sagemaker_requests import EarlierPredictions
    from pipeline.preparation.reruns import KeptTraining
    from pipeline.settings import PrepareRunSettings

Fields = dict[str, Any]

# Below that there is little to collide, and nobody should wait for it.
FEWEST_AT_ONCE = 10
# SageMaker takes about one create call a second. Three times as far apart, the calls for the second jobs find room
# between those for the first, and what was refused comes back without being refused over and over.
GAP_IN_SECONDS = 3.0
# Where each of the first items is followed by others in its place, it pays to keep them further apart: jobs that vary
# by a little then stay apart, and fewer ask for an instance while the quota is full. But starting a wave is to take no
# longer than what an item takes on its way: two jobs of five minutes.
FEWEST_WAVES = 2
LONGEST_GAP_IN_SECONDS = 7.5
LONGEST_WAVE_IN_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all lines of a run share.

    Attributes:
        settings: the stack's.
        run_id: the run.
        started: timestamp of its start, part of all names.
        digits: how many hash digits keep its names apart.
        mode: whether it trains.
    """

    settings: PrepareRunSettings
    run_id: str
    started: str
    digits: int
    mode: Mode


class MadeOf(NamedTuple):
    """What an item's result is made of: `pipeline.preparation.fingerprints` and `pipeline.data.input_versions` say how.

    Attributes:
        fingerprint: of the result.
        scored_input: what its batch transform job is to read, where that is not what training writes.
        training_fingerprint: of the model; None in mode score.
        training_input: what its training job is to read; None where none is started.
    """

    fingerprint: str
    scored_input: InputVersion | None = None
    training_fingerprint: str | None = None
    training_input: InputVersion | None = None


def refused_line(run: Run, index: int, entry: ItemRequest, error: UserError) -> Line:
    """One whose item fails before it costs anything; the others run."""
    caught = Caught(error=type(error).__name__, cause=str(error))
    return Line(**_common(run, index, entry), error=caught)


def unchanged_line(run: Run, index: int, entry: ItemRequest, fingerprint: str, last_success: Unchanged) -> Line:
    """One whose item is left as it is."""
    return Line(**_common(run, index, entry), fingerprint=fingerprint, unchanged=last_success)


def train_line(
    run: Run, index: int, entry: ItemRequest, made_of: MadeOf, earlier: EarlierPredictions | None = None
) -> Line:
    """One that trains, creates the model and scores.

    Args:
        run: the run.
        index: the item's number.
        entry: the item.
        made_of: what its result is made of.
        earlier: its predictions of an earlier run, which shape no result.
    """
    settings = run.settings
    job_name = naming.training_job_name(entry.item, run.started, run.digits)
    training_job = sagemaker_requests.training_job_request(
        entry,
        settings,
        job_name=job_name,
        run_id=run.run_id,
        data_uri=input_data.data_uri_of(entry, settings.data_bucket, settings.dataset_file_name),
        earlier=earlier,
    )
    return Line(
        **_common(run, index, entry),
        **made_of._asdict(),
        trained_in=run.run_id,
        training_job_name=job_name,
        training_job=training_job,
        training_timeout_seconds=sagemaker_requests.training_timeout_in_seconds(training_job),
        model=_model(run, entry, image=settings.image_uri, training_job_name=job_name),
        **_scoring(run, entry, entry.transform, scored_uri(run, entry, run.run_id)),
    )


def kept_line(run: Run, index: int, entry: ItemRequest, made_of: MadeOf, kept: KeptTraining) -> Line:
    """One that creates the model of a training that an earlier run has finished, and scores."""
    return Line(
        **_common(run, index, entry),
        **made_of._asdict(),
        trained_in=kept.trained_in,
        training_job_name=kept.training.name,
        training=kept.training,
        model=_model(run, entry, image=kept.image, training_job_name=kept.training.name),
        **_scoring(run, entry, entry.transform, scored_uri(run, entry, kept.trained_in)),
    )


def score_line(run: Run, index: int, entry: ItemRequest, made_of: MadeOf, latest: Latest, input_uri: str) -> Line:
    """One that makes the item's last accepted model once more, and scores.

    Args:
        run: the run.
        index: the item's number.
        entry: the item.
        made_of: what its result is made of.
        latest: the model.
        input_uri: the entry's predict_input, else the item's data, one file that is sent in one request.
    """
    model = LineModel(
        image=latest.image,
        model_data_url=latest.model_data_url,
        environment=latest.environment | entry.environment,
    )
    choices = entry.transform
    if entry.predict_input is None:
        # What was chosen for the lines of a file of features does not fit a whole file of data.
        choices = choices.model_copy(
            update={
                "split_type": "None",
                "max_payload_in_mb": input_data.MAX_REQUEST_IN_MB,
                "max_concurrent_transforms": 1,
            }
        )
    return Line(
        **_common(run, index, entry),
        **made_of._asdict(),
        model=model,
        **_scoring(run, entry, choices, input_uri),
    )


def scored_uri(run: Run, entry: ItemRequest, trained_in: str) -> str:
    """What is scored after a training: what the item asks for, else what its training wrote in run `trained_in`."""
    sample = layout.S3Location(run.settings.output_bucket, layout.sample_key(entry.item, trained_in))
    return entry.predict_input or sample.uri


def seconds_to_wait(items: Sequence[int], at_once: int) -> dict[int, int]:
    """How long each of the first items waits before its first job; who need not wait is not in it.

    The figures are those of docs/decisions/0026.

    Args:
        items: indices of the items that start a job, of whichever kind, in the order of the run.
        at_once: how many items may be under way at the same time.
    """
    first = items[:at_once]
    if len(first) < FEWEST_AT_ONCE:
        return {}
    gap = GAP_IN_SECONDS
    if len(items) >= FEWEST_WAVES * at_once:
        gap = max(gap, min(LONGEST_GAP_IN_SECONDS, LONGEST_WAVE_IN_SECONDS / at_once))
    return {index: round(turn * gap) for turn, index in enumerate(first) if turn}


def _common(run: Run, index: int, entry: ItemRequest) -> Fields:
    return {
        "index": index,
        "item": entry.item,
        "run_id": run.run_id,
        "record_key": layout.record_key(run.run_id, index),
        "mode": run.mode,
        "request": as_requested(entry),
    }


def _model(run: Run, entry: ItemRequest, *, image: str, training_job_name: str) -> LineModel:
    artifact = layout.S3Location(
        run.settings.output_bucket, layout.model_artifact_key(entry.item, training_job_name)
    )
    return LineModel(image=image, model_data_url=artifact.uri, environment=entry.environment)


def _scoring(run: Run, entry: ItemRequest, choices: TransformChoices, input_uri: str) -> Fields:
    model_name = naming.model_name(entry.item, run.started, run.digits)
    job_name = naming.transform_job_name(entry.item, run.started, run.digits)
    transform_job = sagemaker_requests.transform_job_request(
        choices,
        run.settings,
        job_name=job_name,
        model_name=model_name,
        input_uri=input_uri,
        item=entry.item,
        run_id=run.run_id,
    )
    folder = transform_job["TransformOutput"]["S3OutputPath"]
    return {
        "model_name": model_name,
        "transform_job_name": job_name,
        "predictions_uri": layout.predictions_uri(folder, input_uri),
        "transform_job": transform_job,
        "transform_timeout_seconds": sagemaker_requests.transform_timeout_in_seconds(choices, run.settings),
    }
