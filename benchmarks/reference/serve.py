"""Serves the model of train.py: `gunicorn 'reference.serve:create_application("FOLDER")'`."""

from __future__ import annotations

import io
from pathlib import Path

import joblib
import pandas as pd
from flask import Flask, Response, request

from .features import FEATURES, HORIZON_DAYS, ID_COLUMNS
from .train import MODEL_FILE


def create_application(folder: str) -> Flask:
    """Return an application that answers CSV lines of features with predictions, with a header if there was one."""
    model = joblib.load(Path(folder) / MODEL_FILE)
    application = Flask(__name__)

    @application.get("/ping")
    def ping() -> str:
        return "healthy"

    @application.post("/invocations")
    def invocations() -> Response:
        body = request.get_data(as_text=True)
        has_header = body.startswith(ID_COLUMNS[0])
        rows = pd.read_csv(
            io.StringIO(body),
            header=0 if has_header else None,
            names=ID_COLUMNS + FEATURES,
            parse_dates=["last_order_date"],
        )
        answer = rows[ID_COLUMNS].copy()
        answer["predicted_days"] = model.predict(rows[FEATURES]).clip(1, HORIZON_DAYS).round(1)
        days = pd.to_timedelta(answer["predicted_days"].round(), unit="D")
        answer["predicted_date"] = answer["last_order_date"] + days
        return Response(answer.to_csv(index=False, header=has_header), mimetype="text/csv")

    return application
