"""The one logger and the one metrics object of all functions."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "AutoMLOps"

logger = Logger(service="automlops")
metrics = Metrics(namespace=NAMESPACE, service="automlops")


def count(name: str, value: int = 1) -> None:
    """Add `value` to the metric `name`, whose unit is Count."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def set_context(stack: str, *, run_id: str | None = None, item: str | None = None) -> None:
    """Add run and item to every later log line of this invocation, and the stack to its metrics."""
    logger.append_keys(run_id=run_id, item=item)
    metrics.set_default_dimensions(stack=stack)
