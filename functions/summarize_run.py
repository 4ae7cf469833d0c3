"""Lambda function: gives every item of a run its verdict, writes the run's manifest.json, and cleans up after the run."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import limits
from pipeline.aws import clients
from pipeline.contracts import SummarizeRunEvent, parse_event
from pipeline.observability import count, logger, metrics, set_context
from pipeline.settings import SummarizeRunSettings, load_settings
from pipeline.stored import run_files
from pipeline.summary.clean_up import clean_up
from pipeline.summary.write_manifest import answer_of, write_manifest

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Clean-up stops this long before the function's time-out, so that the verdict is returned in any case.
MARGIN_IN_SECONDS = 60
# Names in one log line.
MAX_LOGGED = 20


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return runId, verdict, manifestKey, counts, Error and Cause; see `pipeline.summary.write_manifest`."""
    settings = load_settings(SummarizeRunSettings, os.environ)
    parsed = parse_event(SummarizeRunEvent, event)
    now = datetime.now(UTC)
    limits.require(limits.summary_problems(parsed, now))
    set_context(settings.stack_name, run_id=parsed.run_id)
    bucket, s3 = settings.output_bucket, clients.s3_client()
    run_files.require_prepared_values(s3, bucket, parsed)
    summary = write_manifest(parsed, bucket, s3, parsed.map_run_error, now)
    if summary.ignored:
        logger.warning("records of no item of the run", extra={"keys": summary.ignored[:MAX_LOGGED]})
    answer = answer_of(summary, bucket)
    counts = answer["counts"]
    for status in ("succeeded", "failed", "unfinished", "unchanged"):
        count(f"Items{status.capitalize()}", counts[status])
    logger.info("run summed up", extra={"verdict": answer["verdict"], "counts": counts})
    removed = clean_up(
        clients.sagemaker_client(),
        parsed.run_id,
        summary.lines,
        models=not settings.keep_models,
        jobs=counts["succeeded"] < counts["total"],
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN_IN_SECONDS,
    )
    jobs = removed.training_jobs + removed.transform_jobs
    logger.info("cleared up", extra={"models": len(removed.models), "jobs": len(jobs)})
    if removed.problems:
        logger.warning("not all could be cleared up", extra={"problems": removed.problems[:MAX_LOGGED]})
    return answer
