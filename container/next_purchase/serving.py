"""The web application that SageMaker calls: health, batch parameters, and one answer per line.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify, request

from next_purchase.errors import ContentTypeError, NotAcceptableError, RequestError
from next_purchase.schema import ANSWER_COLUMNS

if TYPE_CHECKING:
    from next_purchase.artifact import TrainedModel

CSV_TYPE = "text/csv"
MAX_PAYLOAD_MB = 6


def create_application(loaded: TrainedModel, workers: int) -> Flask:
    """Make the application around a loaded model; without one there is none, and so no healthy answer.

    Args:
        loaded: The model.
        workers: How many requests can be worked on at once.
    """
    application = Flask("next_purchase")

    @application.get("/ping")
    def ping() -> Response:
        return Response(status=HTTPStatus.OK)

    @application.get("/execution-parameters")
    def execution_parameters() -> Response:
        return jsonify(
            MaxConcurrentTransforms=workers, BatchStrategy="MULTI_RECORD", MaxPayloadInMB=MAX_PAYLOAD_MB
        )

    @application.post("/invocations")
    def invocations() -> Response:
        if request.mimetype != CSV_TYPE:
            raise ContentTypeError(f"The content type must be {CSV_TYPE}, not {request.mimetype or 'left out'}.")
        if request.accept_mimetypes and not request.accept_mimetypes[CSV_TYPE]:
            raise NotAcceptableError(
                f"The answer is {CSV_TYPE}, which Accept {request.headers['Accept']!r} excludes."
            )
        return Response(
            answer_csv(request.get_data(cache=False), loaded), content_type=f"{CSV_TYPE}; charset=utf-8"
        )

    @application.errorhandler(RequestError)
    def refuse(error: RequestError) -> Response:
        # A 204 has no body by definition (RFC 9110, section 15.3.5).
        text = "" if error.status == HTTPStatus.NO_CONTENT else f"{error}\n"
        return Response(text, status=error.status, content_type="text/plain; charset=utf-8")

    return application


def answer_csv(body: bytes, loaded: TrainedModel) -> bytes:
    """Answer CSV lines with CSV lines: as many, in order, with a header if there was one.

    Raises:
        RequestError: The body cannot be answered.
    """
    # Imported here and not above: polars starts threads, which must not exist when workers are forked.
    from next_purchase.prediction import predict_next_purchase
    from next_purchase.request_body import parse_lines, split_header

    has_header, lines = split_header(body, loaded.features)
    rows = parse_lines(lines, loaded.features, first_line=2 if has_header else 1)
    answer = predict_next_purchase(rows, loaded.model, loaded.features).write_csv(include_header=False)
    header = ",".join(ANSWER_COLUMNS) + "\n" if has_header else ""
    return (header + answer).encode("utf-8")
