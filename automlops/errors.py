"""The errors of a command, and the exit code of each."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command."""

    SUCCEEDED = 0
    RUN_FAILED = 1
    REFUSED = 2
    UNREACHABLE = 3
    RUN_STOPPED = 4
    INTERRUPTED = 130


class CommandError(Exception):
    """An error that ends the command: its lines are printed as they are, without a traceback.

    Attributes:
        lines: whole sentences; the first says what is wrong.
        exit_code: the process's exit code.
    """

    exit_code = ExitCode.REFUSED

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class ServiceError(CommandError):
    """A call to AWS or to the emulator failed or was refused.

    Attributes:
        code: AWS's error code; "" if the call got no answer.
    """

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, *lines: str, code: str = "") -> None:
        self.code = code
        super().__init__(*lines)


class NoAnswerError(ServiceError):
    """Nothing listens at the endpoint."""


class CopyError(CommandError):
    """The run has a verdict, but not all of its results could be copied to this machine."""

    exit_code = ExitCode.UNREACHABLE


class EmulatorError(CommandError):
    """The emulator on this machine did not start, or ended by itself."""

    exit_code = ExitCode.UNREACHABLE


class RunBrokenError(CommandError):
    """The execution ended without a manifest, and the request is not the reason."""

    exit_code = ExitCode.RUN_FAILED


class RunStoppedError(CommandError):
    """The execution was stopped or timed out before its verdict."""

    exit_code = ExitCode.RUN_STOPPED


class InterruptedRunError(CommandError):
    """The user pressed Ctrl-C while a run was going on."""

    exit_code = ExitCode.INTERRUPTED
