"""Each function's environment as one typed, frozen model, checked when the function starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.errors import SettingsError

Required = Annotated[str, StringConstraints(min_length=1)]
Name = TypeVar("Name", bound="Settings")


class Settings(BaseModel):
    """Base: field `output_bucket` is read from variable OUTPUT_BUCKET; other variables are none of ours."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=str.upper)


class StackSettings(Settings):
    """What every function knows of its stack."""

    stack_name: Required
    output_bucket: Required


class SummarizeRunSettings(StackSettings):
    """Environment of summarize_run."""


class ModelSettings(StackSettings):
    """Environment of aws_create_model."""

    sagemaker_role_arn: Required
    # Empty until the stack is deployed with an image.
    image_uri: str


class TransformSettings(StackSettings):
    """Environment of aws_batch_transform."""

    transform_instance_type: Required
    transform_max_runtime_in_seconds: Annotated[int, Field(ge=1)]
    split_type: Literal["Line", "None"]
    max_payload_in_mb: Annotated[int, Field(ge=0, le=100)]


class TrainingSettings(StackSettings):
    """Environment of aws_training_job."""

    data_bucket: Required
    dataset_file_name: Required
    sagemaker_role_arn: Required
    image_uri: str
    training_instance_type: Required
    training_volume_size_in_gb: Annotated[int, Field(ge=1)]
    training_max_runtime_in_seconds: Annotated[int, Field(ge=1)]
    training_use_spot: bool
    model_backend: Required
    time_series_length: Annotated[int, Field(ge=1)]


class PrepareRunSettings(TrainingSettings, TransformSettings):
    """Environment of prepare_run, which writes the requests of both jobs."""

    max_concurrency: Annotated[int, Field(ge=1, le=10_000)]


def load_settings(model: type[Name], environment: Mapping[str, str]) -> Name:
    """`environment` as `model`.

    Raises:
        SettingsError: a variable is missing or wrong; all of them are named.
    """
    try:
        return model.model_validate(dict(environment))
    except ValidationError as error:
        problems = "; ".join(f"{detail['loc'][0]}: {detail['msg']}" for detail in error.errors())
        raise SettingsError(f"the function's environment is wrong: {problems}") from error
