"""Lambda function: finds out how a job of a run ended whose create call got no answer."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.aws import clients
from pipeline.contracts import FollowJobEvent, parse_event
from pipeline.jobs.follow_job import follow_job
from pipeline.observability import about, count, logger, metrics
from pipeline.settings import StackSettings, load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answers name, arn, status and times of the job; see `pipeline.jobs.follow_job.follow_job`."""
    settings = load_settings(StackSettings, os.environ)
    wanted = parse_event(FollowJobEvent, event)
    about(settings.stack_name, run_id=wanted.run_id, item=wanted.item)
    answer = follow_job(wanted, clients.sagemaker_client(), datetime.now(UTC))
    count("JobsFollowed")
    logger.info("job followed to its end", extra={"job_name": wanted.job_name})
    return answer
