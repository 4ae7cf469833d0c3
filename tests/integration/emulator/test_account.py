"""An account with quotas, rates and faults, as those who call its APIs meet it."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.account.plan import Account, ApiError, Fault, FunctionError, InstanceQuota, Rate, StandInJobs, Use
from emulator.account.played import PlayedAccount
from emulator.endpoint import Clients, isolated_session
from emulator.keys import keys_of
from emulator.server import Emulator

BUCKET = "the-bucket"
ROLE = "arn:aws:iam::123456789012:role/role"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
# Keeps a note of each of its calls, so that a test sees whether it ran.
APP = f"""
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket="{BUCKET}", Key="calls/" + event["item"], Body=b"1")
    return event["item"]
"""
PATIENCE = 30.0


def quota(use: Use, limit: int) -> InstanceQuota:
    return InstanceQuota(instance_type="ml.m5.large", use=use, limit=limit)


def refuse(action: str, name: str, code: str, *attempts: int) -> Fault:
    return Fault(action=action, name=name, attempts=attempts, error=ApiError(code=code))


def break_function(item: str, kind: str, *attempts: int, message: str = "", lost: bool = False) -> Fault:
    return Fault(
        action="Invoke",
        name="app",
        payload=f'"{item}"',
        attempts=attempts,
        lost_answer=lost,
        function_error=FunctionError(error_type=kind, error_message=message),
    )


ACCOUNT = Account(
    time_scale=100,
    # Half a second: long enough to be stopped, short enough to be waited for.
    jobs=StandInJobs(training_seconds=50, transform_seconds=50),
    quotas=[quota("training", 3), quota("transform", 5)],
    rates=[Rate(action="DescribeModel", per_second=0.001, burst=2)],
    faults=[
        refuse("CreateTrainingJob", "throttled-*", "ThrottlingException"),
        refuse("CreateTrainingJob", "denied-*", "AccessDeniedException"),
        refuse("CreateTrainingJob", "invalid-*", "ValidationException"),
        refuse("CreateTrainingJob", "full-*", "ResourceLimitExceeded"),
        refuse("CreateTrainingJob", "broken-*", "InternalFailure"),
        refuse("CreateTrainingJob", "once-*", "ThrottlingException", 1),
        Fault(action="CreateTrainingJob", name="lost-*", attempts=[1], lost_answer=True),
        refuse("PutObject", f"{BUCKET}/slow/*", "SlowDown"),
        refuse("PutObject", f"{BUCKET}/twice/*", "SlowDown", 1, 2),
        Fault(action="PutObject", name=f"{BUCKET}/lost/*", lost_answer=True),
        refuse("HeadObject", f"{BUCKET}/slow/*", "SlowDown"),
        Fault(action="Invoke", payload='"busy"', error=ApiError(code="TooManyRequestsException")),
        Fault(action="Invoke", payload='"down"', error=ApiError(code="ServiceException")),
        break_function("raising", "DataNotFoundError", message="no data"),
        break_function("late", "Sandbox.Timedout"),
        break_function("dying", "Runtime.ExitError", 1),
        break_function("unheard", "Sandbox.Timedout", lost=True),
    ],
)


class Bench:
    """Clients of an emulator with that account."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clients = Clients(url)
        self.s3, self.sagemaker = self.clients.get("s3"), self.clients.get("sagemaker")
        self.functions, self.states = self.clients.get("lambda"), self.clients.get("stepfunctions")
        self._number = 0
        self.s3.create_bucket(Bucket=BUCKET)
        self.clients.get("iam").create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(TRUST))
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", APP)
        self.functions.create_function(
            FunctionName="app",
            Runtime="python3.13",
            Role=ROLE,
            Handler="app.handler",
            Timeout=30,
            Code={"ZipFile": code.getvalue()},
        )

    def name(self, word: str) -> str:
        self._number += 1
        return f"{word}-{self._number}"

    def training_request(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            **more,
        }

    def train(self, name: str, **more: Any) -> None:
        self.sagemaker.create_training_job(**self.training_request(name, **more))

    def wait(self, name: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            described: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
            if described["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"}:
                return described
            time.sleep(0.02)
        raise AssertionError(f"{name} has not ended")

    def wait_for_no_job(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def failure(self, resource: str, parameters: dict[str, Any]) -> tuple[str, str]:
        """Error and cause with which an execution ends whose one task calls `resource`."""
        definition = {
            "StartAt": "Call",
            "States": {"Call": {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}},
        }
        name = self.name("machine")
        arn = self.states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        started = self.states.start_execution(stateMachineArn=arn["stateMachineArn"])
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ended = self.states.describe_execution(executionArn=started["executionArn"])
            if ended["status"] != "RUNNING":
                assert ended["status"] == "FAILED"
                return ended["error"], ended["cause"]
            time.sleep(0.02)
        raise AssertionError("the execution has not ended")

    def invoke(self, item: str) -> tuple[Any, str | None]:
        answer = self.functions.invoke(FunctionName="app", Payload=json.dumps({"item": item}))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def ran(self, item: str) -> bool:
        return "Contents" in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"calls/{item}")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Emulator(conditions=PlayedAccount(ACCOUNT)) as emulator:
        yield Bench(emulator.url)


def refusal(call: Any, **request: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("word", "code", "status"),
    [
        ("throttled", "ThrottlingException", 400),
        ("denied", "AccessDeniedException", 400),
        ("invalid", "ValidationException", 400),
        ("full", "ResourceLimitExceeded", 400),
        ("broken", "InternalFailure", 500),
    ],
)
def test_a_refused_job_was_never_made(bench: Bench, word: str, code: str, status: int) -> None:
    name = bench.name(word)
    assert refusal(bench.train, name=name) == (code, status)
    assert refusal(bench.sagemaker.describe_training_job, TrainingJobName=name)[0] == "ValidationException"


def test_the_second_attempt_passes(bench: Bench) -> None:
    bench.wait_for_no_job()
    name = bench.name("once")
    assert refusal(bench.train, name=name) == ("ThrottlingException", 400)
    bench.train(name)
    assert bench.wait(name)["TrainingJobStatus"] == "Completed"


def test_after_a_lost_answer_the_job_is_there_and_its_name_taken(bench: Bench) -> None:
    bench.wait_for_no_job()
    name = bench.name("lost")
    assert refusal(bench.train, name=name) == ("InternalFailure", 500)
    assert refusal(bench.train, name=name) == ("ResourceInUse", 400)
    assert bench.wait(name)["TrainingJobStatus"] == "Completed"


def test_no_more_instances_are_given_than_the_quota_has_whoever_asks_at_once(bench: Bench) -> None:
    bench.wait_for_no_job()
    names = [bench.name("many") for _ in range(12)]

    def begin(name: str) -> str:
        try:
            bench.train(name)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "begun"

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(begin, names))
    assert Counter(found) == {"begun": 3, "ResourceLimitExceeded": 9}
    # Those refused have not spent their names.
    bench.wait_for_no_job()
    refused = names[found.index("ResourceLimitExceeded")]
    bench.train(refused)
    assert bench.wait(refused)["TrainingJobStatus"] == "Completed"


