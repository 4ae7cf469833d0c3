"""Lambda on this machine: functions run under the real runtime client, in sandboxes that stay warm.

Touches moto's private parts: the classes LambdaBackend and LambdaFunction, the module global that names the latter,
and a function's logs backend.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError

from emulator.conditions import Invocation
from emulator.moto_patches import replace
from emulator.sandbox import Outcome, Sandbox
from emulator.sandbox_pool import NoSandboxError, SandboxPool
from emulator.service_models import service_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.endpoint import EmulatorSettings
    from emulator.keys import Keys

MAX_PAYLOAD_BYTES = 6_291_456


class TooManyRequestsError(LambdaClientError):  # type: ignore[misc]  # moto is not followed by mypy
    """No sandbox became free in time."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


class RequestTooLargeError(LambdaClientError):  # type: ignore[misc]  # moto is not followed by mypy
    """The event is larger than Lambda takes."""

    code = 413

    def __init__(self, size: int) -> None:
        super().__init__(
            "RequestTooLargeException",
            f"Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation: it has {size}",
        )


class _Runtime:
    """What the functions of the running emulator share."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self.pool = SandboxPool()
        self.url, self.keys = settings.url, settings.keys
        self.conditions = settings.conditions
        self._directory = settings.work_dir / "functions"
        self._directory.mkdir()
        self._lock = threading.Lock()

    def task_root(self, code: bytes) -> Path:
        """Return the directory with `code` (a zip file) unpacked; made once for equal code."""
        directory = self._directory / hashlib.sha256(code).hexdigest()[:16] / "task"
        with self._lock:
            if not directory.is_dir():
                unpacked = self._directory / uuid.uuid4().hex
                with zipfile.ZipFile(io.BytesIO(code)) as archive:
                    archive.extractall(unpacked)
                directory.parent.mkdir()
                unpacked.rename(directory)
        return directory

    def scratch(self) -> Path:
        """Return a new directory for one sandbox's temporary files."""
        directory = self._directory / f"tmp-{uuid.uuid4().hex}"
        directory.mkdir()
        return directory


_runtime: _Runtime | None = None


def _running() -> _Runtime:
    if _runtime is None:
        raise RuntimeError("emulator.functions is not installed")
    return _runtime


class _Function(models.LambdaFunction):  # type: ignore[misc]  # moto is not followed by mypy
    """moto's function, with the configuration that moto drops."""

    def __init__(self, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
        self.logging = {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{spec['FunctionName']}",
            **(spec.get("LoggingConfig") or {}),
        }
        _require_python(spec.get("Runtime"), spec.get("PackageType", "Zip"))
        super().__init__(account_id=account_id, spec=spec, region=region, version=version)
        self.logs_group_name = self.logging["LogGroup"]
        self._require_code()

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        configuration: dict[str, Any] = super().get_configuration(on_create)
        configuration["LoggingConfig"] = dict(self.logging)
        configuration["LastModified"] = self.last_modified
        return configuration

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        updates = dict(config_updates)
        if "Runtime" in updates:
            _require_python(updates["Runtime"], self.package_type)
        if "Environment" in updates:
            updates["Environment"] = {"Variables": (updates["Environment"] or {}).get("Variables") or {}}
        if "LoggingConfig" in updates:
            self.logging = {**self.logging, **updates.pop("LoggingConfig")}
            self.logs_group_name = self.logging["LogGroup"]
        if "TracingConfig" in updates:
            self.tracing_config = updates.pop("TracingConfig")
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates.pop("EphemeralStorage")["Size"]
        super().update_configuration(updates)
        self.last_modified = models.iso_8601_datetime_with_nanoseconds()
        _running().pool.discard(f"{self.function_arn}@")
        return self.get_configuration()

    def update_function_code(self, updated_spec: dict[str, Any]) -> dict[str, Any]:
        if updated_spec.get("Architectures"):
            self.architectures = updated_spec["Architectures"]
        super().update_function_code(updated_spec)
        self._require_code()
        self.last_modified = models.iso_8601_datetime_with_nanoseconds()
        _running().pool.discard(f"{self.function_arn}@")
        return self.get_configuration()

    def _require_code(self) -> None:
        # moto takes an object that is not there for an empty package.
        if not hasattr(self, "code_bytes"):
            raise InvalidParameterValueException("Please provide a source for function code.")
        if not self.code_bytes:
            raise InvalidParameterValueException(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
                "S3 Error Message: The specified key does not exist."
            )
        if not zipfile.is_zipfile(io.BytesIO(self.code_bytes)):
            raise InvalidParameterValueException(
                "Could not unzip uploaded file. Please check your file, then try again."
            )


def _require_python(runtime: str | None, package_type: str) -> None:
    """Refuse functions that no sandbox here can run.

    Raises:
        InvalidParameterValueException: Lambda has no such runtime, or it is not Python's.
    """
    if package_type != "Zip":
        raise InvalidParameterValueException(
            f"This emulator does not play functions of PackageType {package_type}: it runs packages for Python."
        )
    shape: Any = service_model("lambda").shape_for("Runtime")
    runtimes = shape.enum
    if runtime is None or runtime not in runtimes:
        raise InvalidParameterValueException(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(runtimes)}] or be a valid ARN"
        )
    if not runtime.startswith("python3"):
        raise InvalidParameterValueException(
            f"This emulator does not play functions of the runtime {runtime}: it runs Python 3 alone."
        )


