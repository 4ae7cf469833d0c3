"""The web application that SageMaker calls: health, batch parameters, and one answer per line.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from next_purchase.errors import BadLineError, RequestError
from next_purchase.serving.media_types import FORMS, given_type, wanted_type

if TYPE_CHECKING:
    from next_purchase.models.artifact import TrainedModel

MAX_PAYLOAD_MB = 6

MAX_CONCURRENT_REQUESTS = 100 // MAX_PAYLOAD_MB
"""Batch transform refuses more than 100 MB under way at once (docs: Batch transform, Troubleshooting)."""


def create_application(trained: TrainedModel, concurrent_requests: int) -> Flask:
    """Return the application for a loaded model; it does not exist, and so is not healthy, without a model.

    Args:
        trained: the model.
        concurrent_requests: how many requests can be processed at once.
    """
    application = Flask("next_purchase")

    @application.get("/ping")
    def ping() -> Response:
        return Response(status=HTTPStatus.OK)

    @application.get("/execution-parameters")
    def execution_parameters() -> Response:
        return jsonify(
            MaxConcurrentTransforms=concurrent_requests,
            BatchStrategy="MULTI_RECORD",
            MaxPayloadInMB=MAX_PAYLOAD_MB,
        )

    @application.post("/invocations")
    def invocations() -> Response:
        # Imported here: polars starts threads, which must not exist when workers are forked.
        from next_purchase.serving.answers import answer_body

        given = given_type(request.mimetype)
        wanted = wanted_type(request.accept_mimetypes, given)
        try:
            body = request.get_data(cache=False)
        except (OSError, ParseException) as error:
            raise BadLineError(f"The request's body is damaged or cut off: {error}") from error
        if request.content_length is not None and len(body) < request.content_length:
            raise BadLineError(f"The request ended after {len(body)} of {request.content_length} bytes.")
        answer = answer_body(body, FORMS[given], FORMS[wanted], trained)
        return Response(answer, content_type=f"{wanted}; charset=utf-8")

    @application.errorhandler(RequestError)
    def refuse(error: RequestError) -> Response:
        # A 204 has no body by definition (RFC 9110, section 15.3.5).
        text = "" if error.status == HTTPStatus.NO_CONTENT else f"{error}\n"
        return Response(text, status=error.status, content_type="text/plain; charset=utf-8")

    @application.errorhandler(HTTPException)
    def explain(error: HTTPException) -> Response:
        # Headers that HTTP requires, such as Allow, stay.
        response = Response(f"{error.description}\n", error.code, error.get_headers())
        response.content_type = "text/plain; charset=utf-8"
        return response

    return application
