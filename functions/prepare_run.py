"""Lambda function: checks a run's request, names everything, and writes the run's items.json."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import limits
from pipeline.aws import clients
from pipeline.contracts import PrepareRunEvent, parse_event
from pipeline.documents import as_json
from pipeline.observability import count, logger, metrics, set_context
from pipeline.preparation.prepare_run import prepare_run, started_and_run_id
from pipeline.preparation.reruns import Services
from pipeline.settings import PrepareRunSettings, load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return a `PreparedRun`; see `pipeline.preparation.prepare_run`."""
    settings = load_settings(PrepareRunSettings, os.environ)
    parsed = parse_event(PrepareRunEvent, event)
    limits.require(limits.preparation_problems(parsed, datetime.now(UTC)))
    set_context(settings.stack_name, run_id=started_and_run_id(parsed.execution)[1])
    services = Services(clients.s3_client(), clients.stepfunctions_client, clients.sagemaker_client)
    run = prepare_run(parsed, settings, services)
    count("ItemsPrepared", run.item_count)
    logger.info(
        "run prepared",
        extra={"item_count": run.item_count, "max_concurrency": run.max_concurrency, "mode": run.mode},
    )
    return as_json(run)
