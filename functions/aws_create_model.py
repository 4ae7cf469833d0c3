"""Lambda function: checks the training's result and creates the SageMaker model."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.aws import clients
from pipeline.contracts import CreateModelEvent, parse_event
from pipeline.model.create_model import create_model
from pipeline.observability import count, logger, metrics, set_context
from pipeline.settings import ModelSettings, load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return modelName, modelArn, modelDataUrl, image and metrics; see `pipeline.model.create_model.create_model`."""
    settings = load_settings(ModelSettings, os.environ)
    parsed = parse_event(CreateModelEvent, event)
    set_context(settings.stack_name, run_id=parsed.run_id, item=parsed.item)
    answer = create_model(parsed, settings, clients.s3_client(), clients.sagemaker_client(), datetime.now(UTC))
    count("ModelsCreated")
    logger.info("model created", extra={"model_name": answer["modelName"], "model_arn": answer["modelArn"]})
    return answer
