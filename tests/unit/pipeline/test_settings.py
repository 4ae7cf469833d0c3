"""Environments: complete, typed, and refused with every problem named."""

from __future__ import annotations

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import PrepareRunSettings, load_settings


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
    assert "MAX_CONCURRENCY: must be a whole number from 1 to 10,000" in str(refusal.value)
    assert "STACK_NAME: must not be empty" in str(refusal.value)


def test_an_image_may_be_missing_until_one_is_pushed(environment: dict[str, str]) -> None:
    assert load_settings(PrepareRunSettings, environment | {"IMAGE_URI": ""}).image_uri == ""
