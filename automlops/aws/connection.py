"""Talks to AWS, or to the emulator in its place, and puts what goes wrong there into plain words, once."""

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

from automlops.errors import CommandError, NobodyAnswersError, ServiceError
from pipeline.aws.clients import PARALLEL_REQUESTS

DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN_KEY_CODES = frozenset({
    "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException",
})  # fmt: skip
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LOG_IN = "Log in again, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."


@dataclass(frozen=True)
class Connection:
    """Whom the command talks to.

    Attributes:
        session: boto3 session with credentials and Region.
        region: the Region.
        endpoint_url: the emulator's URL; None is AWS.
    """

    session: boto3.session.Session
    region: str
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        """A boto3 client for `service` (boto3's name)."""
        config = Config(
            user_agent_extra="automlops",
            connect_timeout=10,
            read_timeout=60,
            # What reads a run's records does so in as many threads.
            max_pool_connections=PARALLEL_REQUESTS,
            retries={"mode": "standard", "total_max_attempts": 3 if self.endpoint_url else 6},
        )
        if self.endpoint_url:
            # A proxy could not reach this machine's loopback, nor a bucket's name resolve there.
            config = config.merge(Config(proxies={}, s3={"addressing_style": "path"}))
        # boto3's stubs know each service by a literal only.
        make_client: Any = self.session.client
        with service_errors(f"use {service}"):
            return make_client(service, endpoint_url=self.endpoint_url, config=config)

    @property
    def on_this_machine(self) -> bool:
        """Whether the endpoint is on this machine, so that a refused connection means that it has ended."""
        return bool(self.endpoint_url) and urlsplit(self.endpoint_url).hostname in LOOPBACK

    @property
    def place(self) -> str:
        """Where this is, for messages."""
        return f"{self.region} at {self.endpoint_url}" if self.endpoint_url else self.region


def connect(environment: Mapping[str, str], region: str | None = None) -> Connection:
    """A connection with the credentials that boto3 finds by itself.

    Args:
        environment: the process's variables; AWS_ENDPOINT_URL and AWS_REGION are looked up here.
        region: wins over the environment and the profile.

    Raises:
        CommandError: no Region is set anywhere.
        ServiceError: the profile does not exist.
    """
    with service_errors("start a session"):
        session = boto3.session.Session(region_name=region or environment.get("AWS_REGION") or None)
        found = session.region_name
    if not found:
        raise CommandError("No Region is set.", "Use --region, or set AWS_REGION.")
    return Connection(session, found, environment.get("AWS_ENDPOINT_URL") or None)


def connect_emulator(url: str) -> Connection:
    """A connection to the emulator at `url`, untouched by the user's own profile, keys and proxy."""
    from emulator.endpoint import DEFAULT_REGION, isolated_session

    return Connection(isolated_session(DEFAULT_REGION), DEFAULT_REGION, url)


@contextmanager
def service_errors(action: str) -> Iterator[None]:
    """Turns what boto3 raises inside into ServiceError.

    Args:
        action: what was tried, as the end of "cannot …".
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
        kind = NobodyAnswersError if isinstance(error, exceptions.EndpointConnectionError) else ServiceError
        raise kind(
            f"Nobody answers at {error.kwargs.get('endpoint_url')}.",
            "Check the network, the Region and AWS_ENDPOINT_URL.",
        ) from error
    except (exceptions.BotoCoreError, S3UploadFailedError) as error:
        raise ServiceError(f"Cannot {action}: {error}") from error


def _refused(action: str, error: exceptions.ClientError) -> ServiceError:
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", ""), answer.get("Message", "")
    if code in EXPIRED_CODES:
        return ServiceError("The AWS credentials have expired.", LOG_IN, code=code)
    if code in UNKNOWN_KEY_CODES:
        return ServiceError(f"AWS does not accept the credentials: {message}", LOG_IN, code=code)
    if code in DENIED_CODES:
        return ServiceError(f"These credentials may not {action}: {message}", code=code)
    return ServiceError(f"Cannot {action}: {code}: {message}", code=code)
