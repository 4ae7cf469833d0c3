"""Each function's environment as one typed, frozen model, checked when the function starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, parse
from pydantic import BeforeValidator, ConfigDict

from pipeline.errors import SettingsError

Required = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
# Nothing is 0 times as wrong as a baseline; a thousand times accepts whatever comes.
ErrorRatio = Annotated[float, Field(ge=0.01, le=1000)]
# A template's parameter cannot be absent; left empty, its variable says nothing.
OrNothing = BeforeValidator(lambda text: None if text == "" else text)
Model = TypeVar("Model", bound="StackSettings")


class StackSettings(BaseModel):
    """What every function knows of its stack; field `output_bucket` is read from variable OUTPUT_BUCKET."""

    # pydantic reserves names that begin with `model_` unless this is empty, and MODEL_BACKEND is a variable.
    model_config = ConfigDict(frozen=True, protected_namespaces=(), defer_build=True)

    stack_name: Required
    data_bucket: Required
    output_bucket: Required
    # What requests may ask for (`pipeline.limits`); lists are joined by commas.
    allowed_buckets: str
    allowed_environment: str
    allowed_registries: str
    allowed_instance_types: str
    maximum_instance_count: Positive
    maximum_volume_size_in_gb: Positive
    maximum_runtime_in_seconds: Positive
    maximum_concurrency: Positive
    # Lambda itself sets AWS_REGION, so the template does not.
    aws_region: Required


class SummarizeRunSettings(StackSettings):
    """Environment of summarize_run."""

    keep_models: bool


class ModelSettings(StackSettings):
    """Environment of aws_create_model."""

    sagemaker_role_arn: Required
    # Empty until the stack is deployed with an image.
    image_uri: str
    maximum_error_ratio: ErrorRatio
    isolate_models: bool


class TransformSettings(StackSettings):
    """Environment of aws_batch_transform."""

    transform_instance_type: Required
    transform_max_runtime_in_seconds: Positive
    split_type: Literal["Line", "None"]
    max_payload_in_mb: Annotated[int, Field(ge=0, le=100)]


class TrainingSettings(StackSettings):
    """Environment of aws_training_job."""

    dataset_file_name: Required
    sagemaker_role_arn: Required
    image_uri: str
    training_instance_type: Required
    training_volume_size_in_gb: Positive
    training_max_runtime_in_seconds: Positive
    training_use_spot: bool
    isolate_training: bool
    # Only our image knows these two; empty, they are not sent, and an image goes by its own defaults.
    model_backend: str
    time_series_length: Annotated[Positive | None, OrNothing]


class PrepareRunSettings(TrainingSettings, TransformSettings):
    """Environment of prepare_run, which writes the requests of both jobs."""

    max_concurrency: Annotated[int, Field(ge=1, le=10_000)]
    keep_models: bool
    # Whether they are the user's own, which may not be as the stack needs them.
    check_data_bucket: bool
    check_sagemaker_role: bool


def load_settings(model: type[Model], environment: Mapping[str, str]) -> Model:
    """`environment` as `model`; variables that it does not name are none of ours.

    Raises:
        SettingsError: a variable is missing or wrong; all of them are named.
    """
    given = {name: environment[name.upper()] for name in model.model_fields if name.upper() in environment}
    try:
        return parse(event=given, model=model)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        listed = "; ".join(f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in problems)
        raise SettingsError(f"the function's environment is wrong: {listed}") from error