def test_a_stopped_job_gives_its_instance_back(bench: Bench) -> None:
    bench.wait_for_no_job()
    names = [bench.name("held") for _ in range(3)]
    for name in names:
        bench.train(name)
    assert refusal(bench.train, name=bench.name("held"))[0] == "ResourceLimitExceeded"
    bench.sagemaker.stop_training_job(TrainingJobName=names[0])
    assert bench.wait(names[0])["TrainingJobStatus"] == "Stopped"
    bench.train(bench.name("held"))


def test_service_quotas_tells_the_quotas_page_by_page(bench: Bench) -> None:
    quotas = bench.clients.get("service-quotas")
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="sagemaker", PaginationConfig={"PageSize": 1}
    )
    found = [page["Quotas"] for page in pages]
    assert [[(one["QuotaName"], one["Value"]) for one in page] for page in found] == [
        [("ml.m5.large for training job usage", 3.0)],
        [("ml.m5.large for transform job usage", 5.0)],
    ]
    code = found[1][0]["QuotaCode"]
    assert quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]["Value"] == 5.0
    assert refusal(quotas.list_service_quotas, ServiceCode="nothing")[0] == "NoSuchResourceException"
    assert (
        refusal(quotas.get_service_quota, ServiceCode="sagemaker", QuotaCode="L-0")[0] == "NoSuchResourceException"
    )
    assert refusal(quotas.list_service_quotas, ServiceCode="sagemaker", NextToken="x")[0] == (
        "InvalidPaginationTokenException"
    )


def test_what_comes_too_fast_is_throttled_in_each_region_by_itself(bench: Bench) -> None:
    def ask(region: str) -> str:
        return refusal(bench.clients.get("sagemaker", region).describe_model, ModelName="nothing")[0]

    assert [ask("us-east-1") for _ in range(3)] == [
        "ValidationException",
        "ValidationException",
        "ThrottlingException",
    ]
    assert ask("eu-west-1") == "ValidationException"


