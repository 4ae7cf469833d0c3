"""Stands before every API: refuses what comes too fast, and does what the plan says goes wrong."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any

from emulator.account.answers import broken, refusal, throttle
from emulator.account.calls import LAMBDA, S3, Call, identify
from emulator.account.faults import FaultMatcher
from emulator.account.rates import RateLimiter
from emulator.clock import Clock
from emulator.wsgi import Answer, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.account.plan import Account, Fault

    _Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class AccountGate:
    """A WSGI application around the emulator's own.

    Args:
        application: what answers a call to which nothing happens.
        account: whose rates and faults hold.
    """

    def __init__(self, application: _Application, account: Account) -> None:
        self._application = application
        self._rates = RateLimiter(account.rates, Clock(account.time_scale))
        self._faults = FaultMatcher(account, lambda one: one.job is None and one.function_error is None)
        self._idle = not self._rates and not self._faults
        self._closed = threading.Event()

    def close(self) -> None:
        """Let no answer wait any longer."""
        self._closed.set()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        call = None if self._idle else identify(environ)
        if call is None:
            return self._application(environ, start_response)
        if self._rates and not self._rates.admits(call.action, call.region):
            return _send(refusal(call, throttle(call)), start_response)
        fault = self._fault(call, environ) if self._faults.concerns(call.action) else None
        if fault is None:
            return self._application(environ, start_response)
        if fault.delay_seconds:
            self._closed.wait(fault.delay_seconds)
        if fault.lost_answer:
            ask(self._application, environ)
            return _send(refusal(call, fault.error or broken(call)), start_response)
        if fault.error is not None:
            return _send(refusal(call, fault.error), start_response)
        return self._application(environ, start_response)

    def _fault(self, call: Call, environ: dict[str, Any]) -> Fault | None:
        if call.service == S3:
            return self._faults.happening(call.action, call.name)
        body = _read_body(environ)
        counted_by = f"{call.name}\n{body}" if call.service == LAMBDA else None
        return self._faults.happening(call.action, call.name_in(body), body, counted_by=counted_by)


def _read_body(environ: dict[str, Any]) -> str:
    """Return the request's body, which can be read once more afterwards."""
    if not environ.get("CONTENT_LENGTH"):
        return ""
    content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(content)
    text: str = content.decode("utf-8", "replace")
    return text


def _send(answer: Answer, start_response: Callable[..., Any]) -> list[bytes]:
    start_response(answer.status, answer.headers)
    return [answer.body]
