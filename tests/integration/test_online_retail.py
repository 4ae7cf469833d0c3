"""The real data set: countries of every size, the whole of it, and one broken file, in one run."""

from __future__ import annotations

import csv
import io
import lzma
import os
from pathlib import Path

import pytest

from automlops.tables.split import split_table
from tests.live.plans import starts
from tests.live.stack import Run, Stack

COUNTRIES = ["United Kingdom", "Germany", "France", "EIRE", "Spain"]
# Customers with at least one real order, in all the data.
CUSTOMERS = 4338

pytestmark = pytest.mark.skipif(
    "AUTOMLOPS_ONLINE_RETAIL" not in os.environ,
    reason="set AUTOMLOPS_ONLINE_RETAIL to Online Retail as .csv or .csv.xz (see CONTRIBUTING.md)",
)


@pytest.fixture(scope="module")
@starts(runs=1, items=7, training_jobs=7, transform_jobs=6)
def run(deployed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Five countries, the whole set, and a file that is no table."""
    source = Path(os.environ["AUTOMLOPS_ONLINE_RETAIL"])
    split = split_table(source, "Country", tmp_path_factory.mktemp("countries"), only=COUNTRIES)
    for part in split.parts:
        deployed.upload(deployed.own(part.item), part.path.read_bytes())
    content = source.read_bytes()
    deployed.upload(deployed.own("everything"), lzma.decompress(content) if source.suffix == ".xz" else content)
    deployed.upload(deployed.own("broken"), b"\x00\x01\x02 not a table")
    items = [deployed.own(stem) for stem in (*COUNTRIES, "everything", "broken")]
    # The stack of the other tests trains naive guesses.
    entries = [{"item": item, "hyperparameters": {"model_backend": "auto"}} for item in items]
    return deployed.run({"itemList": entries}, deployed.own("online-retail"))


def test_every_good_item_succeeds_beside_a_broken_one(deployed: Stack, run: Run) -> None:
    assert run.items[deployed.own("broken")]["status"] == "FAILED"
    assert run.items[deployed.own("broken")]["reason"]
    for item in map(deployed.own, (*COUNTRIES, "everything")):
        assert run.items[item]["status"] == "SUCCEEDED", run.items[item]


def test_every_customer_with_a_real_order_has_one_prediction(deployed: Stack, run: Run) -> None:
    content = deployed.predictions(run.items[deployed.own("everything")]).decode()
    customers = [row["CustomerID"] for row in csv.DictReader(io.StringIO(content))]
    assert len(customers) == len(set(customers)) == CUSTOMERS


def test_the_whole_set_is_predicted_better_than_by_the_customers_mean_gap(deployed: Stack, run: Run) -> None:
    metrics = run.items[deployed.own("everything")]["metrics"]
    assert metrics["mean_absolute_error"] < metrics["baseline_mean_absolute_error"]
