"""One Lambda execution environment: a process with the real runtime client, fed by a Runtime API served here.

The protocol is AWS's Runtime API, https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, TYPE_CHECKING, Any

from emulator.process_group import signal_group

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# AWS grants 10 s; this machine may be slower than theirs and busy with several at once.
INIT_SECONDS = 60.0
# What one invocation may print before the rest is dropped, so that a handler printing without end fills no memory.
MAX_OUTPUT_BYTES = 1_000_000


@dataclass(frozen=True)
class Outcome:
    """What one invocation came to.

    Attributes:
        payload: the response, or the error object when `failed`; JSON.
        failed: whether the handler, its import or its process failed.
        reusable: whether the sandbox can take another invocation.
        output: lines printed, with the time they were read at, in milliseconds since the epoch.
        seconds: how long the handler ran.
        init_seconds: how long the code took to load; None for a warm sandbox.
    """

    payload: bytes
    failed: bool
    reusable: bool
    seconds: float
    init_seconds: float | None = None
    output: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Event:
    request_id: str
    body: bytes
    deadline: int
    function_arn: str
    client_context: str


class Sandbox:
    """Runs one handler, one invocation at a time; it starts at once and lives until `close` or until it fails.

    Args:
        handler: `module.function`.
        task_root: directory with the unpacked code package.
        scratch: directory for its temporary files.
        environment: variables of the function and of the service; nothing else of this process's environment is seen.

    Attributes:
        environment: as given.
    """

    def __init__(self, handler: str, task_root: Path, scratch: Path, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._events: queue.Queue[_Event | None] = queue.Queue()
        self._answers: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._loaded = threading.Event()
        self._warm = False
        self._api = _ApiServer(("127.0.0.1", 0), _runtime_api(self._events, self._answers, self._loaded))
        threading.Thread(target=self._api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._started = time.monotonic()
        try:
            # -S: the site module would add the folders that this environment's .pth files name, such as a checkout of
            # this project, and a module missing from the package would be found there. -P: the package comes last.
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-m", "awslambdaric", handler],
                cwd=task_root,
                env={
                    **environment,
                    **_machine_environment(scratch),
                    "_HANDLER": handler,
                    "LAMBDA_TASK_ROOT": str(task_root),
                    "PYTHONPATH": os.pathsep.join([*_site_packages(), str(task_root)]),
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            self._stop_api()
            raise
        assert self._process.stdout is not None  # noqa: S101 - what stdout=PIPE promises
        self._output = _Output(self._process.stdout)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def alive(self) -> bool:
        """Whether the process is still there to take an invocation."""
        return self._process.poll() is None

    def invoke(
        self, request_id: str, body: bytes, *, seconds: float, function_arn: str, client_context: str = ""
    ) -> Outcome:
        """Hand one event to the handler and wait for its answer, at most `seconds`."""
        init = None
        if not self._warm:
            answer = self._wait_until_loaded(request_id)
            init = time.monotonic() - self._started
            self._warm = True
            if answer is not None:
                return self._outcome(*answer, seconds=0.0, init=init)
        started = time.monotonic()
        deadline = int((time.time() + seconds) * 1000)
        self._events.put(_Event(request_id, body, deadline, function_arn, client_context))
        try:
            kind, payload = self._answers.get(timeout=seconds)
        except queue.Empty:
            kind = "timeout"
            payload = failure_payload(
                "Sandbox.Timedout", request_id, f"Task timed out after {seconds:.2f} seconds"
            )
        else:
            if kind == "exit":
                payload = failure_payload("Runtime.ExitError", request_id, payload.decode())
        return self._outcome(kind, payload, seconds=time.monotonic() - started, init=init)

    def close(self) -> None:
        """End the process and all it started in its group; safe to call twice."""
        self._kill()
        self._events.put(None)
        self._stop_api()
        self._watcher.join()
        self._output.close()

    def _kill(self) -> None:
        signal_group(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _outcome(self, kind: str, payload: bytes, *, seconds: float, init: float | None) -> Outcome:
        reusable = kind in {"response", "error"}
        if not reusable:
            self._kill()
        output = self._output.take()
        if not reusable:
            self.close()
        return Outcome(
            payload=payload,
            failed=kind != "response",
            reusable=reusable,
            seconds=seconds,
            init_seconds=init,
            output=output,
        )

    def _wait_until_loaded(self, request_id: str) -> tuple[str, bytes] | None:
        """None when the code has loaded, else the kind and payload of the failure."""
        end = self._started + INIT_SECONDS
        while not self._loaded.wait(0.01):
            try:
                kind, payload = self._answers.get_nowait()
            except queue.Empty:
                if time.monotonic() > end:
                    return "timeout", failure_payload(
                        "Sandbox.Timedout", request_id, "the code did not load in time"
                    )
                continue
            if kind == "exit":
                return kind, failure_payload("Runtime.ExitError", request_id, payload.decode())
            return kind, payload
        return None

    def _watch(self) -> None:
        self._output.read_until_end(self._process)
        status = self._process.wait()
        reason = f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
        self._answers.put(("exit", f"Runtime exited with error: {reason}".encode()))

    def _stop_api(self) -> None:
        self._api.shutdown()
        self._api.server_close()


class _ApiServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        # A process that was ended in the middle of a request is no error of this server's.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _runtime_api(
    events: queue.Queue[_Event | None], answers: queue.Queue[tuple[str, bytes]], loaded: threading.Event
) -> type[BaseHTTPRequestHandler]:
    """Return the request handler of one sandbox's Runtime API."""

    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Give the next event: /2018-06-01/runtime/invocation/next."""
            loaded.set()
            event = events.get()
            if event is None:
                self.close_connection = True
                return
            headers = {
                "Lambda-Runtime-Aws-Request-Id": event.request_id,
                "Lambda-Runtime-Deadline-Ms": str(event.deadline),
                "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
            }
            if event.client_context:
                headers["Lambda-Runtime-Client-Context"] = event.client_context
            self._answer(200, event.body, headers)

        def do_POST(self) -> None:
            """Take the response, the error of an invocation, or the error of loading the code."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.endswith("/init/error"):
                answers.put(("init error", body))
            else:
                answers.put((self.path.rsplit("/", 1)[-1], body))
            self._answer(202, b"", {})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            lines = [f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}", "Content-Type: application/json"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            # In one piece: two small writes would wait for the peer's delayed acknowledgement.
            self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

        def log_message(self, *_arguments: Any) -> None:
            """Keep requests out of the terminal."""

    return RuntimeApi


