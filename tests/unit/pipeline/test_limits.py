"""The limits of a stack: they stop known attacks, and allow what an ordinary team needs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline import limits, naming
from pipeline.contracts import (
    BatchTransformEvent,
    CreateModelEvent,
    ItemRequest,
    PrepareRunEvent,
    SummarizeRunEvent,
    TrainingJobEvent,
    parse_event,
)
from pipeline.documents import TrainingJob
from pipeline.errors import DataNotReadableError, InvalidRequestError
from pipeline.jobs import single_jobs
from pipeline.limits import Limits
from pipeline.preparation import reruns
from pipeline.settings import PrepareRunSettings, load_settings
from tests.unit.pipeline.in_memory_aws import RUN, Models, Objects, data, prepare
from tests.unit.pipeline.model import test_create_model
from tests.unit.pipeline.stored_documents import REGISTRY

OWN_REGISTRY = "123456789012.dkr.ecr.ap-east-2.amazonaws.com"
NOW = test_create_model.NOW


@pytest.fixture
def allowed(settings: PrepareRunSettings) -> Limits:
    """Return the limits of the tests' stack."""
    return Limits.from_settings(settings)


def problems(allowed: Limits, **entry: Any) -> list[str]:
    return allowed.entry_problems(parse_event(ItemRequest, {"item": "a", **entry}), "itemList[0]")


# What loads or runs code, says where files and keys are, or where traffic goes.
ATTACKS = [
    "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH",
    "PATH", "HOME", "ENV", "BASH_ENV", "BASH_FUNC_ls", "IFS", "SHELLOPTS", "PS4", "PROMPT_COMMAND", "TMPDIR",
    "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT", "PYTHONWARNINGS", "pythonpath", "PIP_INDEX_URL",
    "UV_INDEX_URL", "NODE_OPTIONS", "PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS", "CLASSPATH", "R_PROFILE_USER", "R_HOME", "GUNICORN_CMD_ARGS", "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_PROFILE",
    "AWS_CA_BUNDLE", "AWS_DEFAULT_REGION", "aws_endpoint_url", "BOTO_CONFIG", "SAGEMAKER_PROGRAM", "SAGEMAKER_BASE_DIR",
    "SAGEMAKER_SUBMIT_DIRECTORY", "sagemaker_program", "SM_CHANNEL_TRAINING", "SM_MODEL_DIR", "HTTP_PROXY", "https_proxy",
    "ALL_PROXY", "no_proxy", "GIT_SSH_COMMAND", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSLKEYLOGFILE", "OPENSSL_CONF",
    "REQUESTS_CA_BUNDLE", "CUDA_INJECTION64_PATH", "OMP_TOOL_LIBRARIES", "NCCL_NET_PLUGIN", "CC",
    "GOOGLE_APPLICATION_CREDENTIALS", "HDF5_PLUGIN_PATH", "GI_TYPELIB_PATH",
]  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_no_parameter_lets_a_request_set_what_others_read(environment: dict[str, str], name: str) -> None:
    everything = ",".join([name, f"{name[:1]}*", *(f"{letter}*" for letter in "ACHLPSchlps_")])
    wide = Limits.from_settings(
        load_settings(PrepareRunSettings, environment | {"ALLOWED_ENVIRONMENT": everything})
    )
    (problem,) = problems(wide, environment={name: "x"})
    assert problem.startswith(f"itemList[0].environment.{name}: ")
    assert problem.endswith("whatever parameter AllowedEnvironment names")


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("model_backend", True),
        ("time_series_length", True),
        ("upload_model_to_s3", True),
        ("threads", True),
        ("shop_opening", True),
        ("shop", False),
        ("Threads", False),
        ("MODEL_BACKEND", False),
        ("OMP_NUM_THREADS", False),
        ("anything", False),
    ],
)
def test_an_item_sets_what_the_image_is_known_to_read(
    environment: dict[str, str], name: str, accepted: bool
) -> None:
    stack = load_settings(PrepareRunSettings, environment | {"ALLOWED_ENVIRONMENT": "threads, shop_*"})
    found = problems(Limits.from_settings(stack), environment={name: "x"})
    assert (found == []) is accepted
    if not accepted:
        assert "add it to the stack's parameter AllowedEnvironment" in found[0]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NCCL_DEBUG", "MALLOC_ARENA_MAX"])
