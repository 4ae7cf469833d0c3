"""Sends a transform job's requests, several at once, and writes their answers in order."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from emulator.sagemaker.assembling import JoinError, choose_assembler
from emulator.sagemaker.errors import JobFailedError
from emulator.sagemaker.rules import MAX_TRANSFORM_MEMORY_MB
from emulator.sagemaker.serving import BadStatusError, NoAnswerError
from emulator.sagemaker.splitting import PayloadTooLargeError, split_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from emulator.sagemaker.control import JobControl
    from emulator.sagemaker.serving import ExecutionParameters, ServingClient
    from emulator.sagemaker.splitting import Payload

SEE_LOGS = "See job logs for more information"
_MEBIBYTE = 2**20
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True)
class RequestSettings:
    """How requests are cut and sent: what the job says, else what the container says, else AWS's defaults.

    Attributes:
        split_type: None or Line.
        strategy: SingleRecord or MultiRecord.
        max_payload_in_mb: 0 is without bound.
        concurrency: requests at once.
        headers: Content-Type and Accept, where given.
        assemble_with: None or Line.
        join_source: None or Input.
        timeout: seconds for one answer.
        retries: further attempts of a request that got no answer or a 5xx.
    """

    split_type: str
    strategy: str
    max_payload_in_mb: int
    concurrency: int
    headers: dict[str, str]
    assemble_with: str
    join_source: str
    timeout: float
    retries: int

    @classmethod
    def choose(cls, request: dict[str, Any], container: ExecutionParameters) -> RequestSettings:
        """From a CreateTransformJob request and the container's /execution-parameters."""
        source, output = request["TransformInput"], request["TransformOutput"]
        client = request.get("ModelClientConfig", {})
        payload = request.get("MaxPayloadInMB", container.max_payload_in_mb or 6)
        concurrency = request.get("MaxConcurrentTransforms") or container.max_concurrent_transforms or 1
        if payload:
            # What the container asks for must fit as well.
            payload = min(payload, MAX_TRANSFORM_MEMORY_MB)
            concurrency = max(1, min(concurrency, MAX_TRANSFORM_MEMORY_MB // payload))
        headers = {"Content-Type": source.get("ContentType"), "Accept": output.get("Accept")}
        return cls(
            split_type=source.get("SplitType", "None"),
            strategy=request.get("BatchStrategy") or container.batch_strategy or "MultiRecord",
            max_payload_in_mb=payload,
            concurrency=concurrency,
            headers={name: value for name, value in headers.items() if value},
            assemble_with=output.get("AssembleWith", "None"),
            join_source=request.get("DataProcessing", {}).get("JoinSource", "None"),
            timeout=client.get("InvocationsTimeoutInSeconds", 600),
            retries=client.get("InvocationsMaxRetries", 3),
        )

    @property
    def max_bytes(self) -> int | None:
        """The largest request; None is without bound."""
        return self.max_payload_in_mb * _MEBIBYTE or None


@dataclass(frozen=True)
class InputFile:
    """One input file on disk.

    Attributes:
        file: unpacked.
        output: where its `.out` file is written.
        label: `bucket/key`, as the log names it.
    """

    file: Path
    output: Path
    label: str


@dataclass
class _Open:
    """An output file that is being written."""

    source: InputFile
    stream: BinaryIO


@dataclass(frozen=True)
class _Sent:
    """A request under way; without payload it marks the end of its file."""

    target: _Open
    payload: Payload | None = None
    answer: Future[BinaryIO] | None = None


class RequestSender:
    """Sends the requests of one job; one thread calls it, a pool of `concurrency` threads waits for answers."""

    def __init__(
        self, settings: RequestSettings, client: ServingClient, control: JobControl, say: Callable[[str], None]
    ) -> None:
        """Prepare to send.

        Args:
            settings: how.
            client: to the container.
            control: of the job.
            say: takes lines for the data log.
        """
        self._settings = settings
        self._client = client
        self._control = control
        self._say = say
        self._assembler = choose_assembler(settings.assemble_with, settings.join_source)
        self._over = threading.Event()
        self._sent: deque[_Sent] = deque()
        self._finished: list[InputFile] = []

    def send(self, inputs: Iterable[InputFile]) -> tuple[list[InputFile], JobFailedError | None]:
        """Send all requests of all files; answers the files whose output is whole, and why it went no further.

        A stop shows as a failure here, because it ends the container.
        """
        pool = ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="sagemaker-request")
        opened: list[_Open] = []
        try:
            for target, payload in self._requests(inputs, opened):
                while len(self._sent) >= self._settings.concurrency:
                    self._collect()
                answer = None if payload is None else pool.submit(self._invoke, payload)
                self._sent.append(_Sent(target, payload, answer))
            while self._sent:
                self._collect()
        except JobFailedError as failure:
            return self._finished, failure
        finally:
            # Not waited for: the caller ends the container, which ends whatever is still under way.
            self._over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for target in opened:
                target.stream.close()
        return self._finished, None

    def _requests(
        self, inputs: Iterable[InputFile], opened: list[_Open]
    ) -> Iterator[tuple[_Open, Payload | None]]:
        settings = self._settings
        for source in inputs:
            source.output.parent.mkdir(parents=True, exist_ok=True)
            target = _Open(source, source.output.open("wb"))
            opened.append(target)
            try:
                for payload in split_file(source.file, settings.split_type, settings.strategy, settings.max_bytes):
                    yield target, payload
            except PayloadTooLargeError:
                # Requests that were sent before are still valid.
                while self._sent:
                    self._collect()
                self._say(f"{source.label}: Too much data for max payload size")
                raise JobFailedError(f"ClientError: {SEE_LOGS}") from None
            yield target, None

    def _collect(self) -> None:
        """Write the answer of the oldest request."""
        sent = self._sent.popleft()
        target = sent.target
        if sent.payload is None or sent.answer is None:
            target.stream.close()
            self._finished.append(target.source)
            return
        label = target.source.label
        try:
            with sent.answer.result() as answer:
                self._assembler.add(sent.payload, answer, target.stream)
        except BadStatusError as error:
            is_client = error.status in _CLIENT_ERRORS
            self._say(f"{label}: ClientError: {error.status}" if is_client else _bad_status(label, error.status))
            for line in ("", "Message:", *error.body.decode(errors="replace").splitlines()):
                self._say(f"{label}: {line}")
            raise JobFailedError(f"{'ClientError' if is_client else 'AlgorithmError'}: {SEE_LOGS}") from error
        except NoAnswerError as error:
            self._say(f"{label}: Unable to get response from algorithm: {error}")
            raise JobFailedError(f"AlgorithmError: {SEE_LOGS}") from error
        except JoinError as error:
            self._say(f"{label}: Fail to join data: {error}")
            raise JobFailedError(f"AlgorithmError: {SEE_LOGS}") from error

    def _invoke(self, payload: Payload) -> BinaryIO:
        settings = self._settings
        for _attempt in range(settings.retries):
            try:
                return self._client.invoke(payload, settings.headers, settings.timeout)
            except NoAnswerError:
                if self._over.is_set() or self._control.stopping:
                    raise
            except BadStatusError as error:
                if error.status in _CLIENT_ERRORS or self._over.is_set():
                    raise
        return self._client.invoke(payload, settings.headers, settings.timeout)


def _bad_status(label: str, status: int) -> str:
    return f"{label}: Bad HTTP status received from algorithm: {status}"
