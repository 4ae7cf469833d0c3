"""Answers the body of a request: reads its rows, predicts, and writes a line for each."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from next_purchase.errors import ContentTypeError, EmptyBodyError
from next_purchase.serving.csv_body import BYTE_ORDER_MARK, read_csv_rows
from next_purchase.serving.json_lines import read_json_rows
from next_purchase.serving.media_types import Form
from next_purchase.serving.prediction import predict_next_purchase

if TYPE_CHECKING:
    from next_purchase.models.artifact import TrainedModel

# The first bytes of gzip, zstd and zlib. Polars would decompress them to any size.
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"x\x01", b"x\x9c", b"x\xda")


def answer_body(body: bytes, given: Form, wanted: Form, trained: TrainedModel) -> bytes:
    """Return a line for each row of features, in order, or for each customer of transactions.

    Args:
        body: the request's body.
        given: the body's format.
        wanted: the answer's format. CSV has a header if the request has one, JSON Lines have none.
        trained: the model.

    Raises:
        RequestError: a line of the body is not valid, so there is no answer for any.
    """
    # Concatenated files may end with an empty line.
    body = body.removeprefix(BYTE_ORDER_MARK).removesuffix(b"\n").removesuffix(b"\r")
    if body.startswith(_COMPRESSED):
        raise ContentTypeError(
            "The body is compressed; in batch transform, CompressionType Gzip unpacks it before."
        )
    if not body or body.isspace():
        raise EmptyBodyError("The request has no line.")
    if given is Form.JSON_LINES:
        rows, has_header = read_json_rows(body, trained.features), False
    else:
        rows, has_header = read_csv_rows(body, trained.time_series_length, trained.date_format)
    answers = predict_next_purchase(rows, trained.predictor)
    text = io.BytesIO()
    if wanted is Form.JSON_LINES:
        answers.write_ndjson(text)
    else:
        answers.write_csv(text, include_header=has_header)
    return text.getvalue()
