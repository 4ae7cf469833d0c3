"""Lambda function: gives every item of a run its verdict, writes the run's manifest.json, and clears up after it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import limits
from pipeline.aws import clients
from pipeline.contracts import SummarizeRunEvent, parse_event
from pipeline.observability import about, count, logger, metrics
from pipeline.settings import SummarizeRunSettings, load_settings
from pipeline.stored import run_files
from pipeline.summary.clean_up import clean_up
from pipeline.summary.write_manifest import answer_of, write_manifest

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Kept for the answer: the verdict must not be lost over leftovers.
MARGIN_IN_SECONDS = 60
MAX_LOGGED = 20


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers runId, verdict, manifestKey, counts, Error and Cause; see `pipeline.summary.write_manifest`."""
    settings = load_settings(SummarizeRunSettings, os.environ)
    run = parse_event(SummarizeRunEvent, event)
    now = datetime.now(UTC)
    limits.require(limits.summary_problems(run, now))
    about(settings.stack_name, run_id=run.run_id)
    bucket, s3 = settings.output_bucket, clients.s3_client()
    run_files.require_as_prepared(s3, bucket, run)
    found = write_manifest(run, bucket, s3, run.map_run_error, now)
    if found.ignored:
        logger.warning("records of no item of the run", extra={"keys": found.ignored[:MAX_LOGGED]})
    answer = answer_of(found, bucket)
    counts = answer["counts"]
    for status in ("succeeded", "failed", "unfinished", "unchanged"):
        count(f"Items{status.capitalize()}", counts[status])
    logger.info("run summed up", extra={"verdict": answer["verdict"], "counts": counts})
    left = clean_up(
        clients.sagemaker_client(),
        run.run_id,
        found.lines,
        models=not settings.keep_models,
        jobs=counts["succeeded"] < counts["total"],
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN_IN_SECONDS,
    )
    jobs = left.training_jobs + left.transform_jobs
    logger.info("cleared up", extra={"models": len(left.models), "jobs": len(jobs)})
    if left.problems:
        logger.warning("not all could be cleared up", extra={"problems": left.problems[:MAX_LOGGED]})
    return answer
