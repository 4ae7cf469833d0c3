"""Lambda function: gives every item of a run its verdict and writes the run's manifest.json."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import aws, summary
from pipeline.contracts import SummarizeRunEvent, parse_event
from pipeline.observability import about, count, logger, metrics
from pipeline.settings import SummarizeRunSettings, load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answers runId, verdict, manifestKey, counts, Error and Cause; see `pipeline.summary.summarize_run`."""
    settings = load_settings(SummarizeRunSettings, os.environ)
    wanted = parse_event(SummarizeRunEvent, event)
    about(settings.stack_name, run_id=wanted.run_id)
    answer = summary.summarize_run(wanted, settings.output_bucket, aws.s3_client(), datetime.now(UTC))
    for status in ("succeeded", "failed", "unfinished"):
        count(f"Items{status.capitalize()}", answer["counts"][status])
    logger.info("run summed up", extra={"verdict": answer["verdict"], "counts": answer["counts"]})
    return answer
