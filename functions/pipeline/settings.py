"""Each function's environment as one typed, frozen model, checked when the function starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from pipeline import validation
from pipeline.errors import SettingsError

Required = Annotated[str, Meta(min_length=1)]
Positive = Annotated[int, Meta(ge=1)]
# Nothing is 0 times as wrong as a baseline; a thousand times accepts whatever comes.
ErrorRatio = Annotated[float, Meta(ge=0.01, le=1000)]
Model = TypeVar("Model", bound="StackSettings")

# Dataclasses, since a Struct cannot inherit the fields of two, and prepare_run's settings are those of both jobs.


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """What every function knows of its stack; field `output_bucket` is read from variable OUTPUT_BUCKET."""

    stack_name: Required
    output_bucket: Required
    # Lambda itself sets AWS_REGION, so the template does not.
    aws_region: Required


@dataclass(frozen=True, kw_only=True)
class SummarizeRunSettings(StackSettings):
    """Environment of summarize_run."""

    keep_models: bool


@dataclass(frozen=True, kw_only=True)
class ModelSettings(StackSettings):
    """Environment of aws_create_model."""

    sagemaker_role_arn: Required
    # Empty until the stack is deployed with an image.
    image_uri: str
    maximum_error_ratio: ErrorRatio


@dataclass(frozen=True, kw_only=True)
class TransformSettings(StackSettings):
    """Environment of aws_batch_transform."""

    transform_instance_type: Required
    transform_max_runtime_in_seconds: Positive
    split_type: Literal["Line", "None"]
    max_payload_in_mb: Annotated[int, Meta(ge=0, le=100)]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(StackSettings):
    """Environment of aws_training_job."""

    data_bucket: Required
    dataset_file_name: Required
    sagemaker_role_arn: Required
    image_uri: str
    training_instance_type: Required
    training_volume_size_in_gb: Positive
    training_max_runtime_in_seconds: Positive
    training_use_spot: bool
    model_backend: Required
    time_series_length: Positive


@dataclass(frozen=True, kw_only=True)
class PrepareRunSettings(TrainingSettings, TransformSettings):
    """Environment of prepare_run, which writes the requests of both jobs."""

    max_concurrency: Annotated[int, Meta(ge=1, le=10_000)]
    keep_models: bool


def load_settings(model: type[Model], environment: Mapping[str, str]) -> Model:
    """`environment` as `model`; variables that it does not name are none of ours.

    Raises:
        SettingsError: a variable is missing or wrong; all of them are named.
    """
    names = [field.name for field in fields(model)]
    told = {name: environment[name.upper()] for name in names if name.upper() in environment}
    try:
        return validation.convert(told, model, strict=False)
    except msgspec.ValidationError as error:
        found = validation.problems(told, model, strict=False)
        listed = "; ".join(f"{str(problem.place[0]).upper()}: {problem.words}" for problem in found)
        raise SettingsError(f"the function's environment is wrong: {listed}") from error
