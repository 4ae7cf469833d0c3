"""SageMaker's own look into S3, which costs no request and meets none of the account's faults.

Touches moto's private parts: s3_backends and put_object; a bucket's keys are those of bucket_listing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.s3.models import FakeDeleteMarker, s3_backends

from emulator.bucket_listing import KeyStore
from emulator.sagemaker.s3_files import S3File, S3Place, relative_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARTITION = "aws"


class StoredObjects:
    """The objects of one account's buckets."""

    def __init__(self, account: str) -> None:
        self._account = account

    def has_object(self, place: S3Place) -> bool:
        """Whether there is an object of exactly this key; false as well when the bucket does not exist."""
        return _is_object(self._keys(place.bucket).get(place.key))

    def has_objects(self, prefix: S3Place) -> bool:
        """Whether any object's key begins with the prefix; false as well when the bucket does not exist."""
        return next(self.files(prefix), None) is not None

    def files(self, prefix: S3Place) -> Iterator[S3File]:
        """As `s3_files.list_files`."""
        keys = self._keys(prefix.bucket)
        for key in keys.starting_with(prefix.key):
            if not key.endswith("/") and _is_object(keys.get(key)):
                yield S3File(S3Place(prefix.bucket, key), relative_path(key, prefix.key))

    def put(self, place: S3Place, content: bytes) -> bool:
        """Store an object; false if the bucket does not exist."""
        backend = self._backend()
        if place.bucket not in backend.buckets:
            return False
        backend.put_object(place.bucket, place.key, content)
        return True

    def _keys(self, bucket: str) -> KeyStore:
        buckets = self._backend().buckets
        return buckets[bucket].keys if bucket in buckets else KeyStore()

    def _backend(self) -> Any:
        return s3_backends[self._account][_PARTITION]


def _is_object(found: Any) -> bool:
    return found is not None and not isinstance(found, FakeDeleteMarker)