def test_settings_of_libraries_can_be_added_by_parameter(environment: dict[str, str], name: str) -> None:
    stack = load_settings(PrepareRunSettings, environment | {"ALLOWED_ENVIRONMENT": name})
    assert problems(Limits.from_settings(stack), environment={name: "1"}) == []


@pytest.mark.parametrize("name", ["sagemaker_program", "sagemaker_submit_directory", "SageMaker_Program"])
def test_no_hyperparameter_names_the_program(allowed: Limits, name: str) -> None:
    (problem,) = problems(allowed, hyperparameters={name: "s3://data-bucket/mine.tar.gz", "seed": "1"})
    assert problem.startswith(f"itemList[0].hyperparameters.{name}: ")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"input": "s3://foreign/a.csv"}, "input: s3://foreign/a.csv is in none of the buckets"),
        ({"predictInput": "s3://data-bucket-2/a/"}, "predictInput: s3://data-bucket-2/a/ is in none"),
        ({"input": "s3://output-bucket/analysis_predicted/a/"}, "input: the item's own training writes into"),
        ({"input": "s3://output-bucket/analysis_predicted/a/run/"}, "input: the item's own training writes into"),
        ({"input": "s3://output-bucket/analysis_predicted/"}, "input: the item's own training writes into"),
        ({"training": {"instanceType": "ml.p5.48xlarge"}}, "training.instanceType: .* not ml.p5.48xlarge"),
        ({"transform": {"instanceType": "ml.g5.xlarge"}}, "transform.instanceType: "),
        ({"training": {"instanceCount": 20}}, r"training.instanceCount: 20 is more .* 4 \(parameter MaximumInst"),
        ({"transform": {"instanceCount": 5}}, "transform.instanceCount: 5 is more"),
        ({"training": {"volumeSizeInGB": 16384}}, r"volumeSizeInGB: 16,384 is more .* 500 \(parameter MaximumVol"),
        ({"training": {"maxRuntimeInSeconds": 2_419_200}}, r"maxRuntimeInSeconds: 2,419,200 .*MaximumRuntimeIn"),
        ({"transform": {"maxRuntimeInSeconds": 432_001}}, "transform.maxRuntimeInSeconds: 432,001 is more"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_settings_beyond_the_limits_are_refused_with_their_place(
    allowed: Limits, entry: dict[str, Any], said: str
) -> None:
    (problem,) = problems(allowed, **entry)
    assert problem.startswith("itemList[0].")
    with pytest.raises(InvalidRequestError, match=said):
        limits.require([problem])


def test_an_ordinary_item_may_ask_for_what_it_needs(allowed: Limits) -> None:
    job = {"instanceType": "ml.m5.4xlarge", "instanceCount": 4, "maxRuntimeInSeconds": 432_000}
    assert (
        problems(
            allowed,
            input="s3://data-bucket/x/",
            predictInput="s3://elsewhere/x.csv",
            hyperparameters={"seed": "1"},
            environment={"threads": "2"},
            training={**job, "volumeSizeInGB": 500, "useSpot": True},
            transform=job,
        )
        == []
    )


def test_the_stacks_own_parameters_are_not_limited(environment: dict[str, str]) -> None:
    own = {
        "TRAINING_INSTANCE_TYPE": "ml.p5.48xlarge",
        "TRAINING_VOLUME_SIZE_IN_GB": "9000",
        "TRAINING_MAX_RUNTIME_IN_SECONDS": "2419200",
        "MAX_CONCURRENCY": "1000",
    }
    wide = Limits.from_settings(load_settings(PrepareRunSettings, environment | own))
    job = {"instanceType": "ml.p5.48xlarge"}
    training = {**job, "volumeSizeInGB": 9000, "maxRuntimeInSeconds": 2_419_200}
    assert problems(wide, training=training, transform=job) == []
    assert wide.concurrency_problems(1000) == []
    # Each limit for itself: of the transform's time the stack says nothing of the kind.
    assert problems(wide, transform={"maxRuntimeInSeconds": 2_419_200})


# --- where it is checked ----------------------------------------------------------------------------------------------

BAD: dict[str, Any] = {"item": "a", "environment": {"LD_PRELOAD": "/opt/ml/input/data/training/x.so"}}
WORSE: dict[str, Any] = {"item": "b", "training": {"instanceType": "ml.p5.48xlarge"}}


def test_a_run_is_refused_whole_with_all_places(settings: PrepareRunSettings) -> None:
    body = "\n".join(map(json.dumps, [BAD, WORSE])).encode()
    for request, places in (
        ({"itemList": [BAD, WORSE]}, ["itemList[0].environment", "itemList[1].training"]),
        ({"itemsUri": "s3://data-bucket/l.jsonl"}, ["itemsUri, line 1.environment", "itemsUri, line 2.training"]),
    ):
        s3 = Objects({**data("a", "b"), "l.jsonl": body})
        before = dict(s3.objects)
        with pytest.raises(InvalidRequestError) as refused:
            prepare(settings, s3, {**request, "maxConcurrency": 201})
        told = refused.value.problems
        assert [told[0].startswith("maxConcurrency: 201 is more"), *map(str.startswith, told[1:], places)] == [
            True
        ] * 3
        assert s3.objects == before


@pytest.mark.parametrize("source", ["itemsUri", "itemPrefix"])
def test_no_list_of_another_bucket_is_read(settings: PrepareRunSettings, source: str) -> None:
    s3 = Objects({"x/a/file.csv": b"1", "x/l": b'"a"'})
    uri = "s3://foreign/x/" if source == "itemPrefix" else "s3://foreign/x/l"
    with pytest.raises(InvalidRequestError, match=rf"^{source}: s3://foreign/x/l? ?is in none of the buckets"):
        prepare(settings, s3, {source: uri})
    assert "list_objects_v2" not in s3.calls
    assert "get_object" not in s3.calls


def test_an_items_last_model_is_held_to_the_same_limits(settings: PrepareRunSettings) -> None:
    good = {
        "runId": RUN,
        "modelName": "m",
        "modelDataUrl": "s3://output-bucket/analysis_predicted/a/j/output/model.tar.gz",
        "image": f"{REGISTRY}/image:0",
        "environment": {"threads": "2"},
    }
    for changes, error, said in (
        ({}, None, ""),
        ({"image": "999999999999.dkr.ecr.us-east-1.amazonaws.com/x:1"}, "InvalidRequestError", "registries"),
        (
            {"environment": {"AWS_DEFAULT_REGION": "eu-north-1"}},
            "InvalidRequestError",
            "environment.AWS_DEFAULT_REGION",
        ),
        ({"modelDataUrl": "s3://output-bucket/analysis_predicted/b/j/m"}, "DataNotReadableError", "not under"),
        ({"modelDataUrl": "s3://foreign/analysis_predicted/a/j/m"}, "DataNotReadableError", "remove it"),
        ({"modelDataUrl": "s3://output-bucket/analysis_predicted/a/../b/m"}, "DataNotReadableError", "remove it"),
        ({"item": "b"}, "DataNotReadableError", "is of item 'b'"),
    ):
        s3 = Objects({**data("a"), "analysis_predicted/a/latest.json": json.dumps(good | changes).encode()})
        (line,) = s3.json(prepare(settings, s3, {"itemList": ["a"], "mode": "score"}).items_key)
        told = line["error"] or {"Error": None, "Cause": ""}
        assert told["Error"] == error, changes
        assert said in told["Cause"]


KEPT = reruns.KeptTraining(
    training=TrainingJob(name="training-job-a", arn="arn:t", status="Completed"),
    trained_in=test_create_model.OLDER,
    image=f"{REGISTRY}/image:0",
    training_fingerprint="print",
)


def test_a_rerun_asks_for_no_more_than_a_run(
    settings: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rerun(entry: dict[str, Any], image: str, **request: Any) -> dict[str, Any]:
        kept = {"a": replace(KEPT, image=image)}
        found = reruns.Rerun("train", 500, 0.0, [parse_event(ItemRequest, entry)], kept)
        monkeypatch.setattr(reruns, "select_for_rerun", lambda *_, **__: found)
        s3 = Objects(data("a"))
        (line,) = s3.json(prepare(settings, s3, {"rerunOf": test_create_model.OLDER} | request).items_key)
        written: dict[str, Any] = line
        return written

    # As an earlier version let an item, and a run, ask for it.
    with pytest.raises(InvalidRequestError) as refused:
        rerun({"item": "a", "environment": {"AWS_DEFAULT_REGION": "eu-north-1"}}, KEPT.image)
    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        "maxConcurrency",
        "item 'a'.environment.AWS_DEFAULT_REGION",
    ]
    assert rerun({"item": "a"}, KEPT.image, maxConcurrency=5)["error"] is None
    error = rerun({"item": "a"}, "python:3.13", maxConcurrency=5)["error"]
    assert error["Error"] == "InvalidRequestError"
    assert error["Cause"].startswith(
        f"training job training-job-a of run {test_create_model.OLDER}: image 'python:3.13'"
    )


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "accepted"),
    [
        (f"{OWN_REGISTRY}/mine:1", True),
        (f"{REGISTRY}/the-stacks-own-registry:1", True),
        ("registry.example/team/a@sha256:" + "a" * 64, True),
        ("registry.example/team/a/b:1", True),
        ("registry.example/team-b/a:1", False),
        ("999999999999.dkr.ecr.ap-east-2.amazonaws.com/mine:1", False),
        (f"{OWN_REGISTRY}.example/mine:1", False),
        (f"{OWN_REGISTRY}:5000/mine:1", False),
        (f"{OWN_REGISTRY}/mine:1@sha256:" + "a" * 64, True),
        (f"{OWN_REGISTRY}/mine", True),
        (f"{OWN_REGISTRY}/../registry.example.org/mine:1", False),
        (f"{OWN_REGISTRY}/ @registry.example.org/mine:1", False),
        ("registry.example/team/../team-b/a:1", False),
        ("registry.example/team/a@registry.example.org/a", False),
        ("registry.example/team:1/a", False),
        ("registry.example/team/a\n", False),
        ("docker.io/library/python:3.13", False),
        ("python:3.13", False),
    ],
)
def test_images_come_from_registries_that_the_stack_names(
    environment: dict[str, str], image: str, accepted: bool
) -> None:
    named = environment | {"ALLOWED_REGISTRIES": f"{OWN_REGISTRY},registry.example/team"}
    allowed = Limits.from_settings(load_settings(PrepareRunSettings, named))
    assert (allowed.image_problems(image, "image") == []) is accepted