class _Output:
    """What a process prints, read as it comes so that it never waits for a reader, and kept up to a bound."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._descriptor = stream.fileno()
        self._lock = threading.Lock()
        self._lines: list[tuple[int, str]] = []
        self._partial = b""
        self._kept = 0
        self._dropped = 0
        os.set_blocking(self._descriptor, False)

    def read_until_end(self, process: subprocess.Popen[bytes]) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while True:
            poll.poll(200)
            with self._lock:
                ended = self._read()
            # A grandchild in a session of its own may hold the pipe open for ever.
            if ended or process.poll() is not None:
                return

    def take(self) -> list[tuple[int, str]]:
        """Return the lines so far; what the process wrote before it answered is among them."""
        with self._lock:
            self._read()
            lines, self._lines = self._lines, []
            if self._partial:
                lines.append((_now(), self._text(self._partial)))
            if self._dropped:
                lines.append((_now(), f"{self._dropped} more bytes were printed and not kept"))
            self._partial, self._kept, self._dropped = b"", 0, 0
        return lines

    def close(self) -> None:
        with self._lock:
            self._stream.close()

    def _read(self) -> bool:
        """Read what is there, at most a few buffers; whether the end was reached."""
        if self._stream.closed:
            return True
        for _ in range(64):
            try:
                chunk = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return False
            if not chunk:
                return True
            room = max(0, MAX_OUTPUT_BYTES - self._kept)
            self._kept += len(chunk[:room])
            self._dropped += len(chunk[room:])
            *whole, self._partial = (self._partial + chunk[:room]).split(b"\n")
            self._lines += [(_now(), self._text(line)) for line in whole]
        return False

    @staticmethod
    def _text(line: bytes) -> str:
        # The runtime client writes the line breaks inside one message as carriage returns.
        return line.decode(errors="replace").replace("\r", "\n")


def _machine_environment(scratch: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
        # The user's own profile, keys and cache are not the function's.
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _site_packages() -> list[str]:
    paths = sysconfig.get_paths()
    return list(dict.fromkeys([paths["purelib"], paths["platlib"]]))


def failure_payload(kind: str, request_id: str, message: str) -> bytes:
    """Return the answer of a function whose process failed, in Lambda's words; `kind` is its errorType."""
    return json.dumps({"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {message}"}).encode()


def _now() -> int:
    return int(time.time() * 1000)
