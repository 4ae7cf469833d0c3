"""What our image says of its model, where a person looks for it: metrics.json and SageMaker's console."""

from __future__ import annotations

import json

from tests.live.plans import starts
from tests.live.stack import Stack


@starts(training_jobs=1)
def test_every_number_of_metrics_json_is_a_metric_of_the_training_job(deployed: Stack, small_csv: bytes) -> None:
    item = deployed.own("measured")
    deployed.upload(item, small_csv)
    answer = deployed.invoke("TrainingJob", {"item": item})
    job = deployed.wait_for_training(answer["trainingJobName"])
    metrics = json.loads(deployed.read(f"analysis_predicted/{item}/{answer['runId']}/metrics.json"))
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    assert {"customers", "mean_absolute_error", "baseline_mean_absolute_error"} <= numbers.keys()
    assert {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]} == numbers
