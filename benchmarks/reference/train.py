"""Trains on a CSV file of transactions: `python -m reference.train DATA.csv FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from .features import FEATURES, HORIZON_DAYS, ID_COLUMNS, days_to_next_order, make_features, read_orders

MODEL_FILE = "model.joblib"
METRICS_FILE = "metrics.json"
SAMPLE_FILE = "sample_prediction.csv"


def train(data: Path, folder: Path) -> None:
    """Fit a model to what was known in the middle of the time, judge it by what came after, and fit it again to all.

    The folder gets model, metrics and the features of every customer's last order.
    """
    orders = read_orders(data)
    rows = make_features(orders)
    rows["target"] = days_to_next_order(rows)

    # The outcome of an order is known once it was observed for the horizon.
    dates, horizon = rows["last_order_date"], pd.Timedelta(days=HORIZON_DAYS)
    cutoff = dates.min() + (dates.max() - dates.min()) / 2
    watched = rows[dates <= dates.max() - horizon]
    known = watched[watched["last_order_date"] <= cutoff - horizon]
    later = watched[watched["last_order_date"] > cutoff]
    error = mean_absolute_error(later["target"], fit(known).predict(later[FEATURES]).clip(1, HORIZON_DAYS))
    model = fit(watched)

    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / MODEL_FILE)
    (folder / METRICS_FILE).write_text(json.dumps({"mean_absolute_error": error}), encoding="utf-8")
    rows.groupby("CustomerID").tail(1)[ID_COLUMNS + FEATURES].to_csv(folder / SAMPLE_FILE, index=False)


def fit(rows: pd.DataFrame) -> Pipeline:
    """Return a fitted pipeline of scaling and gradient boosting."""
    model = make_pipeline(StandardScaler(), XGBRegressor(n_estimators=200))
    return model.fit(rows[FEATURES], rows["target"])


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
