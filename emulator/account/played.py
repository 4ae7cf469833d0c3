"""An account that is played by its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.account.gate import AccountGate
from emulator.account.instance_quotas import InstanceQuotas
from emulator.account.invocations import InvocationFaults
from emulator.account.outcomes import Outcomes
from emulator.account.stand_in import StandIns
from emulator.clock import Clock
from emulator.conditions import Conditions
from emulator.service_quotas import quota_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.account.plan import Account, JobOutcome
    from emulator.conditions import Application, Invocation
    from emulator.endpoint import EmulatorSettings
    from emulator.sagemaker.jobs import Job, TrainingJob, TransformJob
    from emulator.sandbox import Outcome


class PlayedAccount(Conditions):
    """The conditions of one account; each emulator that starts with it finds it unused."""

    def __init__(self, plan: Account) -> None:
        self._plan = plan
        self.clock = Clock(plan.time_scale)
        self.instance_quotas = {quota_name(one.instance_type, one.use): one.limit for one in plan.quotas}
        self._prepare()

    def _prepare(self) -> None:
        self._gate: AccountGate | None = None
        self._quotas = InstanceQuotas(self.instance_quotas)
        self._invocations = InvocationFaults(self._plan)
        self._outcomes = Outcomes(self._plan)
        jobs = self._plan.jobs
        self._stand_ins = StandIns(jobs, self.clock, self._outcomes) if jobs else None

    def start(self, settings: EmulatorSettings) -> None:
        """Forget what was counted for an earlier emulator."""
        del settings
        self._prepare()

    def shut_down(self, seconds: float) -> None:
        """End the jobs that run no image."""
        if self._stand_ins is not None:
            self._stand_ins.shut_down(seconds)

    def stand_before(self, application: Application) -> Application:
        """Return the account's gate."""
        self._gate = AccountGate(application, self._plan)
        return self._gate

    def release(self) -> None:
        """Let no answer wait any longer."""
        if self._gate is not None:
            self._gate.close()

    def invoke(self, invocation: Invocation, run: Callable[[], Outcome]) -> Outcome:
        """Return the outcome of an invocation by the plan's faults."""
        return self._invocations.invoke(invocation, run)

    def take_instances(self, job: Job, region: str) -> None:
        """Take a job's instances from the quotas, until it ends."""
        self._quotas.take(job, region)

    def run_job(self, job: TrainingJob | TransformJob, account: str, region: str) -> bool:
        """Run a job without its image, if the plan says so."""
        if self._stand_ins is None:
            return False
        self._stand_ins.start(job, account, region)
        return True

    def course_of(self, job: Job) -> JobOutcome:
        """Return how the run of `job` goes by the plan's faults."""
        return self._outcomes.of_run(job)
