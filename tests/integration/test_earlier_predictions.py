"""Two runs of an item, some weeks apart: the second one's training tells how the first one's predictions did."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.live.plans import starts
from tests.live.stack import Run, Stack

from .test_runs import rows_of

MADE_UNTIL = "2011-10-25"
"""The first run knows what was before this day; the data ends almost two months later."""
MINIMUM_AGE = 40


def before(content: bytes, day: str) -> bytes:
    """Return the transactions before a day."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    moment = rows[0].index("InvoiceDate")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([rows[0], *(row for row in rows[1:] if row[moment] < day)])
    return text.getvalue().encode()


def key_of(uri: str) -> str:
    return uri.split("/", 3)[3]


@pytest.fixture(scope="module")
def item(deployed: Stack) -> str:
    return deployed.own("judged-later")


@pytest.fixture(scope="module")
@starts(runs=3, items=3, training_jobs=2, transform_jobs=2)
def runs(deployed: Stack, small_csv: bytes, item: str) -> list[Run]:
    """Before and after two months of further orders, and once more without any."""
    done = []
    for name, content in (("made", before(small_csv, MADE_UNTIL)), ("judged", small_csv), ("same", None)):
        if content is not None:
            deployed.upload(item, content)
        request = {"itemList": [item], "skipUnchanged": True}
        done.append(deployed.run(request, deployed.own(f"predictions-{name}")))
        assert done[-1].description["status"] == "SUCCEEDED", done[-1].description.get("cause")
    return done


def metrics_of(stack: Stack, item: str, run: Run) -> dict[str, Any]:
    """Return what the run's training says of its model."""
    assert run.manifest is not None
    metrics: dict[str, Any] = json.loads(
        stack.read(f"analysis_predicted/{item}/{run.manifest['runId']}/metrics.json")
    )
    return metrics


def channels_of(stack: Stack, item: str, run: Run) -> dict[str, str]:
    """Return the channels of the item's training job and what each reads."""
    job = stack.client("sagemaker").describe_training_job(TrainingJobName=run.items[item]["trainingJobName"])
    return {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in job["InputDataConfig"]
    }


def test_the_first_training_has_nothing_to_judge(deployed: Stack, item: str, runs: list[Run]) -> None:
    assert channels_of(deployed, item, runs[0]).keys() == {"training"}
    realised = {name: value for name, value in metrics_of(deployed, item, runs[0]).items() if "realised" in name}
    assert len(realised) == 5
    assert set(realised.values()) == {None}


def test_the_next_training_tells_how_they_did(deployed: Stack, item: str, runs: list[Run]) -> None:
    predictions = runs[0].items[item]["predictionsUri"]
    assert channels_of(deployed, item, runs[1])["predictions"] == predictions
    made = rows_of(deployed.read(key_of(predictions)))
    metrics = metrics_of(deployed, item, runs[1])
    assert metrics["realised_customers"] == len({row["CustomerID"] for row in made})
    assert metrics["realised_age_days"] >= MINIMUM_AGE
    assert 0 < metrics["realised_mean_absolute_error"] < metrics["realised_age_days"]
    assert 0 < metrics["realised_share_inside_interval"] < 1
    assert 0 < metrics["realised_brier_score"] < 1


def test_what_was_realised_is_in_the_manifest(deployed: Stack, item: str, runs: list[Run]) -> None:
    realised = {name: value for name, value in metrics_of(deployed, item, runs[1]).items() if "realised" in name}
    assert realised.items() <= runs[1].items[item]["metrics"].items()


def test_earlier_predictions_leave_an_unchanged_item_unchanged(item: str, runs: list[Run]) -> None:
    assert runs[1].manifest is not None
    assert runs[2].items[item]["unchangedSince"] == runs[1].manifest["runId"]
