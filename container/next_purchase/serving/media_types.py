"""The forms that a request and its answer can have, by the names that HTTP has for them."""

from __future__ import annotations

from enum import Enum, auto

from werkzeug.datastructures import MIMEAccept

from next_purchase.errors import ContentTypeError, NotAcceptableError


class Form(Enum):
    """How rows are written down."""

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
    """Take the request's type, without parameters.

    Returns:
        One of FORMS.

    Raises:
        ContentTypeError: It is not, or it is missing.
    """
    if content_type not in FORMS:
        raise ContentTypeError(f"The content type must be {' or '.join(FORMS)}, not {content_type or 'left out'}.")
    return content_type


def wanted_type(accept: MIMEAccept, given: str) -> str:
    """Choose the answer's type: what the client likes best, and the request's own where that leaves a choice.

    Returns:
        One of FORMS.

    Raises:
        NotAcceptableError: The client accepts none of them.
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
