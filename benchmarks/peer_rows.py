"""Writes the rows that peers of our model learn from and are judged by, with the container's own code and environment.

`python peer_rows.py DATA.csv FOLDER CUTOFF HORIZON_DAYS` writes known.csv and judged.csv: a line for each
order with its customer, its day, the features, watched_days (to the last known day), waited_days (to the next order, or
watched_days if there was none) and returned. Judged orders are observed for the horizon.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from next_purchase.features import make_features
from next_purchase.learning.settings import DEFAULT_TIME_SERIES_LENGTH
from next_purchase.outcomes import add_next_order, date_range, day_before, followed_orders, known_outcomes
from next_purchase.reading.transactions import read_orders


def write_rows(data: Path, folder: Path, cutoff: date, horizon_days: int) -> None:
    """Write both files into an existing folder."""
    with tempfile.TemporaryDirectory() as scratch:
        orders = read_orders([data], Path(scratch), datetime.now(UTC).date()).orders
    rows = add_next_order(make_features(orders, DEFAULT_TIME_SERIES_LENGTH))
    _, last = date_range(rows)
    known_outcomes(rows, known_until=day_before(cutoff)).write_csv(folder / "known.csv")
    followed = followed_orders(rows, since=cutoff, known_until=last, horizon_days=horizon_days)
    followed.write_csv(folder / "judged.csv")


if __name__ == "__main__":
    write_rows(Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]), int(sys.argv[4]))
