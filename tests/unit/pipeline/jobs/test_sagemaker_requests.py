"""The bodies of SageMaker's create calls, held to SageMaker's own model."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from emulator.sagemaker.metrics import MetricScanner
from pipeline.contracts import ItemRequest, TransformChoices, parse_event
from pipeline.jobs import sagemaker_requests
from pipeline.jobs.sagemaker_requests import EarlierPredictions
from pipeline.settings import ModelSettings, PrepareRunSettings, load_settings

RUN = "20261122T094236123Z-first-run"


def shape_problems(operation: str, request: dict[str, Any]) -> str:
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model(operation)
    assert model.input_shape is not None
    report: str = ParamValidator().validate(request, model.input_shape).generate_report()
    return report


def training_request(settings: PrepareRunSettings, **entry: Any) -> dict[str, Any]:
    return sagemaker_requests.training_job_request(
        parse_event(ItemRequest, {"item": "United Kingdom", **entry}),
        settings,
        job_name="training-job-x",
        run_id=RUN,
        data_uri="s3://data-bucket/analysis_predict/United Kingdom/Online_Retail.csv",
    )


def transform_request(settings: PrepareRunSettings, **choices: Any) -> dict[str, Any]:
    return sagemaker_requests.transform_job_request(
        parse_event(TransformChoices, choices),
        settings,
        job_name="batch-transform-job-x",
        model_name="model-x",
        input_uri="s3://output-bucket/in.csv",
        item="item1",
        run_id=RUN,
    )


def test_the_training_request_has_sagemakers_shape(settings: PrepareRunSettings) -> None:
    assert not shape_problems("CreateTrainingJob", training_request(settings))


def test_earlier_predictions_are_a_channel_of_their_own(settings: PrepareRunSettings) -> None:
    entry = parse_event(ItemRequest, {"item": "a", "environment": {"predictions_probability_days": "7"}})
    names = {"job_name": "training-job-x", "run_id": RUN, "data_uri": "s3://data-bucket/a"}
    earlier = EarlierPredictions("s3://output-bucket/analysis_predicted_out/a/r/x.out", 30)
    request = sagemaker_requests.training_job_request(entry, settings, **names, earlier=earlier)
    assert not shape_problems("CreateTrainingJob", request)
    assert [channel["ChannelName"] for channel in request["InputDataConfig"]] == ["training", "predictions"]
    assert request["Environment"]["predictions_probability_days"] == "30"


@pytest.mark.parametrize("split_type", ["Line", "None"])
def test_the_transform_request_has_sagemakers_shape(settings: PrepareRunSettings, split_type: str) -> None:
    assert not shape_problems("CreateTransformJob", transform_request(settings, splitType=split_type))


def model_request(settings: ModelSettings, **variables: str) -> dict[str, Any]:
    return sagemaker_requests.model_request(
        settings,
        model_name="model-x",
        image="image:1",
        model_data_url="s3://output-bucket/model.tar.gz",
        environment=variables,
        run_id=RUN,
        item="item1",
    )


def test_the_model_request_has_sagemakers_shape_and_both_spellings(environment: dict[str, str]) -> None:
    request = model_request(load_settings(ModelSettings, environment), threads="2", mode="train")
    assert not shape_problems("CreateModel", request)
    assert request["PrimaryContainer"]["Environment"] == {
        "AWS_DEFAULT_REGION": "ap-east-2",
        "threads": "2",
        "MODE": "inference",
        "mode": "inference",
        "SAGEMAKER_PROGRAM": "inference.py",
        "sagemaker_program": "inference.py",
    }


def test_training_gets_the_environment_that_existing_images_read(settings: PrepareRunSettings) -> None:
    assert training_request(settings)["Environment"] == {
        "AWS_DEFAULT_REGION": "ap-east-2",
        "MODE": "train",
        "SAGEMAKER_PROGRAM": "train.py",
        "file_path": "s3://data-bucket/analysis_predict/United Kingdom/Online_Retail.csv",
        "time_series_length": "5",
        "model_backend": "weibull",
        "upload_sample_to_s3": "true",
        "sample_s3_bucket": "output-bucket",
        "sample_s3_prefix": f"analysis_predicted/United Kingdom/{RUN}",
        "upload_model_to_s3": "false",
        "model_s3_bucket": "output-bucket",
        "model_s3_prefix": f"analysis_predicted/United Kingdom/{RUN}",
    }


def test_a_training_without_a_network_must_upload_nothing(environment: dict[str, str]) -> None:
    settings = load_settings(PrepareRunSettings, environment | {"ISOLATE_TRAINING": "true"})
    request = training_request(settings, environment={"upload_model_to_s3": "true"})
    assert not shape_problems("CreateTrainingJob", request)
    assert request["EnableNetworkIsolation"] is True
    told = {name: value for name, value in request["Environment"].items() if name.startswith("upload_")}
    assert told == {"upload_sample_to_s3": "false", "upload_model_to_s3": "false"}


def test_a_training_has_a_network_unless_the_stack_says_otherwise(settings: PrepareRunSettings) -> None:
    assert training_request(settings)["EnableNetworkIsolation"] is False


@pytest.mark.parametrize(("stack", "isolated"), [("true", True), ("false", False)])
def test_models_have_a_network_where_the_stack_says_so(
    environment: dict[str, str], stack: str, isolated: bool
) -> None:
    request = model_request(load_settings(ModelSettings, environment | {"ISOLATE_MODELS": stack}))
    assert request["EnableNetworkIsolation"] is isolated


def test_what_only_our_image_knows_is_not_sent_unless_the_stack_says_it(environment: dict[str, str]) -> None:
    unset = load_settings(PrepareRunSettings, environment | {"MODEL_BACKEND": "", "TIME_SERIES_LENGTH": ""})
    sent = training_request(unset)["Environment"]
    assert sent.keys() & {"model_backend", "time_series_length"} == set()
    own = training_request(unset, environment={"time_series_length": "3"})["Environment"]
    assert own == sent | {"time_series_length": "3"}


def test_no_variable_of_an_item_wins_over_the_stacks_region_and_program(
    settings: PrepareRunSettings, environment: dict[str, str]
) -> None:
    own = {"AWS_DEFAULT_REGION": "eu-north-1", "SAGEMAKER_PROGRAM": "theirs.py"}
    training = training_request(settings, environment=own)
    model = model_request(load_settings(ModelSettings, environment), **own)
    for container in (training, model["PrimaryContainer"]):
        assert container["Environment"]["AWS_DEFAULT_REGION"] == "ap-east-2"
        assert container["Environment"]["SAGEMAKER_PROGRAM"] in {"train.py", "inference.py"}


# What the image in container/ writes into metrics.json and prints.
MEASURES = {
    "customers": 4338,
    "orders": 16766,
    "mean_absolute_error": 19.6682,
    "baseline_mean_absolute_error": 21.9131,
    "best_baseline": "mean_gap",
    "median_gap_mean_absolute_error": 27.5,
    "mean_gap_mean_absolute_error": 21.913,
    "last_gap_mean_absolute_error": 25.01,
    "error_ratio": 0.8976,
    "error_ratio_lower": 0.8612,
    "share_below_interval": 9e-05,
    "share_above_interval": 0.0,
    "served_mean_absolute_error": 22.1,
    "served_baseline_mean_absolute_error": 25.3,
    "served_best_baseline": "horizon",
    "served_error_ratio": 0.8735,
    "served_error_ratio_lower": 0.8511,
    "brier_score": 0.151,
    "baseline_brier_score": 0.201,
    "brier_score_ratio": 0.7512,
    "mean_probability": 0.312,
    "observed_share": 0.298,
    "horizon_days": 90,
    "probability_days": 30,
    "as_of": "2011-12-09",
    "cutoff": "2011-06-01",
    "learned_orders": 5931,
    "judged_orders": 6215,
    "judged_customers": 2911,
    "model_backend": "mbg_nbd+weibull",
    "note": "3 rows were left out",
    "realised_customers": 2410,
    "realised_mean_absolute_error": 20.4,
    "realised_share_inside_interval": 0.81,
    "realised_brier_score": 0.16,
    "realised_age_days": 31,
}


def scanned(line: str) -> dict[str, float]:
    scanner = MetricScanner(sagemaker_requests.METRIC_DEFINITIONS)
    scanner.watch(line)
    return {metric["MetricName"]: metric["Value"] for metric in scanner.final}


def printed(measures: dict[str, Any]) -> str:
    return f"INFO metrics: {'; '.join(f'{name}={value}' for name, value in measures.items())}"


def test_every_number_that_our_image_prints_is_a_metric() -> None:
    assert scanned(printed(MEASURES)) == {
        name: value for name, value in MEASURES.items() if not isinstance(value, str)
    }
    # So many does SageMaker take.
    assert len(sagemaker_requests.METRIC_DEFINITIONS) <= 40


@pytest.mark.parametrize("name", sagemaker_requests.METRICS)
def test_no_metric_is_read_from_another_whose_name_ends_alike(name: str) -> None:
    assert scanned(printed({name: 1.5})) == {name: 1.5}
    assert name not in scanned(printed({other: 1 for other in MEASURES if other != name}))


def test_an_items_choices_win_over_the_stacks_settings(settings: PrepareRunSettings) -> None:
    request = training_request(
        settings,
        hyperparameters={"seed": "7"},
        environment={"model_backend": "other"},
        training={
            "instanceType": "ml.c5.xlarge",
            "instanceCount": 2,
            "volumeSizeInGB": 99,
            "maxRuntimeInSeconds": 60,
        },
    )
    assert request["HyperParameters"] == {"seed": "7"}
    assert request["Environment"]["model_backend"] == "other"
    assert request["ResourceConfig"] == {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 99}
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}


@pytest.mark.parametrize(
    ("stack", "item", "spot"),
    [("false", None, False), ("true", None, True), ("true", False, False), ("false", True, True)],
    ids=["neither", "stack", "item says no", "item says yes"],
)
def test_spot_training_has_a_wait_longer_than_its_runtime(
    environment: dict[str, str], stack: str, item: bool | None, spot: bool
) -> None:
    settings = load_settings(PrepareRunSettings, environment | {"TRAINING_USE_SPOT": stack})
    request = training_request(settings, training={} if item is None else {"useSpot": item})
    stopping = request["StoppingCondition"]
    assert request["EnableManagedSpotTraining"] is spot
    assert ("MaxWaitTimeInSeconds" in stopping) is spot
    if spot:
        assert stopping["MaxWaitTimeInSeconds"] > stopping["MaxRuntimeInSeconds"]
    assert sagemaker_requests.training_timeout_in_seconds(request) > max(stopping.values())


@pytest.mark.parametrize(("split_type", "strategy"), [("Line", "MultiRecord"), ("None", "SingleRecord")])
def test_several_records_a_request_are_asked_for_only_where_the_file_is_split(
    settings: PrepareRunSettings, split_type: str, strategy: str
) -> None:
    request = transform_request(settings, splitType=split_type)
    assert (request["TransformInput"]["SplitType"], request["BatchStrategy"]) == (split_type, strategy)


def test_folders_given_to_sagemaker_end_in_a_slash(settings: PrepareRunSettings) -> None:
    training = training_request(settings)
    folders = [
        training["OutputDataConfig"]["S3OutputPath"],
        training["CheckpointConfig"]["S3Uri"],
        transform_request(settings)["TransformOutput"]["S3OutputPath"],
    ]
    assert all(folder.endswith("/") for folder in folders)


def test_every_job_is_tagged_with_stack_run_and_item(settings: PrepareRunSettings) -> None:
    wanted = {"automlops:stack": "shop", "automlops:run": RUN, "automlops:item": "United Kingdom"}
    tags = {tag["Key"]: tag["Value"] for tag in training_request(settings)["Tags"]}
    assert tags == wanted
    assert {tag["Key"] for tag in transform_request(settings)["Tags"]} == wanted.keys()


@pytest.mark.parametrize(
    ("stack_payload", "choices", "sent"),
    [
        ("6", {}, 0),
        ("50", {}, 0),
        ("51", {}, 1),
        ("100", {}, 1),
        ("6", {"maxPayloadInMB": 60}, 1),
        ("60", {"maxPayloadInMB": 6}, 0),
        ("60", {"maxConcurrentTransforms": 0}, 0),
        ("6", {"maxConcurrentTransforms": 4}, 4),
    ],
)
def test_the_largest_requests_are_sent_one_at_a_time_by_default(
    environment: dict[str, str], stack_payload: str, choices: dict[str, int], sent: int
) -> None:
    settings = load_settings(PrepareRunSettings, environment | {"MAX_PAYLOAD_IN_MB": stack_payload})
    request = sagemaker_requests.transform_job_request(
        parse_event(TransformChoices, choices),
        settings,
        job_name="b",
        model_name="m",
        input_uri="s3://data/in/a.csv",
        item="a",
        run_id="20261122T094236123Z-x",
    )
    assert request["MaxConcurrentTransforms"] == sent
