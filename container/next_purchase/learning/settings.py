"""The settings of a training job: hyperparameters and environment variables, checked and typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from next_purchase.date_format import DateFormat
from next_purchase.errors import SettingError
from next_purchase.models.names import AUTO, BACKENDS
from next_purchase.schema import HORIZONS, PROBABILITY_DAYS, TIME_SERIES_LENGTHS

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TIME_SERIES_LENGTH = 5
DEFAULT_HORIZON_DAYS = 90
DEFAULT_PROBABILITY_DAYS = 30
"""Or the horizon, if that is less."""
# SageMaker sets the first for training; for serving no source documents either. boto3 reads the second one only.
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True)
class S3Prefix:
    """A prefix in S3 for files."""

    bucket: str
    prefix: str

    def key(self, name: str) -> str:
        """Return the key of a file with this name."""
        return f"{self.prefix}/{name}" if self.prefix else name


@dataclass(frozen=True)
class TrainingSettings:
    """One training job's settings.

    Attributes:
        time_series_length: how many of a customer's last gaps count as recent.
        horizon_days: how long an order is followed.
        probability_days: the days within which the probability expects an order; at most the horizon.
        cutoff: the first day of the judgement; None chooses one.
        as_of: the day of the data; None for that of the last order.
        date_format: what comes first in the data's dates; None to find out.
        backend: AUTO, or one of BACKENDS.
        file_path: the data, if there is no channel.
        sample_destination: where to upload the sample for prediction; None does not.
        model_destination: where to upload the model; None does not.
    """

    time_series_length: int
    horizon_days: int
    probability_days: int
    cutoff: date | None
    as_of: date | None
    date_format: DateFormat | None
    backend: str
    file_path: str | None
    sample_destination: S3Prefix | None
    model_destination: S3Prefix | None


def read_training_settings(hyperparameters: Mapping[str, str], environment: Mapping[str, str]) -> TrainingSettings:
    """Check and type all settings; a hyperparameter overrides the environment variable of the same name.

    Raises:
        SettingError: a value cannot be used or a hyperparameter is unknown; the message names it.
    """
    reader = _Reader(hyperparameters, environment)
    horizon_days = reader.whole_number("horizon_days", DEFAULT_HORIZON_DAYS, HORIZONS[0], HORIZONS[-1])
    settings = TrainingSettings(
        time_series_length=reader.whole_number(
            "time_series_length",
            DEFAULT_TIME_SERIES_LENGTH,
            TIME_SERIES_LENGTHS[0],
            TIME_SERIES_LENGTHS[-1],
            also_environment=True,
        ),
        horizon_days=horizon_days,
        probability_days=reader.whole_number(
            "probability_days",
            min(DEFAULT_PROBABILITY_DAYS, horizon_days),
            PROBABILITY_DAYS[0],
            min(PROBABILITY_DAYS[-1], horizon_days),
        ),
        cutoff=reader.day("cutoff"),
        as_of=reader.day("as_of"),
        date_format=reader.date_format("date_format"),
        backend=_known_backend(reader.text("model_backend", AUTO, also_environment=True)),
        file_path=environment.get("file_path") or None,
        sample_destination=_read_destination(environment, "sample"),
        model_destination=_read_destination(environment, "model"),
    )
    reader.refuse_unknown()
    return settings


def read_region(environment: Mapping[str, str]) -> str:
    """Return the Region for clients of AWS.

    There is no default: a client without a Region calls us-east-1, where in China and GovCloud neither the credentials nor
    the bucket exist.

    Raises:
        SettingError: the environment names none.
    """
    for name in REGION_VARIABLES:
        if region := environment.get(name, "").strip():
            return region
    raise SettingError(
        f"{' and '.join(REGION_VARIABLES)} are both unset, so the Region is unknown: set one of them, in the "
        "environment of the job, to the Region of its buckets."
    )


class _Reader:
    """Settings read by name: it collects the valid names, and its errors name the value."""

    def __init__(self, hyperparameters: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._hyperparameters = hyperparameters
        self._environment = environment
        self._known: list[str] = []

    def text(self, name: str, default: str, *, also_environment: bool = False) -> str:
        self._known.append(name)
        if name in self._hyperparameters:
            return self._hyperparameters[name].strip()
        if also_environment:
            return self._environment.get(name, "").strip() or default
        return default

    def whole_number(
        self, name: str, default: int, lowest: int, highest: int, *, also_environment: bool = False
    ) -> int:
        text = self.text(name, str(default), also_environment=also_environment)
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if not lowest <= value <= highest:
            raise SettingError(f"{name} must be a whole number from {lowest} to {highest}, not {text!r}.")
        return value

    def day(self, name: str) -> date | None:
        text = self.text(name, "")
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise SettingError(f"{name} must be a date such as 2011-06-01, not {text!r}.") from None

    def date_format(self, name: str) -> DateFormat | None:
        text = self.text(name, "")
        try:
            return DateFormat(text.lower()) if text else None
        except ValueError:
            raise SettingError(f"{name} must be {', '.join(DateFormat)}, not {text!r}.") from None

    def refuse_unknown(self) -> None:
        # SageMaker's own tools add hyperparameters of this prefix to any job.
        unknown = sorted(
            name for name in self._hyperparameters if name not in self._known and not name.startswith("sagemaker_")
        )
        if unknown:
            raise SettingError(
                f"Unknown hyperparameter {', '.join(unknown)}; known are {', '.join(sorted(self._known))}."
            )


def _known_backend(name: str) -> str:
    if name not in (AUTO, *BACKENDS):
        raise SettingError(f"model_backend {name!r} is unknown; this image has {', '.join((AUTO, *BACKENDS))}.")
    return name


def _read_destination(environment: Mapping[str, str], kind: str) -> S3Prefix | None:
    switch = f"upload_{kind}_to_s3"
    value = environment.get(switch, "").strip().lower()
    if value not in {"true", "false", ""}:
        raise SettingError(f"{switch} must be true or false, not {environment[switch]!r}.")
    if value != "true":
        return None
    bucket = environment.get(f"{kind}_s3_bucket", "").strip()
    if not bucket:
        raise SettingError(f"{switch} is true, so {kind}_s3_bucket must name a bucket.")
    # Read now, so that a missing Region does not fail the upload after hours of training.
    read_region(environment)
    return S3Prefix(bucket=bucket, prefix=environment.get(f"{kind}_s3_prefix", "").strip().strip("/"))
