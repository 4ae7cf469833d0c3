"""What an account is like: the plan that an emulator is started with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

# What a fault names instead of an API's action when it is a job's run that goes wrong.
TRAINING_RUN = "TrainingJob"
TRANSFORM_RUN = "TransformJob"
JOB_RUNS = (TRAINING_RUN, TRANSFORM_RUN)
INVOKE = "Invoke"
CAPACITY_ERROR = (
    "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type."
)
INTERNAL_SERVER_ERROR = "InternalServerError: We encountered an internal error. Please try again."

Use = Literal["training", "spot training", "transform"]

_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(ge=0)]
_Entry = TypeVar("_Entry")


def _check_not_empty(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _check_instance_type(text: str) -> str:
    if not text.startswith("ml."):
        raise ValueError("must begin with `ml.`")
    return text


def _check_action(action: str, info: ValidationInfo) -> str:
    # A file brings the check as the context. Code does without: the check loads AWS's descriptions of its services.
    if info.context is not None:
        info.context(action)
    return action


def _check_action_or_run(action: str, info: ValidationInfo) -> str:
    return action if action in JOB_RUNS else _check_action(action, info)


def _tuple_schema(sequence: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
    # Inside its own schema of a Sequence, pydantic forgets `by_name=False`. Not strict: a list becomes a tuple, and so
    # does a set, as YAML can write it (`!!set {1, 3}`).
    (entry,) = get_args(sequence)
    return core_schema.tuple_variable_schema(handler.generate_schema(entry), strict=False)


# Not by min_length, which also refuses half of a surrogate pair, as JSON's escapes can leave it.
_Text = Annotated[str, AfterValidator(_check_not_empty)]
_List = Annotated[Sequence[_Entry], GetPydanticSchema(_tuple_schema)]


class _Part(BaseModel, frozen=True):
    """Written in camelCase in a file and in snake_case in code; a member that is not known is refused."""

    # Strict: a number in quotes or a truth value is never taken for a number.
    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
    )


class StandInJobs(_Part, frozen=True):
    """Jobs that run no image: they wait, then write what an image would have.

    Attributes:
        training_seconds: how long a training job runs, in AWS seconds.
        transform_seconds: how long a transform job runs, in AWS seconds.
    """

    training_seconds: _Seconds = 0.0
    transform_seconds: _Seconds = 0.0


class InstanceQuota(_Part, frozen=True):
    """How many instances of one type the account's jobs may hold at once, in each Region.

    Attributes:
        instance_type: such as `ml.m5.large`.
        use: what the instances are for; each has quotas of its own.
        limit: instances.
    """

    instance_type: Annotated[str, AfterValidator(_check_instance_type)]
    use: Use
    limit: Annotated[int, Field(ge=0)]


class Rate(_Part, frozen=True):
    """How often an API's action may be called: a token bucket per Region.

    Attributes:
        action: such as `CreateTrainingJob`; a pattern (`Describe*`) lets all it matches share the bucket.
        per_second: tokens that come in an AWS second.
        burst: tokens the bucket holds, full at the start.
    """

    action: Annotated[_Text, AfterValidator(_check_action)]
    per_second: Annotated[float, Field(gt=0)]
    burst: _Count = 1


class ApiError(_Part, frozen=True):
    """An API's refusal.

    Attributes:
        code: AWS's error code, such as `ThrottlingException`.
        message: AWS's usual words for the code when empty.
        status: HTTP status; the one AWS sends with the code when None.
    """

    code: _Text
    message: str = ""
    status: Annotated[int, Field(ge=400, le=599)] | None = None


class FunctionError(_Part, frozen=True):
    """A function that fails.

    Attributes:
        error_type: class of the exception it raised, or Lambda's own `Sandbox.Timedout` or `Runtime.ExitError`.
        error_message: Lambda's own words for its two when empty.
    """

    error_type: _Text
    error_message: str = ""


class JobOutcome(_Part, frozen=True):
    """How a run of a job goes.

    Attributes:
        status: how it ends; Stopped as if someone had stopped it.
        failure_reason: with Failed. One that begins with `CapacityError` ends the job before its instances start.
        start_seconds: AWS seconds it stays in Starting.
        run_seconds: AWS seconds it runs; a job that runs an image takes no less than this.
        without_artifact: Completed without what it should have written.
    """

    status: Literal["Completed", "Failed", "Stopped"] = "Completed"
    failure_reason: str = ""
    start_seconds: _Seconds = 0.0
    run_seconds: _Seconds | None = None
    without_artifact: bool = False

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if (self.status == "Failed") != bool(self.failure_reason):
            raise ValueError("`failureReason` goes with `status: Failed`: give both, or neither")
        if self.without_artifact and self.status != "Completed":
            raise ValueError("`withoutArtifact` goes with `status: Completed`")
        return self


class Fault(_Part, frozen=True):
    """One thing that goes wrong, and when.

    Attributes:
        action: an API's action (`CreateModel`, `Invoke`, `PutObject`), or `TrainingJob`, `TransformJob`: a job's run.
            A pattern is possible (`Describe*`).
        name: pattern (`*`, `?`, `[…]`) for whom it is meant: job, model, function or state machine; `bucket/key` for
            S3.
        payload: only requests whose JSON body, a function's event for example, holds this text.
        attempts: which of the matching calls of one name, from 1; all when empty. Calls of a function are counted per
            event.
        probability: instead of attempts: of each matching call.
        times: how often at most, all names together.
        error: the API refuses the call.
        lost_answer: the call takes effect, and the caller hears `error` (HTTP 500 if there is none) or
            `function_error`.
        delay_seconds: seconds of this machine by which the answer is late.
        function_error: for Invoke: the function fails. It does not run, unless the answer is what gets lost.
        job: for a job's run: how it goes.
    """

    action: Annotated[_Text, AfterValidator(_check_action_or_run)]
    name: _Text = "*"
    payload: str = ""
    attempts: _List[_Count] = ()
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    times: _Count | None = None
    error: ApiError | None = None
    lost_answer: bool = False
    delay_seconds: _Seconds = 0.0
    function_error: FunctionError | None = None
    job: JobOutcome | None = None

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.attempts and self.probability is not None:
            raise ValueError("give `attempts` or `probability`, not both")
        of_api = bool(self.error or self.lost_answer or self.delay_seconds or self.function_error)
        if self.action in JOB_RUNS:
            if self.job is None or of_api or self.payload:
                raise ValueError(f"the run of a {self.action} takes `job`, and nothing else that could go wrong")
            return self
        if self.job is not None:
            raise ValueError(f"`job` goes with the actions {' and '.join(JOB_RUNS)}")
        if not of_api:
            raise ValueError(
                "nothing goes wrong: give `error`, `lostAnswer`, `delaySeconds`, `functionError` or `job`"
            )
        if self.function_error is not None and (self.action != INVOKE or self.error is not None):
            raise ValueError(f"`functionError` goes with the action {INVOKE}, and without `error`")
        return self


class Account(_Part, frozen=True):
    """An account.

    Attributes:
        seed: of what is left to chance; the same seed and the same calls make the same faults.
        time_scale: AWS seconds in one second of this machine.
        jobs: stand-ins for the jobs; None runs images.
        quotas: of instances; a type without one has no limit.
        rates: of API calls; an action without one has no limit. The first that matches holds.
        faults: what goes wrong; all that match a call are counted, the first decides.
    """

    seed: int = 0
    time_scale: Annotated[float, Field(ge=1)] = 1.0
    jobs: StandInJobs | None = None
    quotas: _List[InstanceQuota] = ()
    rates: _List[Rate] = ()
    faults: _List[Fault] = ()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        named = [(quota.instance_type, quota.use) for quota in self.quotas]
        if len(named) != len(set(named)):
            raise ValueError("`quotas` names an instance type and use twice")
        return self
