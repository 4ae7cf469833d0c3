"""Lambda function: finds out how a run's job ended when the call that created it got no answer."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.aws import clients
from pipeline.contracts import FollowJobEvent, parse_event
from pipeline.jobs.follow_job import follow_job
from pipeline.observability import count, logger, metrics, set_context
from pipeline.settings import StackSettings, load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the job's name, ARN, status and times; see `pipeline.jobs.follow_job.follow_job`."""
    settings = load_settings(StackSettings, os.environ)
    parsed = parse_event(FollowJobEvent, event)
    set_context(settings.stack_name, run_id=parsed.run_id, item=parsed.item)
    answer = follow_job(parsed, clients.sagemaker_client(), datetime.now(UTC))
    count("JobsFollowed")
    logger.info("job followed to its end", extra={"job_name": parsed.job_name})
    return answer
