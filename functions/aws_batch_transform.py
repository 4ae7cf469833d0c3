"""Lambda function: scores one S3 file with an existing model, in a SageMaker batch transform job."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.aws import clients
from pipeline.contracts import BatchTransformEvent, parse_event
from pipeline.jobs import single_jobs
from pipeline.observability import count, logger, metrics, set_context
from pipeline.settings import TransformSettings, load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return transformJobName, transformJobArn and outputUri; see `pipeline.jobs.single_jobs.start_transform_job`."""
    settings = load_settings(TransformSettings, os.environ)
    parsed = parse_event(BatchTransformEvent, event)
    set_context(settings.stack_name, item=parsed.item)
    answer = single_jobs.start_transform_job(
        parsed, settings, clients.s3_client(), clients.sagemaker_client(), datetime.now(UTC)
    )
    count("TransformJobsStarted")
    logger.info("batch transform job started", extra=answer)
    return answer
