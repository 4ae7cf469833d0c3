"""The one logger and the one metrics object of all functions."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "AutoMLOps"

logger = Logger(service="automlops")
metrics = Metrics(namespace=NAMESPACE, service="automlops")


def count(name: str, value: int = 1) -> None:
    """Adds `value` to the metric `name`, which counts things."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def about(stack: str, *, run_id: str | None = None, item: str | None = None) -> None:
    """From here on every log line of this invocation carries run and item, and every metric its stack."""
    logger.append_keys(run_id=run_id, item=item)
    metrics.set_default_dimensions(stack=stack)
