"""Each function's environment as one typed, frozen model, checked when the function starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, parse
from pydantic import BeforeValidator, ConfigDict

from pipeline.errors import SettingsError
from pipeline.fields import Concurrency, PayloadInMB

Required = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
# A smaller ratio would refuse every model, a larger one would accept every model.
ErrorRatio = Annotated[float, Field(ge=0.01, le=1000)]
# A parameter of the template cannot be absent, so an empty variable means that it is not set.
EmptyAsNone = BeforeValidator(lambda text: None if text == "" else text)
Model = TypeVar("Model", bound="StackSettings")


class StackSettings(BaseModel):
    """Settings of every function; field `output_bucket` is read from variable OUTPUT_BUCKET."""

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
    max_payload_in_mb: PayloadInMB


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
    # Only the image in container/ reads these two; empty, they are not sent, and the image uses its own defaults.
    model_backend: str
    time_series_length: Annotated[Positive | None, EmptyAsNone]


class PrepareRunSettings(TrainingSettings, TransformSettings):
    """Environment of prepare_run, which writes the requests of both jobs."""

    max_concurrency: Concurrency
    keep_models: bool
    # True for a bucket or role that the user brings: it may not be as the stack needs it.
    check_data_bucket: bool
    check_sagemaker_role: bool


def load_settings(model: type[Model], environment: Mapping[str, str]) -> Model:
    """Return `environment` as `model`; variables that are no field of it are ignored.

    Raises:
        SettingsError: variables are missing or wrong; the message names all of them.
    """
    values = {name: environment[name.upper()] for name in model.model_fields if name.upper() in environment}
    try:
        return parse(event=values, model=model)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        listed = "; ".join(f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in problems)
        raise SettingsError(f"the function's environment is wrong: {listed}") from error
