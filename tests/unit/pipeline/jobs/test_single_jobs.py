"""Jobs outside a run: their default input and model, and the error for a model that was deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.contracts import BatchTransformEvent, parse_event
from pipeline.errors import ModelNotFoundError, ServiceRefusedError
from pipeline.jobs import single_jobs
from pipeline.settings import TransformSettings, load_settings
from tests.unit.pipeline.in_memory_aws import RUN, Objects
from tests.unit.pipeline.stored_documents import refusal

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
OLDER = "20261121T000000000Z-o"
LATEST = {
    "runId": RUN,
    "modelName": "model-item1-x",
    "modelDataUrl": "s3://output-bucket/analysis_predicted/item1/training-job-item1/output/model.tar.gz",
    "image": "i",
}


class Transforms:
    """SageMaker, which knows some models and, if told so, refuses every job."""

    def __init__(self, *models: str, refuses: bool = False) -> None:
        self.models = models
        self.refuses = refuses
        self.request: dict[str, Any] = {}

    def create_transform_job(self, **request: Any) -> dict[str, str]:
        """As boto3's."""
        if self.refuses or request["ModelName"] not in self.models:
            raise refusal("ValidationException")
        self.request = request
        return {"TransformJobArn": "arn:transform"}

    def describe_transform_job(self, **_: Any) -> dict[str, str]:
        """As boto3's."""
        raise refusal("ValidationException")

    def describe_model(self, ModelName: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        """As boto3's."""
        if ModelName not in self.models:
            raise refusal("ValidationException")
        return {"ModelName": ModelName}


def transform(
    environment: dict[str, str], sagemaker: Transforms, latest: Any = LATEST, **event: Any
) -> dict[str, Any]:
    objects = {
        "analysis_predicted/item1/latest.json": json.dumps(latest).encode(),
        f"analysis_predicted/item1/{RUN}/sample_prediction.csv": b"x",
        f"analysis_predicted/item1/{OLDER}/sample_prediction.csv": b"x",
        "features.csv": b"x",
    }
    wanted = parse_event(BatchTransformEvent, {"item": "item1", **event})
    settings = load_settings(TransformSettings, environment)
    return single_jobs.start_transform_job(wanted, settings, Objects(objects), sagemaker, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("trained_in", [None, OLDER], ids=["own training", "kept training"])
def test_the_last_model_scores_what_its_training_wrote(
    environment: dict[str, str], trained_in: str | None
) -> None:
    sagemaker = Transforms("model-item1-x")
    transform(environment, sagemaker, LATEST | {"trainedIn": trained_in})
    source = sagemaker.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source == f"s3://output-bucket/analysis_predicted/item1/{trained_in or RUN}/sample_prediction.csv"


def test_of_a_model_and_a_file_that_are_named_nothing_else_is_read(environment: dict[str, str]) -> None:
    sagemaker = Transforms("mine")
    transform(environment, sagemaker, "no model", modelName="mine", input="s3://data-bucket/features.csv")
    assert sagemaker.request["ModelName"] == "mine"


def test_a_deleted_model_raises_with_the_remedy(environment: dict[str, str]) -> None:
    with pytest.raises(ModelNotFoundError, match=r"model-item1-x is not in SageMaker") as refused:
        transform(environment, Transforms())
    assert 'aws_create_model {"item": "item1"}' in str(refused.value)
    assert "KeepModels=true" in str(refused.value)


@pytest.mark.parametrize(
    ("sagemaker", "event"),
    [(Transforms(), {"modelName": "mine"}), (Transforms("model-item1-x", refuses=True), {})],
    ids=["a model that was named", "another reason"],
)
def test_another_refusal_keeps_its_own_words(
    environment: dict[str, str], sagemaker: Transforms, event: dict[str, str]
) -> None:
    with pytest.raises(ServiceRefusedError, match=r"starting transform job .*: ValidationException: said so"):
        transform(environment, sagemaker, **event)
