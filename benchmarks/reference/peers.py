"""Fits established models, and judges them by the orders that ours is judged by.

`python -m reference.peers FOLDER HORIZON_DAYS` reads known.csv and judged.csv of benchmarks/peer_rows.py, and writes
peers.json: the number of judged orders, and for each model the mean absolute error in days (capped at the horizon), the
processor's seconds, or why it could not be fitted.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lifelines
import lifetimes
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from .waiting import chance_dead, median_days

NO_FEATURES = {"CustomerID", "last_order_date", "watched_days", "waited_days", "returned"}
# A usual value with which the fit of correlated columns converges.
PENALIZER = 0.01
# The first value that converges is used.
PENALIZERS = (0.0, 0.001, 0.01, 0.1)
TREES = {"n_estimators": 100, "num_leaves": 7, "learning_rate": 0.05, "min_child_samples": 30}

Peer = Callable[[pd.DataFrame, pd.DataFrame, int], np.ndarray]


def regression(name: str) -> Peer:
    """Return a peer: a survival regression of lifelines by its class, with the median as the prediction."""

    def predict(known: pd.DataFrame, judged: pd.DataFrame, horizon_days: int) -> np.ndarray:
        # An order on the last day has no observation.
        known = known[known["waited_days"] > 0]
        learned, asked = make_design(known, judged)
        learned["days"] = known["waited_days"].clip(upper=horizon_days).to_numpy(dtype=float)
        learned["seen"] = (known["returned"] & (known["waited_days"] <= horizon_days)).to_numpy()
        model = getattr(lifelines, name)(penalizer=PENALIZER).fit(learned, "days", "seen")
        return np.asarray(model.predict_median(asked), dtype=float).ravel()

    return predict


def buy_till_you_die(name: str, *, after_first: bool) -> Peer:
    """Return a peer: a model of lifetimes by its class, fitted to all customers as of the last known day."""

    def predict(known: pd.DataFrame, judged: pd.DataFrame, horizon_days: int) -> np.ndarray:  # noqa: ARG001
        last = known.groupby("CustomerID").tail(1)
        age = last["days_since_first_order"]
        summary = (last["orders"] - 1, age, age + last["watched_days"])
        for penalizer in PENALIZERS:
            model = getattr(lifetimes, name)(penalizer)
            try:
                model.fit(*summary)
                break
            except lifetimes.utils.ConvergenceError:
                if penalizer == PENALIZERS[-1]:
                    raise
        repeats = judged["orders"].to_numpy(dtype=float) - 1
        dead = chance_dead(model.params_["a"], model.params_["b"], repeats, after_first=after_first)
        scale = model.params_["alpha"] + judged["days_since_first_order"].to_numpy(dtype=float)
        return median_days(model.params_["r"] + repeats, scale, dead)

    return predict


def boosted_trees(known: pd.DataFrame, judged: pd.DataFrame, horizon_days: int) -> np.ndarray:
    """Predict by gradient boosting on the absolute error, from the orders that were followed for the horizon."""
    followed = known[known["watched_days"] >= horizon_days]
    features = feature_columns(known)
    model = LGBMRegressor(objective="l1", n_jobs=1, verbose=-1, random_state=1, **TREES)
    model.fit(followed[features], followed["waited_days"].clip(upper=horizon_days))
    return np.asarray(model.predict(judged[features]))


PEERS: dict[str, Peer] = {
    "Weibull AFT": regression("WeibullAFTFitter"),
    "log-logistic AFT": regression("LogLogisticAFTFitter"),
    "log-normal AFT": regression("LogNormalAFTFitter"),
    "Cox PH": regression("CoxPHFitter"),
    "MBG/NBD": buy_till_you_die("ModifiedBetaGeoFitter", after_first=True),
    "BG/NBD": buy_till_you_die("BetaGeoFitter", after_first=False),
    "LightGBM L1": boosted_trees,
}


def feature_columns(rows: pd.DataFrame) -> list[str]:
    """Return the names of the features."""
    return [name for name in rows.columns if name not in NO_FEATURES]


def make_design(known: pd.DataFrame, judged: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return logarithms of the features for a regression, standardised by the known rows.

    A missing value is the mean, and an additional column marks it. Columns that are constant or repeat another are left out.
    """
    learned, asked = _transform(known), _transform(judged)
    mean = learned.mean()
    learned, asked = learned.fillna(mean), asked.fillna(mean)
    deviation = learned.std()
    columns = deviation.index[deviation > 1e-9]
    learned, asked = (((rows - mean) / deviation)[columns] for rows in (learned, asked))
    alike = np.triu(learned.corr().abs().to_numpy() > 0.999, 1).any(axis=0)
    return learned.loc[:, ~alike], asked.loc[:, ~alike]


def _transform(rows: pd.DataFrame) -> pd.DataFrame:
    features = rows[feature_columns(rows)].astype(float)
    missing = features.isna().astype(float).add_suffix("_missing")
    return pd.concat([np.log1p(features.clip(lower=0)), missing], axis=1).reset_index(drop=True)


def judge(folder: Path, horizon_days: int) -> dict[str, Any]:
    """Return the results of all peers on the folder's rows, and the number of judged orders."""
    known, judged = (pd.read_csv(folder / f"{name}.csv") for name in ("known", "judged"))
    truth = judged["waited_days"].to_numpy(dtype=float)
    results: dict[str, dict[str, Any]] = {}
    for name, peer in PEERS.items():
        started = time.process_time()
        error, reason = None, None
        try:
            days = np.clip(np.nan_to_num(peer(known, judged, horizon_days), nan=np.inf), 1, horizon_days)
            error = float(np.abs(days - truth).mean())
        # The libraries may raise any exception; the failed peer is reported, and the others go on.
        except Exception as failed:  # noqa: BLE001
            reason = f"{type(failed).__name__}: {failed}".splitlines()[0]
        results[name] = {"error": error, "seconds": time.process_time() - started, "reason": reason}
    return {"orders": len(judged), "peers": results}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    place = Path(sys.argv[1])
    (place / "peers.json").write_text(json.dumps(judge(place, int(sys.argv[2])), indent=2), encoding="utf-8")
