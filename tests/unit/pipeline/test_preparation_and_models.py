"""Preparing runs and creating models, with S3 and SageMaker played by small stand-ins."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import models, preparation
from pipeline.contracts import CreateModelEvent, PrepareRunEvent, parse_event
from pipeline.errors import (
    DataNotFoundError,
    DataNotReadableError,
    ImageNotSetError,
    InvalidRequestError,
    ModelWorseThanBaselineError,
)
from pipeline.settings import ModelSettings, PrepareRunSettings, load_settings

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
RUN = "20261122T094236123Z-x"
ARTIFACT = "analysis_predicted/item1/training-job-x/output/model.tar.gz"


def refusal(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


class Objects:
    """S3 in a dictionary, key to bytes; every bucket is the same one."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.metadata: dict[str, dict[str, str]] = {}

    def list_objects_v2(self, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        found = sorted(key for key in self.objects if key.startswith(Prefix))
        return {"Contents": [{"Key": key, "Size": len(self.objects[key])} for key in found]}

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        if Key not in self.objects:
            raise refusal("404", 404)
        return {"Metadata": self.metadata.get(Key, {})}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": '"1"'}

    def put_object(self, Key: str, Body: bytes, **told: Any) -> None:  # noqa: N803 - boto3's names
        if told.get("IfNoneMatch") and Key in self.objects:
            raise refusal("PreconditionFailed", 412)
        self.objects[Key] = Body
        self.metadata[Key] = told["Metadata"]


class Models:
    """SageMaker's models: remembers the last request."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}

    def create_model(self, **request: Any) -> dict[str, str]:
        self.request = request
        return {"ModelArn": f"arn:{request['ModelName']}"}


def event_of(request: dict[str, Any], arn: str = "arn:one") -> PrepareRunEvent:
    execution = {"id": arn, "name": "x", "startTime": "2026-11-22T09:42:36.123Z"}
    return parse_event(PrepareRunEvent, {"request": request, "execution": execution})


def prepare(settings: PrepareRunSettings, s3: Objects, request: dict[str, Any]) -> Any:
    return preparation.prepare_run(event_of(request), settings, s3)  # type: ignore[arg-type]


def data(*items: str) -> dict[str, bytes]:
    return {f"analysis_predict/{item}/Online_Retail.csv": b"rows" for item in items}


def test_a_line_is_written_for_every_item_in_its_order(settings: PrepareRunSettings) -> None:
    s3 = Objects(data("b", "a"))
    run = prepare(settings, s3, {"itemList": ["b", "a", "c"], "maxConcurrency": 2})
    lines = json.loads(s3.objects[run.items_key])
    assert [(line["index"], line["item"]) for line in lines] == [(0, "b"), (1, "a"), (2, "c")]
    assert [line.get("problem", {}).get("Error") for line in lines] == [None, None, "DataNotFoundError"]
    assert (run.run_id, run.item_count, run.max_concurrency) == (RUN, 3, 2)


def test_the_stacks_concurrency_holds_where_none_is_asked_for(settings: PrepareRunSettings) -> None:
    assert prepare(settings, Objects(data("a")), {"itemList": ["a"]}).max_concurrency == settings.max_concurrency


def test_a_stack_without_an_image_refuses_runs(environment: dict[str, str]) -> None:
    s3 = Objects(data("a"))
    with pytest.raises(ImageNotSetError, match="deploy the stack with parameter ImageUri"):
        prepare(load_settings(PrepareRunSettings, environment | {"IMAGE_URI": ""}), s3, {"itemList": ["a"]})
    assert s3.objects == data("a")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"transform": {"maxConcurrentTransforms": 20}},
            "20 times maxPayloadInMB 6 is more than SageMaker's 100 MB",
        ),
        ({"hyperparameters": {str(number): "x" * 2500 for number in range(60)}}, "at most 131,072 fit"),
    ],
    ids=["payload", "size"],
)
def test_what_only_the_settings_show_is_refused_before_anything_starts(
    settings: PrepareRunSettings, entry: dict[str, Any], said: str
) -> None:
    s3 = Objects(data("a", "b"))
    request = {"itemList": [{"item": "a", **entry}, {"item": "b", **entry}]}
    with pytest.raises(InvalidRequestError, match=said) as refused:
        prepare(settings, s3, request)
    assert len(refused.value.problems) == 2
    assert s3.objects == data("a", "b")


def create(variables: dict[str, str], s3: Objects, sagemaker: Models, /, **event: Any) -> dict[str, Any]:
    settings = load_settings(ModelSettings, variables)
    wanted = parse_event(CreateModelEvent, event)
    return models.create_model(wanted, settings, s3, sagemaker, NOW)  # type: ignore[arg-type]


STEP = {
    "item": "item1",
    "runId": RUN,
    "modelDataUrl": f"s3://output-bucket/{ARTIFACT}",
    "environment": {"threads": "2"},
    "training": {"name": "training-job-x", "arn": "arn", "status": "Completed", "createdAt": 1},
}


def test_metrics_that_are_no_json_do_not_travel(environment: dict[str, str]) -> None:
    metrics = b'{"mean_absolute_error": NaN, "best": Infinity, "customers": 3, "note": "ok", "list": [1]}'
    s3 = Objects({ARTIFACT: b"x", f"analysis_predicted/item1/{RUN}/metrics.json": metrics})
    answer = create(environment, s3, Models(), **STEP)
    assert answer["metrics"] == {"customers": 3, "note": "ok"}
    assert json.loads(s3.objects["analysis_predicted/item1/latest.json"])["metrics"] == answer["metrics"]


METRICS = f"analysis_predicted/item1/{RUN}/metrics.json"
WORSE = b'{"mean_absolute_error": 30.5, "baseline_mean_absolute_error": 20.25}'


@pytest.mark.parametrize(
    "latest", [{}, {"analysis_predicted/item1/latest.json": b"yesterday's"}], ids=["first", "later"]
)
def test_a_refused_model_is_neither_created_nor_remembered_however_often_it_is_tried(
    environment: dict[str, str], latest: dict[str, bytes]
) -> None:
    before = {ARTIFACT: b"x", METRICS: WORSE, **latest}
    s3, sagemaker = Objects(dict(before)), Models()
    refusals = set()
    for _ in range(2):
        with pytest.raises(ModelWorseThanBaselineError) as refused:
            create(environment, s3, sagemaker, **STEP)
        refusals.add(str(refused.value))
    assert len(refusals) == 1
    assert f"all measures are in s3://output-bucket/{METRICS}" in refusals.pop()
    assert sagemaker.request == {}
    assert s3.objects == before


def test_the_stacks_limit_decides(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", METRICS: WORSE})
    answer = create(environment | {"MAXIMUM_ERROR_RATIO": "1.6"}, s3, Models(), **STEP)
    assert answer["metrics"] == {"mean_absolute_error": 30.5, "baseline_mean_absolute_error": 20.25}


def test_measures_are_judged_wherever_they_stand_among_many(environment: dict[str, str]) -> None:
    many = {f"measure {number}": number for number in range(2 * models.MAX_METRICS)}
    s3 = Objects({ARTIFACT: b"x", METRICS: json.dumps(many | json.loads(WORSE)).encode()})
    with pytest.raises(ModelWorseThanBaselineError):
        create(environment, s3, Models(), **STEP)


@pytest.mark.parametrize(
    ("written", "told"),
    [({}, None), ({METRICS: b"[]"}, None), ({METRICS: b'{"rows": 2}'}, {"rows": 2})],
    ids=["none", "a list", "others"],
)
def test_a_training_without_measures_is_not_judged(
    environment: dict[str, str], written: dict[str, bytes], told: dict[str, int] | None
) -> None:
    s3, sagemaker = Objects({ARTIFACT: b"x", **written}), Models()
    assert create(environment, s3, sagemaker, **STEP)["metrics"] == told
    assert sagemaker.request


@pytest.mark.parametrize(
    "event",
    [
        {"modelDataUrl": f"s3://output-bucket/{ARTIFACT}"},
        {"item": "item1", "modelDataUrl": f"s3://output-bucket/{ARTIFACT}"},
    ],
    ids=["artifact", "item and artifact"],
)
def test_a_call_without_a_training_is_not_judged(environment: dict[str, str], event: dict[str, str]) -> None:
    s3, sagemaker = Objects({ARTIFACT: b"x", METRICS: WORSE}), Models()
    create(environment, s3, sagemaker, **event)
    assert sagemaker.request


def test_the_items_last_model_is_made_again_with_its_own_environment(environment: dict[str, str]) -> None:
    s3, sagemaker = Objects({ARTIFACT: b"x"}), Models()
    create(environment, s3, sagemaker, **STEP)
    first = sagemaker.request["PrimaryContainer"]
    create(environment, s3, sagemaker, item="item1")
    assert sagemaker.request["PrimaryContainer"] == first
    create(environment, s3, sagemaker, item="item1", environment={"threads": "4"})
    assert sagemaker.request["PrimaryContainer"]["Environment"]["threads"] == "4"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (STEP, "training must write its model to /opt/ml/model"),
        ({"modelDataUrl": f"s3://output-bucket/{ARTIFACT}"}, "check modelDataUrl"),
    ],
    ids=["step", "alone"],
)
def test_an_artifact_that_is_not_there_is_said_so(environment: dict[str, str], event: Any, said: str) -> None:
    with pytest.raises(DataNotFoundError, match=rf"no model artifact .*{ARTIFACT}; {said}"):
        create(environment, Objects({f"{ARTIFACT}.sha256": b"x"}), Models(), **event)


def test_a_checksum_beside_the_artifact_does_no_harm(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", f"{ARTIFACT}.sha256": b"x"})
    assert create(environment, s3, Models(), **STEP)["modelDataUrl"].endswith(ARTIFACT)


@pytest.mark.parametrize("content", [b"[]", b'{"runId": "x"}'])
def test_a_latest_json_of_another_shape_is_refused_by_name(environment: dict[str, str], content: bytes) -> None:
    s3 = Objects({"analysis_predicted/item1/latest.json": content})
    with pytest.raises(DataNotReadableError, match=r"analysis_predicted/item1/latest\.json lacks some of"):
        create(environment, s3, Models(), item="item1")