@pytest.mark.parametrize(
    ("own", "registry"),
    [
        (
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/image:1",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        ),
        ("123456789012.dkr-ecr.us-east-1.on.aws/image:1", "123456789012.dkr-ecr.us-east-1.on.aws"),
        ("public.ecr.aws/team/image:1", "public.ecr.aws/team/image"),
        ("localhost:5000/image:1", "localhost:5000/image"),
        ("registry.example:5000/image@sha256:" + "a" * 64, "registry.example:5000/image"),
    ],
)
def test_of_a_registry_that_all_share_the_stacks_own_repository_counts(
    environment: dict[str, str], own: str, registry: str
) -> None:
    stack = load_settings(PrepareRunSettings, environment | {"IMAGE_URI": own, "ALLOWED_REGISTRIES": ""})
    allowed = Limits.from_settings(stack)
    assert allowed.registries == (registry,)
    assert allowed.image_problems(own, "image") == []


YEAR_9999 = "99991231T235959999Z"


@pytest.mark.parametrize(
    ("forged", "places"),
    [
        ({"runId": f"{YEAR_9999}-x"}, ["runId", "recordKey", "modelName"]),
        ({"runId": "00010101T000000000Z-x"}, ["runId", "recordKey", "modelName", "trainedIn"]),
        ({"runId": "20261322T000000000Z-x"}, ["runId", "recordKey", "modelName"]),
        ({"recordKey": f"runs/{RUN}/records/../../../x.json"}, ["recordKey"]),
        ({"recordKey": f"runs/{RUN}/records/00.json"}, ["recordKey"]),
        ({"recordKey": f"runs/{RUN}/records/²²²².json"}, ["recordKey"]),
        ({"recordKey": f"runs/{test_create_model.OLDER}/records/0.json"}, ["recordKey"]),
        ({"modelName": "model-item2-20261122T094236123Z"}, ["modelName"]),
        ({"modelName": None}, ["modelName"]),
        ({"trainedIn": f"{YEAR_9999}-x"}, ["trainedIn", "trainedIn", "training.name"]),
        ({"trainedIn": test_create_model.YOUNGER}, ["trainedIn", "training.name"]),
        (
            {"training": {"name": "training-job-item2", "arn": "arn", "status": "Completed"}},
            ["training.name", "training.arn", "modelDataUrl"],
        ),
        ({"modelDataUrl": "s3://output-bucket/analysis_predicted/item2/j/output/model.tar.gz"}, ["modelDataUrl"]),
        ({"trainingInput": {"uri": "s3://foreign/a.csv", "version": "1"}}, ["trainingInput.uri"]),
        ({"modelDataUrl": f"s3://data-bucket/{test_create_model.ARTIFACT}"}, ["modelDataUrl"]),
        ({"modelDataUrl": f"s3://foreign/{test_create_model.ARTIFACT}"}, ["modelDataUrl", "modelDataUrl"]),
        ({"mode": "score"}, ["mode"]),
        ({"image": "python:3.13"}, ["image"]),
        ({"environment": {"PYTHONPATH": "/opt/ml"}}, ["environment.PYTHONPATH"]),
    ],
)  # fmt: skip
def test_a_forged_step_of_a_run_is_refused(
    environment: dict[str, str], forged: dict[str, Any], places: list[str]
) -> None:
    s3, sagemaker = Objects(test_create_model.trained()), Models()
    with pytest.raises(InvalidRequestError) as refused:
        test_create_model.create(environment, s3, sagemaker, **test_create_model.step() | forged)
    assert sorted(problem.partition(":")[0] for problem in refused.value.problems) == sorted(places)
    assert sagemaker.request == {}
    assert s3.objects == test_create_model.trained()


def test_a_model_of_another_item_is_not_scored_with(environment: dict[str, str]) -> None:
    other = "s3://output-bucket/analysis_predicted/item2/j/output/model.tar.gz"
    with pytest.raises(InvalidRequestError, match="modelDataUrl: a model of item 'item1' lies under"):
        test_create_model.create(
            environment, Objects({}), Models(), **test_create_model.scoring(modelDataUrl=other)
        )


def test_names_that_more_digits_keep_apart_are_a_runs_own(allowed: Limits) -> None:
    started = RUN.partition("-")[0]
    name = naming.training_job_name("台北", started, 8)
    event = parse_event(
        CreateModelEvent,
        test_create_model.step()
        | {
            "item": "台北",
            "modelName": naming.model_name("台北", started, 8),
            "modelDataUrl": f"s3://output-bucket/analysis_predicted/台北/{name}/output/model.tar.gz",
            "training": {"name": name, "arn": f"arn:x:training-job/{name.lower()}", "status": "Completed"},
        },
    )
    assert allowed.model_problems(event, NOW) == []


@pytest.mark.parametrize("minutes", [-14, 14, 16])
def test_clocks_may_differ_by_a_quarter_of_an_hour(environment: dict[str, str], minutes: int) -> None:
    run_id = f"{naming.timestamp(NOW + timedelta(minutes=minutes))}-x"
    s3 = Objects(test_create_model.trained(run_id))
    if minutes <= 15:
        assert test_create_model.create(environment, s3, Models(), **test_create_model.step(run_id, run_id))
        return
    with pytest.raises(InvalidRequestError, match=r"runId: .* is in the future"):
        test_create_model.create(environment, s3, Models(), **test_create_model.step(run_id, run_id))


def test_a_last_model_of_another_item_is_not_made_again(environment: dict[str, str]) -> None:
    s3 = Objects(test_create_model.trained())
    test_create_model.create(environment, s3, Models(), **test_create_model.step())
    stored = s3.json(test_create_model.LATEST)
    for changes, error in (
        ({"modelDataUrl": "s3://output-bucket/analysis_predicted/item2/j/m"}, DataNotReadableError),
        ({"image": "python:3.13"}, InvalidRequestError),
        ({"environment": {"PYTHONPATH": "x"}}, InvalidRequestError),
    ):
        s3.objects[test_create_model.LATEST] = json.dumps(stored | changes).encode()
        sagemaker = Models()
        with pytest.raises(error, match=r"latest\.json"):
            test_create_model.create(environment, s3, sagemaker, item="item1")
        assert sagemaker.request == {}


# --- executions -------------------------------------------------------------------------------------------------------

ARN = "arn:aws:states:ap-east-2:123456789012:execution:shop:x"


@pytest.mark.parametrize(
    ("execution", "request_", "places"),
    [
        ({}, {}, []),
        ({"startTime": "9999-12-31T23:59:59.999Z"}, {}, ["execution.startTime"]),
        ({"startTime": "yesterday"}, {}, ["execution.startTime"]),
        ({"name": "other"}, {}, ["execution.id"]),
        ({}, {"rerunOf": f"{YEAR_9999}-x"}, ["rerunOf"]),
        ({}, {"rerunOf": "20261122T256161000Z-x"}, ["rerunOf"]),
        ({}, {"rerunOf": "20200101T000000000Z-x"}, []),
    ],
)
def test_an_execution_of_the_future_prepares_nothing(
    execution: dict[str, str], request_: dict[str, Any], places: list[str]
) -> None:
    event = {
        "request": request_ or {"itemList": ["a"]},
        "execution": {"id": ARN, "name": "x", "startTime": "2026-11-22T09:42:36.123Z"} | execution,
    }
    found = limits.preparation_problems(parse_event(PrepareRunEvent, event), NOW)
    assert [problem.partition(": ")[0] for problem in found] == places


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({}, []),
        ({"runId": f"{YEAR_9999}-x"}, ["runId", "itemsKey"]),
        ({"itemsKey": "analysis_predict/items.json"}, ["itemsKey"]),
        ({"executionArn": f"{ARN}y"}, ["executionArn"]),
    ],
)
def test_a_summary_is_of_a_run_that_was_prepared(changes: dict[str, str], places: list[str]) -> None:
    event = {
        "runId": RUN,
        "executionArn": ARN,
        "startedAt": "2026-11-22T09:42:36.123Z",
        "itemsKey": f"runs/{RUN}/items.json",
        "itemCount": 2,
        "maxConcurrency": 5,
        "toleratedFailurePercentage": 0.0,
    } | changes
    found = limits.summary_problems(parse_event(SummarizeRunEvent, event), NOW)
    assert [problem.partition(": ")[0] for problem in found] == places


