"""AWS's own descriptions of its services, as botocore carries them, each read once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from botocore.session import Session

if TYPE_CHECKING:
    from botocore.model import ServiceModel


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return the model of a service by boto3's name for it.

    Raises:
        UnknownServiceError: botocore's; there is no such service.
    """
    return _session().get_service_model(service)


@functools.cache
def _session() -> Session:
    return Session()
