"""SageMaker on this machine: training and transform jobs as real processes, refused and ended as AWS does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.sagemaker.api import SageMakerApi
from emulator.sagemaker.limits import Limits
from emulator.sagemaker.moto_actions import install_actions
from emulator.sagemaker.runner import JobRunner

if TYPE_CHECKING:
    from emulator.endpoint import EmulatorSettings

# moto's state is global in a process, so there is one of these as well.
_runner: JobRunner | None = None


def install(settings: EmulatorSettings, limits: Limits | None = None) -> None:
    """Put the emulator's SageMaker into moto, empty; jobs of an earlier one are ended.

    Args:
        settings: of the emulator that will serve.
        limits: of jobs.
    """
    global _runner
    shutdown()
    _runner = JobRunner(settings, limits or Limits())
    install_actions(SageMakerApi(_runner, settings.conditions))


def shutdown() -> None:
    """End every job, its processes and its directory; nothing when there is none."""
    global _runner
    if _runner is not None:
        _runner.shut_down()
        _runner = None
