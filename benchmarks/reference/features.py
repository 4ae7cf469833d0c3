"""Computes orders and their features, as known on the day of each order, with pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HORIZON_DAYS = 90
GAPS = range(1, 6)
WINDOWS = (30, 60, 90)
ID_COLUMNS = ["CustomerID", "last_order_date"]
FEATURES = [
    *(f"gap_{back}" for back in GAPS),
    "mean_gap",
    "deviation_of_gaps",
    "shortest_gap",
    "longest_gap",
    "orders",
    *(f"orders_{days}_days" for days in WINDOWS),
    "days_since_first_order",
    "amount",
    "mean_amount",
    "items",
    "mean_items",
    "lines",
    "mean_lines",
    "weekday",
]


def read_orders(path: Path) -> pd.DataFrame:
    """Return amount, items and lines for each customer and day with a real purchase, sorted by both."""
    data = pd.read_csv(path)
    data["InvoiceDate"] = pd.to_datetime(data["InvoiceDate"])
    data = data.dropna(subset=["CustomerID"])
    data = data[~data["InvoiceNo"].astype(str).str.startswith("C")]
    data = data[(data["Quantity"] > 0) & (data["UnitPrice"] > 0)]
    data["CustomerID"] = data["CustomerID"].astype(int)
    data["last_order_date"] = data["InvoiceDate"].dt.normalize()
    data["amount"] = data["Quantity"] * data["UnitPrice"]
    return data.groupby(ID_COLUMNS, as_index=False).agg(
        amount=("amount", "sum"), items=("Quantity", "sum"), lines=("InvoiceNo", "size")
    )


def make_features(orders: pd.DataFrame) -> pd.DataFrame:
    """Add `FEATURES` to every order; a gap that did not exist yet is NaN."""
    rows = orders.copy()
    rows["gap"] = rows.groupby("CustomerID")["last_order_date"].diff().dt.days
    customers = rows.groupby("CustomerID")
    for back in GAPS:
        rows[f"gap_{back}"] = customers["gap"].shift(back - 1)
    gaps_so_far = customers["gap"].expanding()
    rows["mean_gap"] = gaps_so_far.mean().to_numpy()
    rows["deviation_of_gaps"] = gaps_so_far.std().to_numpy()
    rows["shortest_gap"] = gaps_so_far.min().to_numpy()
    rows["longest_gap"] = gaps_so_far.max().to_numpy()
    rows["orders"] = customers.cumcount() + 1
    for days in WINDOWS:
        window = customers.rolling(f"{days}D", on="last_order_date")
        rows[f"orders_{days}_days"] = window["amount"].count().to_numpy()
    first = customers["last_order_date"].transform("min")
    rows["days_since_first_order"] = (rows["last_order_date"] - first).dt.days
    for name in ("amount", "items", "lines"):
        rows[f"mean_{name}"] = customers[name].cumsum() / rows["orders"]
    rows["weekday"] = rows["last_order_date"].dt.dayofweek
    return rows


def days_to_next_order(rows: pd.DataFrame) -> pd.Series:
    """Return the days until the customer's next order, at most the horizon; the horizon if there is none."""
    following = rows.groupby("CustomerID")["last_order_date"].shift(-1)
    return (following - rows["last_order_date"]).dt.days.fillna(HORIZON_DAYS).clip(upper=HORIZON_DAYS)
