"""S3 and SageMaker's models in dictionaries, for tests of PrepareRun and CreateModel."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from pipeline import layout
from pipeline.contracts import PrepareRunEvent, parse_event
from pipeline.documents import PreparedRun
from pipeline.preparation.prepare_run import prepare_run
from pipeline.preparation.reruns import Services
from pipeline.settings import PrepareRunSettings
from tests.unit.pipeline.stored_documents import refusal

WRITTEN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RUN = "20261122T094236123Z-x"


class Objects:
    """S3's client, key to bytes; all buckets are the same one. Calls are counted by operation."""

    def __init__(self, objects: dict[str, bytes], page_size: int = 1000) -> None:
        self.objects = objects
        self.metadata: dict[str, dict[str, str]] = {}
        # Runs whose items.json exists for HEAD without being among the objects.
        self.prepared: set[str] = set()
        # Times of objects that were not written at WRITTEN.
        self.written: dict[str, datetime] = {}
        # Additional keys in the response of HEAD.
        self.described: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self._page_size = page_size
        self._lock = threading.Lock()

    def etag(self, key: str) -> str:
        """Return the ETag of the object's content."""
        return f'"{hashlib.sha256(self.objects[key]).hexdigest()[:32]}"'

    def json(self, key: str) -> Any:
        """Return the JSON at `key`."""
        return json.loads(self.objects[key])

    def list_objects_v2(
        self,
        Bucket: str,  # noqa: N803, ARG002 - boto3's names
        Prefix: str,  # noqa: N803
        Delimiter: str = "",  # noqa: N803
        MaxKeys: int | None = None,  # noqa: N803
        ContinuationToken: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        """As boto3's."""
        self._count("list_objects_v2")
        found = sorted(
            {
                Prefix + key[len(Prefix) :].split(Delimiter)[0] + Delimiter
                if Delimiter and Delimiter in key[len(Prefix) :]
                else key
                for key in self.objects
                if key.startswith(Prefix)
            }
        )
        later = [key for key in found if key > ContinuationToken]
        page = later[: MaxKeys or self._page_size]
        answer: dict[str, Any] = {"IsTruncated": len(page) < len(later)}
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = page[-1]
        folders = [key for key in page if Delimiter and key.endswith(Delimiter)]
        files = [key for key in page if key not in folders]
        if folders:
            answer["CommonPrefixes"] = [{"Prefix": folder} for folder in folders]
        if files:
            answer["Contents"] = [
                {
                    "Key": key,
                    "Size": len(self.objects[key]),
                    "ETag": self.etag(key),
                    "LastModified": self.written.get(key, WRITTEN),
                }
                for key in files
            ]
        return answer

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        """As boto3's."""
        self._count("head_object")
        if Key not in {*self.objects, *map(layout.items_key, self.prepared)}:
            raise refusal("404", 404)
        return {
            "ContentLength": len(self.objects.get(Key, b"")),
            "Metadata": self.metadata.get(Key, {}),
            "LastModified": self.written.get(Key, WRITTEN),
        } | self.described.get(Key, {})

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        """As boto3's."""
        self._count("get_object")
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        body = self.objects[Key]
        return {"Body": io.BytesIO(body), "ETag": self.etag(Key), "ContentLength": len(body)}

    def put_object(self, Key: str, Body: bytes, **options: Any) -> None:  # noqa: N803 - boto3's names
        """As boto3's."""
        self._count("put_object")
        refused = options.get("IfNoneMatch") and Key in self.objects
        if refused or options.get("IfMatch", self.etag(Key) if Key in self.objects else None) != (
            self.etag(Key) if Key in self.objects else None
        ):
            raise refusal("PreconditionFailed", 412)
        self.objects[Key] = Body
        self.metadata[Key] = options["Metadata"]

    def _count(self, operation: str) -> None:
        with self._lock:
            self.calls[operation] += 1


class Models:
    """SageMaker's client for models, with the last request."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}

    def create_model(self, **request: Any) -> dict[str, str]:
        """As boto3's."""
        self.request = request
        return {"ModelArn": f"arn:{request['ModelName']}"}


def data(*items: str) -> dict[str, bytes]:
    """Return data for each item, at its key in the data bucket."""
    return {f"analysis_predict/{item}/Online_Retail.csv": b"rows" for item in items}


def prepare(
    settings: PrepareRunSettings, s3: Objects, request: dict[str, Any], arn: str = "arn:one", name: str = "x"
) -> PreparedRun:
    """Return the result of prepare_run for the request."""
    execution = {"id": arn, "name": name, "startTime": "2026-11-22T09:42:36.123Z"}
    event = parse_event(PrepareRunEvent, {"request": request, "execution": execution})
    return prepare_run(event, settings, Services(s3, None, None))  # type: ignore[arg-type]