def test_s3_slows_down_and_loses_answers(bench: Bench) -> None:
    put = bench.s3.put_object
    assert refusal(put, Bucket=BUCKET, Key="slow/a", Body=b"x" * 2_000_000) == ("SlowDown", 503)
    assert refusal(bench.s3.head_object, Bucket=BUCKET, Key="slow/a")[1] == 503
    assert refusal(put, Bucket=BUCKET, Key="lost/a", Body=b"x") == ("InternalError", 500)
    assert bench.s3.get_object(Bucket=BUCKET, Key="lost/a")["Body"].read() == b"x"
    put(Bucket=BUCKET, Key="other/a", Body=b"x")


def test_an_sdk_that_tries_again_gets_through(bench: Bench) -> None:
    make: Any = isolated_session(keys=keys_of(bench.url)).client
    patient = make("s3", endpoint_url=bench.url, config=Config(retries={"total_max_attempts": 3}))
    answer = patient.put_object(Bucket=BUCKET, Key="twice/a", Body=b"x")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


@pytest.mark.parametrize(
    ("item", "kind", "words", "ran"),
    [
        pytest.param("raising", "DataNotFoundError", "no data", False, id="raised"),
        pytest.param("late", "Sandbox.Timedout", "Error: Task timed out after 30.00 seconds", False, id="late"),
        pytest.param("dying", "Runtime.ExitError", "Error: Runtime exited with error", False, id="died"),
        pytest.param(
            "unheard", "Sandbox.Timedout", "Task timed out after 30.00 seconds", True, id="after its work"
        ),
    ],
)
def test_a_function_fails_for_one_item(bench: Bench, item: str, kind: str, words: str, *, ran: bool) -> None:
    payload, error = bench.invoke(item)
    assert error == "Unhandled"
    assert payload["errorType"] == kind
    assert words in payload["errorMessage"]
    assert bench.ran(item) == ran


def test_the_other_items_and_the_next_attempt_work(bench: Bench) -> None:
    assert bench.invoke("fine") == ("fine", None)
    bench.invoke("dying")
    assert bench.invoke("dying") == ("dying", None)


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        ("busy", "Lambda.TooManyRequestsException", "Status Code: 429; Error Code: TooManyRequestsException"),
        ("down", "Lambda.ServiceException", "Status Code: 500; Error Code: ServiceException"),
        ("raising", "DataNotFoundError", '"errorMessage":"no data"'),
        ("late", "Sandbox.Timedout", "Task timed out"),
    ],
)
def test_step_functions_names_a_functions_failures_as_on_aws(
    bench: Bench, item: str, error: str, words: str
) -> None:
    parameters = {"FunctionName": "app", "Payload": {"item": item}}
    found, cause = bench.failure("arn:aws:states:::lambda:invoke", parameters)
    assert found == error
    assert words in cause


@pytest.mark.parametrize(
    ("word", "error", "words"),
    [
        (
            "throttled",
            "SageMaker.AmazonSageMakerException",
            "Rate exceeded (Service: AmazonSageMaker; Status Code: 400",
        ),
        ("denied", "SageMaker.AmazonSageMakerException", "Error Code: AccessDeniedException"),
        ("broken", "SageMaker.AmazonSageMakerException", "Status Code: 500"),
        ("full", "SageMaker.ResourceLimitExceededException", "Error Code: ResourceLimitExceeded"),
    ],
)
@pytest.mark.parametrize("sync", ["", ".sync"])
def test_step_functions_names_sagemakers_refusals_as_on_aws(
    bench: Bench, word: str, error: str, words: str, sync: str
) -> None:
    request = bench.training_request(bench.name(word))
    found, cause = bench.failure(f"arn:aws:states:::sagemaker:createTrainingJob{sync}", request)
    assert found == error
    assert words in cause


def test_a_job_created_although_its_answer_was_lost_is_in_use_for_the_next_attempt(bench: Bench) -> None:
    bench.wait_for_no_job()
    request = bench.training_request(bench.name("lost"))
    resource = "arn:aws:states:::sagemaker:createTrainingJob.sync"
    assert bench.failure(resource, request)[0] == "SageMaker.AmazonSageMakerException"
    assert bench.failure(resource, request)[0] == "SageMaker.ResourceInUseException"


@pytest.mark.parametrize("place", ["slow", "lost"])
def test_step_functions_names_s3s_refusals_as_on_aws(bench: Bench, place: str) -> None:
    parameters = {"Bucket": BUCKET, "Key": f"{place}/record.json", "Body": {"item": "a"}}
    found, cause = bench.failure("arn:aws:states:::aws-sdk:s3:putObject", parameters)
    assert found == "S3.S3Exception"
    assert "Service: S3, Status Code: 50" in cause