class _Backend(models.LambdaBackend):  # type: ignore[misc]  # moto is not followed by mypy
    """moto's Lambda, whose functions really run."""

    # moto derives the module with this service's URLs from the class's module.
    __module__ = models.LambdaBackend.__module__

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        arn = self.get_function(function_name, qualifier).function_arn
        super().delete_function(function_name, qualifier)
        _running().pool.discard(f"{arn}@")

    def invoke(
        self, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes | None:
        function = self.get_function(function_name, qualifier)
        event = _event(body)
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return b""
        context = headers.get("X-Amz-Client-Context", "")
        if context:
            context = base64.b64decode(context).decode()
        if kind == "Event":
            threading.Thread(target=_invoke_in_background, args=(function, event, context), daemon=True).start()
            return b""
        outcome, lines = _invoke(function, event, context)
        response_headers["x-amz-executed-version"] = str(function.version)
        response_headers["x-amz-log-result"] = base64.b64encode("".join(lines).encode()[-4096:]).decode()
        if outcome.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["Content-Length"] = str(len(outcome.payload))
        return outcome.payload


def _event(body: Any) -> bytes:
    """Return the request's body as the event.

    Raises:
        LambdaClientError: it is no JSON, or too large.
    """
    event = body.encode() if isinstance(body, str) else bytes(body or b"")
    if len(event) > MAX_PAYLOAD_BYTES:
        raise RequestTooLargeError(len(event))
    try:
        json.loads(event or b"{}")
    except ValueError as error:
        raise LambdaClientError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error
    return event or b"{}"


def _invoke_in_background(function: Any, event: bytes, context: str) -> None:
    try:
        _invoke(function, event, context)
    except TooManyRequestsError:
        # The caller has had its answer; AWS would keep the event and try again later.
        return


def _invoke(function: Any, event: bytes, context: str) -> tuple[Outcome, list[str]]:
    """Run one event; its outcome, and the lines of its log, which are in CloudWatch Logs as well."""
    request_id = str(uuid.uuid4())
    stream = ""

    def run() -> Outcome:
        nonlocal stream
        outcome, stream = _run(function, event, context, request_id)
        return outcome

    invocation = Invocation(function.function_name, event, request_id, function.timeout)
    outcome = _running().conditions.invoke(invocation, run)
    lines = list(_log(function, request_id, outcome))
    _write_log(function, stream or _log_stream(function), lines)
    return outcome, [f"{line}\n" for _, line in lines]


def _run(function: Any, event: bytes, context: str, request_id: str) -> tuple[Outcome, str]:
    """Run one event in a sandbox; its outcome, and the log stream of that sandbox."""
    runtime = _running()
    code = hashlib.sha256(function.code_bytes).hexdigest()
    key = f"{function.function_arn}@{code}@{function.last_modified}"

    def start() -> Sandbox:
        return Sandbox(
            function.handler,
            runtime.task_root(function.code_bytes),
            runtime.scratch(),
            _environment(function, runtime.url, runtime.keys),
        )

    try:
        sandbox = runtime.pool.take(key, start)
    except NoSandboxError as error:
        raise TooManyRequestsError from error
    try:
        outcome = sandbox.invoke(
            request_id,
            event,
            seconds=float(function.timeout),
            function_arn=function.function_arn,
            client_context=context,
        )
    except BaseException:
        runtime.pool.give_back(key, sandbox, reusable=False)
        raise
    runtime.pool.give_back(key, sandbox, reusable=outcome.reusable)
    return outcome, sandbox.environment["AWS_LAMBDA_LOG_STREAM_NAME"]


def _log_stream(function: Any) -> str:
    """Return a new name of the log stream of a sandbox."""
    return f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{function.version}]{uuid.uuid4().hex}"


def _environment(function: Any, url: str, keys: Keys) -> dict[str, str]:
    """Return the function's own variables under those that Lambda reserves."""
    logging = function.logging
    variables = {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        # Not the template's to choose: a function here must never reach AWS.
        "AWS_ENDPOINT_URL": url,
        **keys.variables,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": _log_stream(function),
        "AWS_LAMBDA_LOG_FORMAT": logging["LogFormat"],
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
    }
    if "ApplicationLogLevel" in logging:
        variables["AWS_LAMBDA_LOG_LEVEL"] = logging["ApplicationLogLevel"]
    return {**{name: str(value) for name, value in function.environment_vars.items()}, **variables}


def _log(function: Any, request_id: str, outcome: Outcome) -> Iterator[tuple[int, str]]:
    """Return the lines Lambda writes for one invocation, in its text format."""
    end = int(time.time() * 1000)
    started = end - int(outcome.seconds * 1000)
    yield started, f"START RequestId: {request_id} Version: {function.version}"
    yield from ((max(started, when), line) for when, line in outcome.output)
    if outcome.failed and not outcome.reusable:
        yield end, json.loads(outcome.payload).get("errorMessage", "")
    yield end, f"END RequestId: {request_id}"
    milliseconds = outcome.seconds * 1000
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tBilled Duration: {int(milliseconds) + 1} ms"
        f"\tMemory Size: {function.memory_size} MB"
    )
    yield end, report + (f"\tInit Duration: {outcome.init_seconds * 1000:.2f} ms" if outcome.init_seconds else "")


def _write_log(function: Any, stream: str, lines: list[tuple[int, str]]) -> None:
    logs = function.logs_backend
    logs.ensure_log_group(function.logs_group_name)
    logs.ensure_log_stream(function.logs_group_name, stream)
    logs.put_log_events(
        function.logs_group_name, stream, [{"timestamp": when, "message": line} for when, line in lines]
    )


def install(settings: EmulatorSettings) -> None:
    """Make moto's Lambda run its functions, for the emulator with these settings."""
    # moto makes its backends itself, so they can be handed nothing.
    global _runtime
    _runtime = _Runtime(settings)
    replace(models, "LambdaFunction", _Function)
    replace(models.lambda_backends, "backend", _Backend)
    models.lambda_backends.clear()


def shutdown() -> None:
    """End every sandbox."""
    if _runtime is not None:
        _runtime.pool.close()