# --- the other functions, and the command -----------------------------------------------------------------------------


def test_a_job_outside_a_run_is_held_to_the_same_limits(settings: PrepareRunSettings) -> None:
    now = datetime.now(UTC)
    training = parse_event(TrainingJobEvent, BAD | {"input": "s3://foreign/a.csv", "timestamp": YEAR_9999})
    with pytest.raises(InvalidRequestError) as refused:
        single_jobs.start_training_job(training, settings, None, None, now)  # type: ignore[arg-type]
    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        "timestamp",
        "input",
        "environment.LD_PRELOAD",
    ]
    transform = parse_event(
        BatchTransformEvent,
        {
            "item": "a",
            "modelName": "m",
            "input": "s3://foreign/a.csv",
            "transform": {"instanceCount": 20},
            "timestamp": YEAR_9999,
        },
    )
    with pytest.raises(InvalidRequestError) as refused:
        single_jobs.start_transform_job(transform, settings, None, None, now)  # type: ignore[arg-type]
    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        "timestamp",
        "input",
        "transform.instanceCount",
    ]


def test_a_stacks_parameters_say_the_same_as_its_functions_settings(allowed: Limits) -> None:
    parameters = {
        "ImageUri": f"{REGISTRY}/image:1",
        "AllowedBuckets": "bucket,elsewhere",
        "AllowedEnvironment": "threads,level",
        "AllowedRegistries": OWN_REGISTRY,
        "AllowedInstanceTypes": "ml.m5.*,ml.c5.*",
        "MaximumInstanceCount": "4",
        "MaximumVolumeSizeInGB": "500",
        "MaximumRuntimeInSeconds": "432000",
        "MaximumConcurrency": "200",
        "MaxConcurrency": "5",
        "TrainingInstanceType": "ml.m5.large",
        "TrainingVolumeSizeInGB": "10",
        "TrainingMaxRuntimeInSeconds": "3600",
        "TransformInstanceType": "ml.m5.xlarge",
        "TransformMaxRuntimeInSeconds": "1800",
    }
    told = Limits.from_parameters(parameters, data_bucket="data-bucket", output_bucket="output-bucket")
    assert told == allowed
    del parameters["MaximumConcurrency"]
    # An earlier version's functions know no limits.
    assert Limits.from_parameters(parameters, data_bucket="d", output_bucket="o") is None
