"""Lambda function: starts one SageMaker training job for one item."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.aws import clients
from pipeline.contracts import TrainingJobEvent, parse_event
from pipeline.jobs import single_jobs
from pipeline.observability import count, logger, metrics, set_context
from pipeline.settings import TrainingSettings, load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return trainingJobName, trainingJobArn, runId and modelDataUrl; see `pipeline.jobs.single_jobs`."""
    settings = load_settings(TrainingSettings, os.environ)
    parsed = parse_event(TrainingJobEvent, event)
    set_context(settings.stack_name, item=parsed.item)
    answer = single_jobs.start_training_job(
        parsed, settings, clients.s3_client(), clients.sagemaker_client(), datetime.now(UTC)
    )
    count("TrainingJobsStarted")
    logger.info("training job started", extra=answer)
    return answer
