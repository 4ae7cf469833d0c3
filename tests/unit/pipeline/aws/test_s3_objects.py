"""Objects are read and written in S3, and a missing object is no error."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.response import StreamingBody

from pipeline.aws import s3_objects
from pipeline.documents import MetricsFile
from pipeline.errors import DataNotReadableError, ServiceRefusedError, ServiceThrottledError

PUT = {"Bucket": "output", "Key": "a.json", "ContentType": "application/json", "Metadata": {}}


def test_a_missing_object_is_read_as_none(s3: Any) -> None:
    s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    assert s3_objects.read_document(s3.client, "output", "a.json", MetricsFile) is None


def test_an_object_that_is_not_json_is_refused_by_name(s3: Any) -> None:
    body = StreamingBody(io.BytesIO(b"<html>"), 6)
    s3.add_response("get_object", {"Body": body, "ETag": '"1"'})
    with pytest.raises(DataNotReadableError, match=r"s3://output/a\.json cannot be read: Invalid JSON"):
        s3_objects.read_document(s3.client, "output", "a.json", MetricsFile)


def test_a_write_whose_condition_does_not_hold_returns_false(s3: Any) -> None:
    s3.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
    assert s3_objects.write_document(s3.client, "output", "a.json", MetricsFile({}), only_if_absent=True) is False


def test_a_conflict_of_conditional_writes_can_be_retried(s3: Any) -> None:
    s3.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    with pytest.raises(ServiceThrottledError, match="ConditionalRequestConflict"):
        s3_objects.write_document(s3.client, "output", "a.json", MetricsFile({}), only_if_absent=True)


def test_nan_is_written_as_null(s3: Any) -> None:
    s3.add_response("put_object", {}, PUT | {"Body": b'{"error":null}'})
    assert s3_objects.write_document(s3.client, "output", "a.json", MetricsFile({"error": float("nan")})) is True


def test_documents_are_written_as_utf_8_json(s3: Any) -> None:
    s3.add_response("put_object", {}, PUT | {"Body": '{"item":"台北"}'.encode(), "IfMatch": '"7"'})
    document = MetricsFile({"item": "台北"})
    assert s3_objects.write_document(s3.client, "output", "a.json", document, only_if_etag='"7"') is True


def test_documents_are_read_with_their_etag(s3: Any) -> None:
    content = {"items": ["United Kingdom", "台北"]}
    body = json.dumps(content).encode()
    s3.add_response("get_object", {"Body": StreamingBody(io.BytesIO(body), len(body)), "ETag": '"9"'})
    stored = s3_objects.read_document(s3.client, "output", "a.json", MetricsFile)
    assert stored == (MetricsFile(content), '"9"')


def test_a_missing_object_has_neither_bytes_nor_metadata(s3: Any) -> None:
    s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    assert s3_objects.read_bytes(s3.client, "output", "a.json") is None
    s3.add_client_error("head_object", "404", http_status_code=404)
    assert s3_objects.find_metadata(s3.client, "output", "a.json") is None


def test_denied_metadata_is_no_missing_object(s3: Any) -> None:
    s3.add_client_error("head_object", "403", http_status_code=403)
    with pytest.raises(ServiceRefusedError, match=r"looking for s3://output/a\.json"):
        s3_objects.find_metadata(s3.client, "output", "a.json")
