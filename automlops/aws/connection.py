"""The connection to AWS or to the emulator, and the one place that translates boto3's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore import exceptions
from botocore.config import Config

from automlops.errors import CommandError, NoAnswerError, ServiceError
from pipeline.aws.clients import PARALLEL_REQUESTS

DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN_KEY_CODES = frozenset({
    "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
})  # fmt: skip
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LOG_IN = "Log in again, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."


@dataclass(frozen=True)
class Connection:
    """The account and Region, or the emulator, that the command uses.

    Attributes:
        session: boto3 session with credentials and Region.
        region: the Region.
        endpoint_url: the emulator's URL; None is AWS.
    """

    session: boto3.session.Session
    region: str
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        """Return a boto3 client for `service`, named as boto3 names it."""
        config = Config(
            user_agent_extra="automlops",
            connect_timeout=10,
            read_timeout=60,
            # A run's records are read in as many threads.
            max_pool_connections=PARALLEL_REQUESTS,
            retries={"mode": "standard", "total_max_attempts": 3 if self.endpoint_url else 6},
        )
        if self.endpoint_url:
            # A proxy cannot reach this machine's loopback, and a bucket's host name does not resolve there.
            config = config.merge(Config(proxies={}, s3={"addressing_style": "path"}))
        # boto3's stubs accept the service only as a literal.
        make_client: Any = self.session.client
        with service_errors(f"use {service}"):
            return make_client(service, endpoint_url=self.endpoint_url, config=config)

    @property
    def on_this_machine(self) -> bool:
        """Whether the endpoint is on this machine, where a refused connection means that it has ended."""
        return bool(self.endpoint_url) and urlsplit(self.endpoint_url).hostname in LOOPBACK

    @property
    def place(self) -> str:
        """The Region, and the emulator's URL, for messages."""
        return f"{self.region} at {self.endpoint_url}" if self.endpoint_url else self.region


def connect(environment: Mapping[str, str], region: str | None = None) -> Connection:
    """Return a connection with the credentials that boto3 finds.

    Args:
        environment: the process's environment variables; AWS_ENDPOINT_URL and AWS_REGION are read here.
        region: overrides the environment and the profile.

    Raises:
        CommandError: no Region is set anywhere.
        ServiceError: the profile does not exist.
    """
    with service_errors("start a session"):
        session = boto3.session.Session(region_name=region or environment.get("AWS_REGION") or None)
        region_name = session.region_name
    if not region_name:
        raise CommandError("No Region is set.", "Use --region, or set AWS_REGION.")
    return Connection(session, region_name, environment.get("AWS_ENDPOINT_URL") or None)


def connect_emulator(url: str) -> Connection:
    """Return a connection to the emulator at `url`, independent of the user's profile, keys and proxy."""
    from emulator.endpoint import DEFAULT_REGION, isolated_session
    from emulator.keys import keys_of

    return Connection(isolated_session(DEFAULT_REGION, keys_of(url)), DEFAULT_REGION, url)


@contextmanager
def service_errors(action: str) -> Iterator[None]:
    """Translate what boto3 raises in the block into ServiceError.

    Args:
        action: what the block does, as the end of "cannot …".

    Raises:
        ServiceError: a call failed; NoAnswerError, if nothing listens at the endpoint.
    """
    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(action, error) from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise ServiceError("There are no AWS credentials.", LOG_IN) from error
    except (exceptions.NoRegionError, exceptions.InvalidRegionError) as error:
        raise ServiceError(f"The Region is missing or wrong: {error}", "Use --region.") from error
    except exceptions.ProfileNotFound as error:
        raise ServiceError(f"{error}.", "Set AWS_PROFILE to one of `aws configure list-profiles`.") from error
    except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
        kind = NoAnswerError if isinstance(error, exceptions.EndpointConnectionError) else ServiceError
        raise kind(
            f"Nothing answers at {error.kwargs.get('endpoint_url')}.",
            "Check the network, the Region and AWS_ENDPOINT_URL.",
        ) from error
    except (exceptions.BotoCoreError, S3UploadFailedError) as error:
        raise ServiceError(f"Cannot {action}: {error}") from error


def _refused(action: str, error: exceptions.ClientError) -> ServiceError:
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "")
    if code in EXPIRED_CODES:
        return ServiceError("The AWS credentials have expired.", LOG_IN, code=code)
    if code in UNKNOWN_KEY_CODES:
        return ServiceError(f"AWS does not accept the credentials: {message}", LOG_IN, code=code)
    if code in DENIED_CODES:
        return ServiceError(f"These credentials may not {action}: {message}", code=code)
    return ServiceError(f"Cannot {action}: {code}: {message}", code=code)
