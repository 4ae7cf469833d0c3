"""Compares our error with that of established models, on the same orders: of the real data set and of generated shops."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.accuracy import CUTOFFS, TOO_FEW, error_row, judge
from benchmarks.generated_shops import KINDS, write_shops
from benchmarks.measure import Goal, Measure, Other
from benchmarks.pipelines import Container, Reference, install_container, install_reference
from benchmarks.retail_data import find_data, without_data
from benchmarks.usage import run_measured

# Settings were tried on other seeds only, so these shops influenced no choice.
SEED = 7
TIMEOUT = 600
AGAINST_PEER = Goal(1.03, "ratio")
AGAINST_NAIVE = Goal(1.01, "ratio")
ON_AVERAGE = Measure("error against the best peer's, on average", "", None, goal=Goal(1.01, "ours"))
NOTE = (
    "peers: models of other people's libraries, in an environment of their own: regressions of lifelines (penalizer 0.01, "
    "logarithms of our features), models of lifetimes, LightGBM on the absolute error; they learn what was known at the "
    "cutoff, and the error is that of the same orders, capped alike; the best is known only afterwards; in brackets, the "
    "processor's seconds to fit and to predict"
)
SHOPS_NOTE = f"made-up shops: four kinds of generators (benchmarks/generated_shops.py), seed {SEED}"


def measure_peers(work: Path) -> Iterator[Measure]:
    """Yield each data set against its best peer, the mean of the ratios, and generated ones against the naive guess."""
    container, reference = install_container(work), install_reference(work)
    measures = [*_measure_real(container, reference, work), *_measure_shops(container, reference, work)]
    yield from measures
    ratios = [measure.ratio for measure in measures if measure.goal == AGAINST_PEER]
    yield average(ratios)


def average(ratios: list[float | None]) -> Measure:
    """Return the mean of the ratios to the best peers; not measured if one of them is not."""
    taken = [ratio for ratio in ratios if ratio is not None]
    if len(taken) < len(ratios):
        return ON_AVERAGE.taken(None, None, "on average: not measured, because one of the sets is not")
    return ON_AVERAGE.taken(
        fmean(taken), None, f"on average: the mean of {len(ratios)} ratios, each with its own best peer"
    )


def against_best(name: str, ours: float | None, results: Mapping[str, Mapping[str, Any]]) -> Measure:
    """Return our error against the smallest one of the peers, with all of them.

    Args:
        name: the measure's name.
        ours: our error in days; None if it could not be judged.
        results: the content of peers.json, by the peer's name.
    """
    others = tuple(Other(peer, result["error"], result["seconds"]) for peer, result in results.items())
    measure = Measure(name, "days", None, goal=AGAINST_PEER, others=others)
    failed = "; ".join(f"{peer}: {result['reason']}" for peer, result in results.items() if result["reason"])
    errors = [other.figure for other in others if other.figure is not None]
    if ours is None or not errors:
        return replace(
            measure, note=TOO_FEW if ours is None else f"not measured: no peer could be fitted: {failed}"
        )
    return measure.taken(
        ours, min(errors), f"{name}: without those that could not be fitted: {failed}" if failed else NOTE
    )


def ask_peers(
    container: Container, reference: Reference, data: Path, metrics: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Return the peers' results on the rows that a training learned from and was judged by.

    Raises:
        subprocess.SubprocessError: a program failed or took too long.
        ValueError: the peers were judged by other orders than the container's model.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for command in (
        container.peer_rows(data, folder, metrics["cutoff"], metrics["horizon_days"]),
        reference.peers(folder, metrics["horizon_days"]),
    ):
        run_measured(command.words, command.environment, TIMEOUT)
    found: dict[str, Any] = json.loads((folder / "peers.json").read_text(encoding="utf-8"))
    if found["orders"] != metrics["judged_orders"]:
        raise ValueError(f"peers were judged by {found['orders']} orders, ours by {metrics['judged_orders']}")
    results: dict[str, Any] = found["peers"]
    return results


def _measure_real(container: Container, reference: Reference, work: Path) -> Iterator[Measure]:
    names = {cutoff: f"error at {cutoff}, against the best peer" for cutoff in CUTOFFS}
    data = find_data(work)
    if data is None:
        yield from without_data(Measure(name, "days", None, goal=AGAINST_PEER) for name in names.values())
        return
    for cutoff, name in names.items():
        metrics = judge(container, data, work, cutoff)
        results = ask_peers(container, reference, data, metrics, work / "peers")
        yield against_best(name, metrics["mean_absolute_error"], results)


def _measure_shops(container: Container, reference: Reference, work: Path) -> Iterator[Measure]:
    files = write_shops(work / "shops", SEED)
    for kind in KINDS:
        metrics = judge(container, files[kind], work)
        results = ask_peers(container, reference, files[kind], metrics, work / "peers")
        yield replace(error_row(f"error in a {kind} shop", AGAINST_NAIVE).take(metrics), note=SHOPS_NOTE)
        yield against_best(
            f"error in a {kind} shop, against the best peer", metrics["mean_absolute_error"], results
        )
