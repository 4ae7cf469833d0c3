"""Instances against the account's quotas, and how Service Quotas lists them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from emulator.account.instance_quotas import InstanceQuotas
from emulator.account.plan import Account, InstanceQuota, Use
from emulator.account.played import PlayedAccount
from emulator.sagemaker.errors import ResourceLimitError
from emulator.sagemaker.jobs import TrainingJob, TransformJob
from emulator.service_quotas import list_page, listed_quotas

REGION = "us-east-1"


def quotas(limit: int, use: Use = "training") -> InstanceQuotas:
    return InstanceQuotas({f"ml.m5.large for {use} job usage": limit})


def training_job(count: int = 1, kind: str = "ml.m5.large", **more: Any) -> TrainingJob:
    resources = {"InstanceType": kind, "InstanceCount": count}
    return TrainingJob({"TrainingJobName": "t", "ResourceConfig": resources, **more}, "arn")


def transform_job() -> TransformJob:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    request = {
        "TransformJobName": "t",
        "TransformResources": resources,
        "TransformInput": {},
        "TransformOutput": {},
    }
    return TransformJob(request, "arn", {}, None)


def test_a_job_beyond_the_quota_is_refused_in_awss_words() -> None:
    account = quotas(20)
    for _ in range(20):
        account.take(training_job(), REGION)
    with pytest.raises(ResourceLimitError) as caught:
        account.take(training_job(), REGION)
    assert caught.value.code == "ResourceLimitExceeded"
    assert str(caught.value.message).startswith(
        "The account-level service limit 'ml.m5.large for training job usage' is 20 Instances, with current "
        "utilization of 20 Instances and a request delta of 1 Instances. Please use AWS Service Quotas"
    )


def test_every_instance_of_a_job_counts_and_a_refused_job_takes_none() -> None:
    account = quotas(3)
    account.take(training_job(2), REGION)
    with pytest.raises(ResourceLimitError, match=r"utilization of 2 Instances and a request delta of 2 Instances"):
        account.take(training_job(2), REGION)
    account.take(training_job(1), REGION)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_an_ended_job_gives_its_instances_back_once(status: str) -> None:
    account = quotas(1)
    job = training_job()
    account.take(job, REGION)
    job.end(status)
    account.take(training_job(), REGION)
    with pytest.raises(ResourceLimitError):
        account.take(training_job(), REGION)


def test_a_stopping_job_still_holds_its_instances() -> None:
    account = quotas(1)
    job = training_job()
    account.take(job, REGION)
    job.stop()
    with pytest.raises(ResourceLimitError):
        account.take(training_job(), REGION)


def test_quotas_are_of_a_type_a_use_and_a_region() -> None:
    account = quotas(0)
    account.take(training_job(kind="ml.m5.xlarge"), REGION)
    account.take(transform_job(), REGION)
    account.take(training_job(EnableManagedSpotTraining=True), REGION)
    with pytest.raises(ResourceLimitError, match=r"ml\.m5\.large for transform job usage"):
        quotas(0, "transform").take(transform_job(), REGION)
    with pytest.raises(ResourceLimitError, match=r"ml\.m5\.large for spot training job usage"):
        quotas(0, "spot training").take(training_job(EnableManagedSpotTraining=True), REGION)
    one = quotas(1)
    one.take(training_job(), REGION)
    one.take(training_job(), "eu-west-1")


def test_of_preferred_types_the_first_counts() -> None:
    preferred = TrainingJob(
        {"ResourceConfig": {"InstancePreferences": [{"InstanceType": "ml.m5.large"}, {"InstanceType": "ml.x"}]}},
        "arn",
    )
    with pytest.raises(ResourceLimitError):
        quotas(0).take(preferred, REGION)


def test_no_more_jobs_than_the_quota_get_in_at_once() -> None:
    account = quotas(10)
    taken: list[int] = []

    def take() -> None:
        for number in range(20):
            try:
                account.take(training_job(), REGION)
            except ResourceLimitError:
                continue
            taken.append(number)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(taken) == 10


def test_service_quotas_lists_the_plans_quotas_alone() -> None:
    account = Account(
        quotas=[
            InstanceQuota(instance_type="ml.m5.large", use="transform", limit=7),
            InstanceQuota(instance_type="ml.m5.large", use="training", limit=20),
        ]
    )
    limits = PlayedAccount(account).instance_quotas
    listed = listed_quotas(limits, "eu-west-1")
    assert [(one["QuotaName"], one["Value"]) for one in listed] == [
        ("ml.m5.large for training job usage", 20.0),
        ("ml.m5.large for transform job usage", 7.0),
    ]
    assert listed[0]["QuotaArn"] == (
        f"arn:aws:servicequotas:eu-west-1:123456789012:sagemaker/{listed[0]['QuotaCode']}"
    )
    assert listed == listed_quotas(limits, "eu-west-1")


def test_an_account_without_a_plan_lists_usual_ones() -> None:
    names = {one["QuotaName"]: one["Value"] for one in listed_quotas({}, REGION)}
    assert names["ml.m5.large for training job usage"] == names["ml.m5.large for transform job usage"] == 20.0


def test_pages_follow_one_another_and_miss_nothing() -> None:
    everything = listed_quotas({}, REGION)
    found: list[Any] = []
    request: dict[str, Any] = {"MaxResults": 4}
    while True:
        page = list_page(everything, request)
        assert 1 <= len(page["Quotas"]) <= 4
        found += page["Quotas"]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert found == everything


def test_one_quota_can_be_asked_for_by_its_code() -> None:
    everything = listed_quotas({}, REGION)
    assert list_page(everything, {"QuotaCode": everything[3]["QuotaCode"]}) == {"Quotas": [everything[3]]}


@pytest.mark.parametrize("token", ["x", "-1", "1000"])
def test_a_token_that_was_not_given_out_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        list_page(listed_quotas({}, REGION), {"NextToken": token})
