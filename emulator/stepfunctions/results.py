"""How an AWS answer becomes a task's result: plain JSON, times as Step Functions writes them, call metadata."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any


def iso_milliseconds(moment: dt.datetime) -> str:
    """`2026-11-22T09:42:36.123Z`, the form of the context object's times."""
    utc = moment.astimezone(dt.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def epoch_milliseconds(moment: dt.datetime) -> int:
    """Milliseconds since 1970, the form of times in results of the optimised SageMaker integration."""
    return int(moment.timestamp() * 1000)


def plain(value: Any, time: Callable[[dt.datetime], Any]) -> Any:
    """`value` of a boto3 answer as JSON: no metadata, no nulls, streams read as text, times written by `time`."""
    if isinstance(value, dict):
        return {k: plain(v, time) for k, v in value.items() if k != "ResponseMetadata" and v is not None}
    if isinstance(value, list):
        return [plain(v, time) for v in value]
    if isinstance(value, dt.datetime):
        return time(value)
    if hasattr(value, "read"):
        value = value.read()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def sdk_metadata(response: dict[str, Any]) -> dict[str, Any]:
    """`SdkHttpMetadata` and `SdkResponseMetadata`, which the optimised integrations add to an answer."""
    meta = response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [text] for name, text in headers.items()},
            "HttpHeaders": dict(headers),
            "HttpStatusCode": meta.get("HTTPStatusCode"),
        },
        "SdkResponseMetadata": {"RequestId": meta.get("RequestId")},
    }
