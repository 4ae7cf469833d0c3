"""Rows that hold our error against the best of several, and the rows that those learn from."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks.generated_shops import make_transactions
from benchmarks.measure import Other
from benchmarks.peer_rows import write_rows
from benchmarks.peers import against_best, ask_peers, average
from benchmarks.pipelines import Command, Container, Reference

CUTOFF, HORIZON = date(2011, 6, 1), 90
GOOD = {"error": 10.0, "seconds": 0.5, "reason": None}
BETTER = {"error": 9.0, "seconds": 1.5, "reason": None}
FAILED = {"error": None, "seconds": 0.1, "reason": "ConvergenceError: no"}


def test_the_best_peer_is_the_reference() -> None:
    measure = against_best("error", 9.2, {"one": GOOD, "other": BETTER})
    assert (measure.ours, measure.reference, measure.met) == (9.2, 9.0, True)
    assert measure.others == (Other("one", 10.0, 0.5), Other("other", 9.0, 1.5))
    assert against_best("error", 9.28, {"one": GOOD, "other": BETTER}).met is False


def test_a_peer_that_could_not_be_fitted_is_told() -> None:
    measure = against_best("error", 9.2, {"one": GOOD, "third": FAILED})
    assert measure.reference == 10.0
    assert "third: ConvergenceError: no" in measure.note


@pytest.mark.parametrize("ours", [None, 9.0], ids=["no error of ours", "no peer"])
def test_what_cannot_be_compared_is_not_measured(ours: float | None) -> None:
    measure = against_best("error", ours, {"third": FAILED} if ours else {"one": GOOD})
    assert (measure.ours, measure.met) == (None, False)
    assert measure.note.startswith("not measured: ")


def test_the_average_is_of_all_or_not_measured() -> None:
    assert average([1.0, 1.03]).ours == pytest.approx(1.015)
    assert average([1.0, 1.03]).met is False
    assert average([1.0, 1.01]).met is True
    assert (average([1.0, None]).ours, average([1.0, None]).met) == (None, False)


@pytest.mark.parametrize("judged", [3, 4])
def test_peers_are_judged_by_the_same_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged: int) -> None:
    folder, shell = tmp_path / "peers", Path("/bin/sh")
    answer = json.dumps({"orders": 3, "peers": {"one": GOOD}})
    monkeypatch.setattr(Container, "peer_rows", lambda *_: Command(["/bin/true"], {}))
    told = Command([str(shell), "-c", f"echo '{answer}' > {folder / 'peers.json'}"], {})
    monkeypatch.setattr(Reference, "peers", lambda *_: told)
    metrics = {"cutoff": CUTOFF.isoformat(), "horizon_days": HORIZON, "judged_orders": judged}
    asked = (Container(shell, tmp_path), Reference(shell, tmp_path), tmp_path / "data.csv", metrics, folder)
    if judged == 3:
        assert ask_peers(*asked) == {"one": GOOD}
    else:
        with pytest.raises(ValueError, match="judged by 3 orders, ours by 4"):
            ask_peers(*asked)


def written(lines: pl.DataFrame, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Known and judged rows of transactions."""
    folder.mkdir()
    lines.write_csv(folder / "data.csv")
    write_rows(folder / "data.csv", folder, CUTOFF, HORIZON)
    known, judged = (pl.read_csv(folder / f"{name}.csv", try_parse_dates=True) for name in ("known", "judged"))
    return known, judged


def test_peers_learn_nothing_from_the_cutoff_on(tmp_path: Path) -> None:
    lines = make_transactions("dying", 3)
    known, judged = written(lines, tmp_path / "all")
    assert (known["last_order_date"] < CUTOFF).all()
    assert (judged["last_order_date"] >= CUTOFF).all()
    assert (judged["waited_days"] <= HORIZON).all()
    # The features of an order that is judged may know earlier ones; what is learned from may not know the later.
    past = lines.filter(pl.col("InvoiceDate") < "2011-06-01")
    future = lines.filter(pl.col("InvoiceDate") >= "2011-06-01").with_columns(pl.col("CustomerID").reverse())
    shuffled, others = written(pl.concat([past, future]), tmp_path / "shuffled")
    assert shuffled.equals(known)
    assert not others.equals(judged)
