"""The formats of requests and answers, by their media types."""

from __future__ import annotations

from enum import Enum, auto

from werkzeug.datastructures import MIMEAccept

from next_purchase.errors import ContentTypeError, NotAcceptableError


class Form(Enum):
    """The format of rows."""

    CSV = auto()
    JSON_LINES = auto()


# application/jsonlines is SageMaker's name:
# https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
FORMS = {
    "text/csv": Form.CSV,
    "application/jsonlines": Form.JSON_LINES,
    "application/x-jsonlines": Form.JSON_LINES,
}


def given_type(content_type: str) -> str:
    """Return the request's media type, without parameters.

    Returns:
        One of FORMS.

    Raises:
        ContentTypeError: the type is another one, or missing.
    """
    if content_type not in FORMS:
        raise ContentTypeError(f"The content type must be {' or '.join(FORMS)}, not {content_type or 'left out'}.")
    return content_type


def wanted_type(accept: MIMEAccept, given: str) -> str:
    """Return the answer's media type: the one that the client prefers, and among equals the request's own.

    Returns:
        One of FORMS.

    Raises:
        NotAcceptableError: the client accepts none of them.
    """
    if not accept:
        return given
    without_parameters = MIMEAccept((kind.partition(";")[0].strip(), quality) for kind, quality in accept)
    chosen = without_parameters.best_match([given, *FORMS])
    if chosen is None:
        raise NotAcceptableError(
            f"The answer is {' or '.join(FORMS)}; Accept {accept.to_header()!r} excludes them."
        )
    return chosen
