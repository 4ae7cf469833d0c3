"""Talks to a serving container: /ping, /execution-parameters, /invocations."""

from __future__ import annotations

import http.client
import json
import queue
import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sagemaker.splitting import Payload

_LOOPBACK = "127.0.0.1"
# An answer larger than this waits on disk for its turn.
_ANSWER_MEMORY = 2**20
_ERROR_BYTES = 8 * 2**10
_PARAMETER_SECONDS = 30.0


class NoAnswerError(Exception):
    """The container did not answer a request: no connection, a broken one, or not in time."""


class BadStatusError(Exception):
    """The container answered a request with something else than 2xx.

    Attributes:
        status: the HTTP status.
        body: the beginning of the answer.
    """

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.body = body


@dataclass(frozen=True)
class ExecutionParameters:
    """How a container wants to be called; None where it does not say."""

    max_concurrent_transforms: int | None = None
    batch_strategy: str | None = None
    max_payload_in_mb: int | None = None


class ServingClient:
    """HTTP to one serving container; connections are kept and used again, by several threads at once."""

    def __init__(self, port: int, answers: Path) -> None:
        """Know where the container listens.

        Args:
            port: on this machine.
            answers: directory for large answers.
        """
        self._port = port
        self._answers = answers
        self._idle: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()

    def ping(self, seconds: float) -> bool:
        """Whether GET /ping answers 200 within `seconds`."""
        connection = http.client.HTTPConnection(_LOOPBACK, self._port, timeout=seconds)
        try:
            connection.request("GET", "/ping")
            with connection.getresponse() as response:
                return response.status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def execution_parameters(self) -> ExecutionParameters:
        """Return what GET /execution-parameters says; nothing when the container has no such page or answers nonsense."""
        connection = http.client.HTTPConnection(_LOOPBACK, self._port, timeout=_PARAMETER_SECONDS)
        try:
            connection.request("GET", "/execution-parameters")
            with connection.getresponse() as response:
                found = json.loads(response.read()) if response.status == http.HTTPStatus.OK else {}
        except (OSError, http.client.HTTPException, ValueError):
            return ExecutionParameters()
        finally:
            connection.close()
        return _read_parameters(found)

    def invoke(self, payload: Payload, headers: dict[str, str], seconds: float) -> BinaryIO:
        """POST /invocations; answers the body as a file at its beginning, to be closed by the caller.

        Args:
            payload: the body.
            headers: besides Content-Length.
            seconds: the longest silence.

        Raises:
            NoAnswerError: there is no answer.
            BadStatusError: it is not 2xx.
        """
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            return self._invoke_on(self._connect(seconds), payload, headers)
        try:
            return self._invoke_on(connection, payload, headers)
        except NoAnswerError as error:
            # The container may have closed an idle connection; this says nothing about the request.
            if isinstance(error.__cause__, TimeoutError):
                raise
            return self._invoke_on(self._connect(seconds), payload, headers)

    def close(self) -> None:
        """Close idle connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(_LOOPBACK, self._port, timeout=seconds)

    def _invoke_on(
        self, connection: http.client.HTTPConnection, payload: Payload, headers: dict[str, str]
    ) -> BinaryIO:
        # Handed to the caller, who reads it and closes it.
        answer = tempfile.SpooledTemporaryFile(max_size=_ANSWER_MEMORY, dir=str(self._answers))  # noqa: SIM115
        try:
            self._send(connection, payload, headers)
            response = connection.getresponse()
            refusal = None if 200 <= response.status < 300 else response.read(_ERROR_BYTES)
            if refusal is None:
                shutil.copyfileobj(response, answer)
            keep = refusal is None and not response.will_close
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            answer.close()
            raise NoAnswerError(str(error) or type(error).__name__) from error
        if keep:
            self._idle.put(connection)
        else:
            connection.close()
        if refusal is not None:
            answer.close()
            raise BadStatusError(response.status, refusal)
        answer.seek(0)
        return cast("BinaryIO", answer)

    @staticmethod
    def _send(connection: http.client.HTTPConnection, payload: Payload, headers: dict[str, str]) -> None:
        if payload.file is None:
            connection.request("POST", "/invocations", body=payload.content, headers=headers)
            return
        with payload.file.open("rb") as body:
            length = str(payload.file.stat().st_size)
            connection.request("POST", "/invocations", body=body, headers={**headers, "Content-Length": length})


def _read_parameters(found: Any) -> ExecutionParameters:
    if not isinstance(found, dict):
        return ExecutionParameters()
    strategy = str(found.get("BatchStrategy", "")).replace("_", "").lower()
    return ExecutionParameters(
        max_concurrent_transforms=_positive(found.get("MaxConcurrentTransforms")),
        batch_strategy={"singlerecord": "SingleRecord", "multirecord": "MultiRecord"}.get(strategy),
        max_payload_in_mb=_positive(found.get("MaxPayloadInMB")),
    )


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
