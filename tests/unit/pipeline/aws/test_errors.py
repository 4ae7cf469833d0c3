"""AWS's errors are translated by their kind, and none of botocore's leaks."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.aws import errors, s3_objects
from pipeline.documents import MetricsFile
from pipeline.errors import PipelineError, ServiceRefusedError, ServiceThrottledError, ServiceUnavailableError


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, ServiceThrottledError),
        ("SlowDown", 503, ServiceThrottledError),
        ("RequestTimeout", 400, ServiceThrottledError),
        ("ResourceLimitExceeded", 400, ServiceThrottledError),
        ("InternalError", 500, ServiceUnavailableError),
        ("ServiceUnavailable", 503, ServiceUnavailableError),
        ("AccessDenied", 403, ServiceRefusedError),
        ("ValidationException", 400, ServiceRefusedError),
        ("NoSuchBucket", 404, ServiceRefusedError),
    ],
)
def test_each_error_of_aws_is_translated_by_its_kind(
    s3: Any, code: str, status: int, kind: type[PipelineError]
) -> None:
    s3.add_client_error("get_object", code, "told so", http_status_code=status)
    with pytest.raises(kind, match=rf"reading s3://output/a\.json: {code}: told so") as caught:
        s3_objects.read_document(s3.client, "output", "a.json", MetricsFile)
    assert caught.value.__cause__ is not None


def test_a_broken_connection_is_service_unavailable() -> None:
    with pytest.raises(ServiceUnavailableError, match="asking"), errors.translated("asking"):
        raise EndpointConnectionError(endpoint_url="https://s3")
