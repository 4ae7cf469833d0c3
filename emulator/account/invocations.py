"""Makes invocations of functions fail, or their answers late or lost, as the account's plan says."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.account.faults import FaultMatcher
from emulator.account.plan import INVOKE
from emulator.sandbox import Outcome, failure_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.account.plan import Account, FunctionError
    from emulator.conditions import Invocation


class InvocationFaults:
    """The faults of an account that concern functions themselves."""

    def __init__(self, account: Account) -> None:
        self._faults = FaultMatcher(account, lambda fault: fault.function_error is not None)

    def invoke(self, invocation: Invocation, run: Callable[[], Outcome]) -> Outcome:
        """Return the outcome of an invocation, which is not run if it fails and its answer is not what gets lost."""
        body = invocation.event.decode("utf-8", "replace")
        counted_by = f"{invocation.function_name}\n{body}"
        fault = self._faults.happening(INVOKE, invocation.function_name, body, counted_by=counted_by)
        if fault is None or fault.function_error is None:
            return run()
        time.sleep(fault.delay_seconds)
        outcome = run() if fault.lost_answer else Outcome(b"", failed=True, reusable=True, seconds=0.0)
        return _broken(outcome, fault.function_error, invocation)


def _broken(outcome: Outcome, error: FunctionError, invocation: Invocation) -> Outcome:
    words = {
        "Sandbox.Timedout": f"Task timed out after {invocation.timeout:.2f} seconds",
        "Runtime.ExitError": "Runtime exited with error: signal: killed",
    }
    if (ended := words.get(error.error_type)) is not None:
        payload = failure_payload(error.error_type, invocation.request_id, error.error_message or ended)
        return replace(outcome, payload=payload, failed=True, reusable=False)
    raised = {
        "errorMessage": error.error_message,
        "errorType": error.error_type,
        "requestId": invocation.request_id,
        "stackTrace": [],
    }
    return replace(outcome, payload=json.dumps(raised).encode(), failed=True)
