"""Does a deployed stack work? Two tiny items, one run, every prediction looked at.

`make smoke STACK=…` runs this on a deployed stack. smoke_actions.json lists the permissions that takes, cleaning up
included. The caller needs them on: the stack (cloudformation), the state machine and its executions (states), both
buckets and their objects (s3); of SageMaker on every resource for the three List actions, which have no resource
level, and else on `training-job/training-job-test-*`, `transform-job/batch-transform-job-test-*` and
`model/model-test-*`. pricing:GetProducts may be missing: then the estimate says that the price is unknown.
"""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import pytest

from tests.live.plans import starts
from tests.live.stack import Run, Stack

pytestmark = [pytest.mark.live, pytest.mark.smoke]

STEMS = ("smoke-a", "smoke-b")


@pytest.fixture(scope="module")
@starts(runs=1, items=2, training_jobs=2, transform_jobs=2)
def smoke(deployed: Stack, small_csv: bytes) -> Run:
    """Return a run of two tiny items."""
    items = [deployed.own(stem) for stem in STEMS]
    for item in items:
        deployed.upload(item, small_csv)
    return deployed.run({"itemList": items}, deployed.own("smoke"))


def test_both_items_succeed(deployed: Stack, smoke: Run) -> None:
    assert smoke.description["status"] == "SUCCEEDED", smoke.description.get("cause")
    told = {item: (entry["status"], entry["reason"]) for item, entry in smoke.items.items()}
    assert told == {deployed.own(stem): ("SUCCEEDED", None) for stem in STEMS}


@pytest.mark.parametrize("stem", STEMS)
def test_every_customer_has_a_prediction_that_makes_sense(
    deployed: Stack, smoke: Run, small_csv: bytes, stem: str
) -> None:
    last_order: dict[str, date] = {}
    for row in csv.DictReader(io.StringIO(small_csv.decode())):
        if row["CustomerID"] and not row["InvoiceNo"].startswith("C") and int(row["Quantity"]) > 0:
            customer, day = f"{float(row['CustomerID']):.1f}", date.fromisoformat(row["InvoiceDate"][:10])
            last_order[customer] = max(day, last_order.get(customer, day))
    entry = smoke.items[deployed.own(stem)]
    text = deployed.predictions(entry).decode()
    header, *lines = text.splitlines()
    assert header == (
        "CustomerID,last_order_date,as_of,"
        "predicted_days,predicted_date,lower_days,upper_days,return_probability,overdue"
    )
    assert len(lines) == len(last_order) == entry["metrics"]["customers"]
    answered = {}
    for line in lines:
        customer, last, as_of, days, predicted, lower, upper, probability, overdue = line.split(",")
        answered[f"{float(customer):.1f}"] = date.fromisoformat(last)
        assert as_of == max(last_order.values()).isoformat(), line
        assert 1 <= float(lower) <= int(days) <= float(upper or 90) <= 90, line
        expected = date.fromisoformat(as_of) + timedelta(days=int(days))
        assert predicted == expected.isoformat() or (not predicted and int(days) == 90), line
        assert 0 <= float(probability) <= 1, line
        assert overdue in {"true", "false"}, line
    assert answered == last_order
