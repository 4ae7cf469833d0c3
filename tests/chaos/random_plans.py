"""Draws accounts in which anything may go wrong, except what keeps a run from ever being summed up."""

from __future__ import annotations

from hypothesis import strategies as st

from emulator.account.plan import (
    CAPACITY_ERROR,
    INTERNAL_SERVER_ERROR,
    INVOKE,
    TRAINING_RUN,
    TRANSFORM_RUN,
    Account,
    ApiError,
    Fault,
    JobOutcome,
)
from tests.chaos.scenario import (
    BROKEN,
    DENIED,
    DIED,
    FORBIDDEN,
    INVALID,
    QUOTA_FULL,
    SERVICE_EXCEPTION,
    SLOW_DOWN,
    THROTTLED,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    failed,
)
from tests.chaos.stage import account_of

ITEMS = [f"item-{letter}" for letter in "abcdefgh"]
# SummarizeRun's client makes one attempt more; what is refused for longer stays, as nobody could remove it.
REMOVAL_ATTEMPTS = 2

_some_item = st.sampled_from(ITEMS)
_creation_errors = st.sampled_from([THROTTLED, QUOTA_FULL, DENIED, INVALID, BROKEN, UNAVAILABLE])
_removal_errors = st.sampled_from([THROTTLED, BROKEN, UNAVAILABLE])
_object_errors = st.sampled_from([SLOW_DOWN, FORBIDDEN, BROKEN])


def _first(most: int) -> st.SearchStrategy[list[int]]:
    """Return the first so many attempts."""
    return st.integers(1, most).map(lambda count: list(range(1, count + 1)))


@st.composite
def _creations(draw: st.DrawFn) -> Fault:
    """Return plans in which a job is not created, for a while, for good or by chance; or it is, and nobody hears of it."""
    kind = draw(st.sampled_from(["training-job", "batch-transform-job"]))
    action = {"training-job": "CreateTrainingJob", "batch-transform-job": "CreateTransformJob"}[kind]
    name = f"{kind}-{draw(_some_item)}-*"
    match draw(st.sampled_from(["attempts", "always", "chance", "lost"])):
        case "attempts":
            return Fault(action=action, name=name, error=draw(_creation_errors), attempts=draw(_first(12)))
        case "always":
            # A full quota is waited for too long to be drawn.
            return Fault(action=action, name=name, error=draw(st.sampled_from([THROTTLED, DENIED, BROKEN])))
        case "chance":
            return Fault(action=action, error=draw(_creation_errors), probability=draw(st.floats(0.1, 0.5)))
        case _:
            attempts = [draw(st.sampled_from([1, 2, 3, 8]))]
            return Fault(action=action, name=name, attempts=attempts, error=BROKEN, lost_answer=True)


@st.composite
def _removals(draw: st.DrawFn) -> Fault:
    """Return plans in which a job is not stopped, or a model not removed, when it should be."""
    action = draw(st.sampled_from(["StopTrainingJob", "StopTransformJob", "DeleteModel"]))
    name = draw(st.one_of(st.just("*"), _some_item.map(lambda item: f"*-{item}-*")))
    return Fault(action=action, name=name, error=draw(_removal_errors), attempts=draw(_first(REMOVAL_ATTEMPTS)))


@st.composite
def _job_runs(draw: st.DrawFn) -> Fault:
    """Return plans in which a job ends otherwise than it should, or late."""
    action = draw(st.sampled_from([TRAINING_RUN, TRANSFORM_RUN]))
    outcomes = [
        failed("AlgorithmError: no rows, exit code: 1"),
        failed(CAPACITY_ERROR),
        failed(INTERNAL_SERVER_ERROR),
        JobOutcome(status="Stopped"),
        JobOutcome(start_seconds=600),
        JobOutcome(run_seconds=900),
        # A transform job that is Completed has written its answers.
        *([JobOutcome(without_artifact=True)] if action == TRAINING_RUN else []),
    ]
    outcome = draw(st.sampled_from(outcomes))
    if draw(st.booleans()):
        return Fault(action=action, job=outcome, probability=draw(st.floats(0.1, 0.4)))
    return Fault(action=action, name=f"*-{draw(_some_item)}-*", job=outcome)


@st.composite
def _invocations(draw: st.DrawFn) -> Fault:
    """Return plans in which a function is not reached, dies, or is not heard of."""
    error: ApiError | None = draw(st.sampled_from([TOO_MANY_REQUESTS, SERVICE_EXCEPTION, None]))
    function = None if error else draw(st.sampled_from([TIMED_OUT, DIED]))
    lost = draw(st.booleans())
    if draw(st.booleans()):
        # The steps of the run itself get through in the end.
        name, attempts = draw(st.sampled_from(["*PrepareRun*", "*SummarizeRun*"])), draw(_first(3))
        return Fault(
            action=INVOKE, name=name, attempts=attempts, error=error, function_error=function, lost_answer=lost
        )
    return Fault(
        action=INVOKE,
        name=draw(st.sampled_from(["*CreateModel*", "*FollowJob*"])),
        probability=draw(st.floats(0.1, 0.9)),
        error=error,
        function_error=function,
        lost_answer=lost,
    )


@st.composite
def _objects(draw: st.DrawFn) -> Fault:
    """Return plans in which a record, an item's latest.json or the work list is not written or read at first."""
    action, key = draw(
        st.sampled_from([
            ("PutObject", "runs/*/records/*.json"),
            ("PutObject", f"runs/*/records/{draw(st.integers(0, len(ITEMS) - 1))}.json"),
            ("PutObject", "analysis_predicted/*/latest.json"),
            ("GetObject", "analysis_predicted/*/latest.json"),
            ("GetObject", "runs/*/items.json"),
            ("HeadObject", "analysis_predicted/*/model.tar.gz"),
        ])
    )  # fmt: skip
    lost = draw(st.booleans()) and action == "PutObject"
    # The work list is read by what makes the manifest, too; there, only what passes is got over.
    error = SLOW_DOWN if action != "PutObject" else BROKEN if lost else draw(_object_errors)
    return Fault(action=action, name=f"*/{key}", attempts=draw(_first(8)), error=error, lost_answer=lost)


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Return an account with some of all this."""
    kinds = st.one_of(_creations(), _removals(), _job_runs(), _invocations(), _objects())
    faults = draw(st.lists(kinds, min_size=4, max_size=12))
    return account_of(faults, seed=draw(st.integers(0, 2**32 - 1)))
