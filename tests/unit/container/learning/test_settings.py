"""Settings: strings become typed values, and what is wrong is named."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from next_purchase.errors import SettingError
from next_purchase.learning.settings import S3Prefix, read_region, read_training_settings
from next_purchase.sagemaker_contract import (
    ContainerPaths,
    list_channel_files,
    read_hyperparameters,
    read_serving_port,
    write_failure,
)
from next_purchase.storage import create_s3_client, split_s3_uri

if TYPE_CHECKING:
    from pathlib import Path


def test_a_hyperparameter_wins_over_the_environment() -> None:
    environment = {"time_series_length": "7", "model_backend": "mean_gap"}
    assert read_training_settings({}, environment).time_series_length == 7
    settings = read_training_settings({"time_series_length": "3", "model_backend": "weibull"}, environment)
    assert (settings.time_series_length, settings.backend) == (3, "weibull")


def test_empty_environment_variables_mean_the_defaults() -> None:
    assert read_training_settings({}, {"time_series_length": "", "model_backend": "", "file_path": ""}) == (
        read_training_settings({}, {})
    )


BOUNDS = [
    ("time_series_length", "1", "50", "0", "51"),
    ("horizon_days", "7", "730", "6", "731"),
    ("probability_days", "1", "90", "0", "91"),
]
"""Name, lowest and highest value, and what is just outside."""


@pytest.mark.parametrize(("name", "lowest", "highest"), [bounds[:3] for bounds in BOUNDS])
def test_a_number_may_be_as_low_or_high_as_its_bounds(name: str, lowest: str, highest: str) -> None:
    for text in (lowest, highest, f" {lowest} "):
        settings = read_training_settings({name: text}, {})
        assert getattr(settings, name) == float(text)


def test_the_probability_looks_no_further_than_the_horizon() -> None:
    assert read_training_settings({}, {}).probability_days == 30
    assert read_training_settings({"horizon_days": "14"}, {}).probability_days == 14
    assert read_training_settings({"horizon_days": "730", "probability_days": "365"}, {}).probability_days == 365
    for horizon, days in (("14", "15"), ("730", "366")):
        with pytest.raises(
            SettingError, match=f"^probability_days must be a whole number from 1 to .*, not '{days}'"
        ):
            read_training_settings({"horizon_days": horizon, "probability_days": days}, {})


@pytest.mark.parametrize(("name", "value"), [(bounds[0], value) for bounds in BOUNDS for value in bounds[3:]])
def test_a_number_outside_its_bounds_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} must be a .*number from .* to .*, not '{re.escape(value)}'"):
        read_training_settings({name: value}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_series_length", "2.5"),
        ("time_series_length", ""),
        ("probability_days", "many"),
        ("horizon_days", "1e3"),
        ("as_of", "today"),
        ("cutoff", "June"),
        ("cutoff", "2011-02-30"),
    ],
)
def test_a_text_that_is_no_such_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} must be .* not '{value}'"):
        read_training_settings({name: value}, {})


@pytest.mark.parametrize(("text", "day"), [("2011-06-01", date(2011, 6, 1)), ("", None)])
@pytest.mark.parametrize("name", ["cutoff", "as_of"])
def test_a_day_can_be_left_to_the_training(name: str, text: str, day: date | None) -> None:
    assert getattr(read_training_settings({name: text}, {}), name) == day


def test_an_unknown_hyperparameter_is_refused_and_the_known_are_listed() -> None:
    with pytest.raises(SettingError, match=r"Unknown hyperparameter learning_rate, trees; known are ") as refusal:
        read_training_settings({"trees": "5", "learning_rate": "0.1", "sagemaker_program": "train.py"}, {})
    known = str(refusal.value).rpartition("known are ")[2].rstrip(".").split(", ")
    assert known == sorted({name for name, *_ in BOUNDS} | {"as_of", "cutoff", "date_format", "model_backend"})


@pytest.mark.parametrize("source", ["hyperparameter", "environment"])
def test_an_unknown_backend_is_refused_and_the_known_are_listed(source: str) -> None:
    given = {"model_backend": "xgboost"}
    with pytest.raises(
        SettingError,
        match=r"model_backend 'xgboost' is unknown; .* auto, mean_gap, last_gap, median_gap, mbg_nbd, ",
    ):
        read_training_settings(*((given, {}) if source == "hyperparameter" else ({}, given)))


def test_uploads_go_where_the_environment_says() -> None:
    environment = {
        "AWS_REGION": "eu-central-1",
        "upload_sample_to_s3": "True",
        "sample_s3_bucket": "b",
        "sample_s3_prefix": "a/x/run/",
    }
    settings = read_training_settings({}, environment)
    assert settings.sample_destination == S3Prefix("b", "a/x/run")
    assert settings.sample_destination.key("metrics.json") == "a/x/run/metrics.json"
    assert settings.model_destination is None


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"upload_model_to_s3": "yes"}, "upload_model_to_s3 must be true or false"),
        ({"upload_model_to_s3": "true"}, "model_s3_bucket must name a bucket"),
        (
            {"upload_model_to_s3": "true", "model_s3_bucket": "b"},
            "AWS_REGION and AWS_DEFAULT_REGION are both unset, .* set one of them",
        ),
    ],
)
def test_an_upload_that_cannot_be_done_is_refused_before_training(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        read_training_settings({}, environment)


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        pytest.param({"AWS_REGION": "cn-north-1", "AWS_DEFAULT_REGION": "us-east-1"}, "cn-north-1", id="both"),
        pytest.param({"AWS_REGION": "us-gov-west-1"}, "us-gov-west-1", id="SageMaker's"),
        pytest.param({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-central-1"}, "eu-central-1", id="boto3's"),
    ],
)
def test_the_region_is_sagemakers_or_else_boto3s(environment: dict[str, str], region: str) -> None:
    assert read_region(environment) == region


@pytest.mark.parametrize(
    "environment", [{}, {"AWS_REGION": " ", "AWS_DEFAULT_REGION": ""}], ids=["unset", "empty"]
)
def test_a_region_is_never_guessed(environment: dict[str, str]) -> None:
    with pytest.raises(
        SettingError, match=r"AWS_REGION and AWS_DEFAULT_REGION are both unset, .* set one of them"
    ):
        read_region(environment)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "s3.eu-central-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
    ],
)
def test_the_client_talks_to_its_regions_s3(monkeypatch: pytest.MonkeyPatch, region: str, host: str) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    others = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    client = create_s3_client(region)
    assert (client.meta.region_name, client.meta.endpoint_url) == (region, f"https://{host}")


@pytest.mark.parametrize("content", ["[]", "{", '{"seed": 1}'])
def test_hyperparameters_that_are_not_strings_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "hyperparameters.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingError):
        read_hyperparameters(path)


def test_hyperparameters_are_read_and_may_be_absent(tmp_path: Path) -> None:
    path = tmp_path / "hyperparameters.json"
    assert read_hyperparameters(path) == {}
    path.write_text(json.dumps({"seed": "1"}), encoding="utf-8")
    assert read_hyperparameters(path) == {"seed": "1"}


def test_the_root_is_opt_ml_unless_moved() -> None:
    assert ContainerPaths.from_environment({}).model.as_posix() == "/opt/ml/model"
    moved = ContainerPaths.from_environment({"SAGEMAKER_BASE_DIR": "/x"})
    assert moved.channel("training").as_posix() == "/x/input/data/training"


def test_hidden_files_of_a_channel_are_left_out(tmp_path: Path) -> None:
    for name in ("b.csv", "a/c.csv", ".hidden", ".folder/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x", encoding="utf-8")
    assert list_channel_files(tmp_path) == [tmp_path / "a/c.csv", tmp_path / "b.csv"]
    assert list_channel_files(tmp_path / "none") == []


def test_the_failure_file_holds_no_more_than_sagemaker_shows(tmp_path: Path) -> None:
    write_failure(tmp_path / "output" / "failure", "é" * 2000)
    assert (tmp_path / "output" / "failure").read_text(encoding="utf-8") == "é" * 1024


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SettingError, match="SAGEMAKER_BIND_TO_PORT"):
        read_serving_port({"SAGEMAKER_BIND_TO_PORT": port})


@pytest.mark.parametrize("uri", ["s3://", "s3://bucket", "s3://bucket/", "s3://bucket/folder/", "https://a/b"])
def test_an_address_of_no_object_is_refused(uri: str) -> None:
    with pytest.raises(SettingError, match="not the address of one object"):
        split_s3_uri(uri)
