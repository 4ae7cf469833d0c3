"""A function's environment is read with types, or refused with every problem."""

from __future__ import annotations

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import ModelSettings, PrepareRunSettings, load_settings


def test_a_complete_environment_is_read_with_types(settings: PrepareRunSettings) -> None:
    assert settings.training_use_spot is False
    assert settings.max_concurrency == 5
    assert settings.output_bucket == "output-bucket"


def test_every_missing_or_wrong_variable_is_named(environment: dict[str, str]) -> None:
    del environment["OUTPUT_BUCKET"]
    environment |= {"MAX_CONCURRENCY": "0", "TRAINING_USE_SPOT": "perhaps", "STACK_NAME": ""}
    with pytest.raises(SettingsError) as refusal:
        load_settings(PrepareRunSettings, environment)
    for name in ["OUTPUT_BUCKET", "MAX_CONCURRENCY", "TRAINING_USE_SPOT", "STACK_NAME"]:
        assert name in str(refusal.value)
    assert "DATA_BUCKET" not in str(refusal.value)
    assert "MAX_CONCURRENCY: Input should be greater than or equal to 1" in str(refusal.value)
    assert "STACK_NAME: String should have at least 1 character" in str(refusal.value)


def test_an_image_may_be_missing_until_one_is_pushed(environment: dict[str, str]) -> None:
    assert load_settings(PrepareRunSettings, environment | {"IMAGE_URI": ""}).image_uri == ""


@pytest.mark.parametrize("value", ["0", "-1", "0.009", "1001", "nan", "inf", "", "much"])
def test_a_limit_of_the_error_is_a_number_above_0(environment: dict[str, str], value: str) -> None:
    assert load_settings(ModelSettings, environment | {"MAXIMUM_ERROR_RATIO": "1.25"}).maximum_error_ratio == 1.25
    with pytest.raises(SettingsError, match=r"MAXIMUM_ERROR_RATIO: Input should be "):
        load_settings(ModelSettings, environment | {"MAXIMUM_ERROR_RATIO": value})
