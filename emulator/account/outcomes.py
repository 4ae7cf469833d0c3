"""How each job's run goes, by the account's plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.account.faults import FaultMatcher
from emulator.account.plan import JobOutcome

if TYPE_CHECKING:
    from emulator.account.plan import Account
    from emulator.sagemaker.jobs import Job

_UNDISTURBED = JobOutcome()


class Outcomes:
    """The faults of an account that concern jobs' runs."""

    def __init__(self, account: Account) -> None:
        self._faults = FaultMatcher(account, lambda fault: fault.job is not None)

    def of_run(self, job: Job) -> JobOutcome:
        """How the run of `job` goes; called when it begins, and when RetryStrategy has it begin again."""
        if not self._faults:
            return _UNDISTURBED
        fault = self._faults.happening(f"{job.kind.noun}Job", job.name)
        return fault.job if fault is not None and fault.job is not None else _UNDISTURBED
