"""Settings and events that several tests of the pipeline start from."""

from __future__ import annotations

import pytest

from pipeline.settings import PrepareRunSettings, load_settings

ENVIRONMENT = {
    # Lambda's own variable; the others are the template's.
    "AWS_REGION": "ap-east-2",
    "STACK_NAME": "shop",
    "DATA_BUCKET": "data-bucket",
    "OUTPUT_BUCKET": "output-bucket",
    # Two that the tests' image reads, and two buckets beside the stack's.
    "ALLOWED_ENVIRONMENT": "threads,level",
    "ALLOWED_BUCKETS": "bucket,elsewhere",
    "ALLOWED_REGISTRIES": "123456789012.dkr.ecr.ap-east-2.amazonaws.com",
    "ALLOWED_INSTANCE_TYPES": "ml.m5.*,ml.c5.*",
    "MAXIMUM_INSTANCE_COUNT": "4",
    "MAXIMUM_VOLUME_SIZE_IN_GB": "500",
    "MAXIMUM_RUNTIME_IN_SECONDS": "432000",
    "MAXIMUM_CONCURRENCY": "200",
    "DATASET_FILE_NAME": "Online_Retail.csv",
    "SAGEMAKER_ROLE_ARN": "arn:aws:iam::123456789012:role/sagemaker",
    "IMAGE_URI": "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1",
    "TRAINING_INSTANCE_TYPE": "ml.m5.large",
    "TRAINING_VOLUME_SIZE_IN_GB": "10",
    "TRAINING_MAX_RUNTIME_IN_SECONDS": "3600",
    "TRAINING_USE_SPOT": "false",
    "ISOLATE_TRAINING": "false",
    "MODEL_BACKEND": "weibull",
    "TIME_SERIES_LENGTH": "5",
    "TRANSFORM_INSTANCE_TYPE": "ml.m5.xlarge",
    "TRANSFORM_MAX_RUNTIME_IN_SECONDS": "1800",
    "SPLIT_TYPE": "Line",
    "MAX_PAYLOAD_IN_MB": "6",
    "MAX_CONCURRENCY": "5",
    "KEEP_MODELS": "false",
    "MAXIMUM_ERROR_RATIO": "1.0",
    "ISOLATE_MODELS": "true",
    "CHECK_DATA_BUCKET": "false",
    "CHECK_SAGEMAKER_ROLE": "false",
}


@pytest.fixture
def environment() -> dict[str, str]:
    """Return the environment of prepare_run, which holds that of every job."""
    return dict(ENVIRONMENT)


@pytest.fixture
def settings(environment: dict[str, str]) -> PrepareRunSettings:
    """Return that environment as settings."""
    return load_settings(PrepareRunSettings, environment)
