"""What can go wrong in a command, and the exit code of each."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell is told."""

    SUCCEEDED = 0
    RUN_FAILED = 1
    REFUSED = 2
    UNREACHABLE = 3
    RUN_STOPPED = 4
    INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot do what was asked: its lines are shown as they are, without a traceback.

    Attributes:
        lines: whole sentences; the first says what is wrong.
        exit_code: what the process ends with.
    """

    exit_code = ExitCode.REFUSED

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class ServiceError(CommandError):
    """AWS, or the emulator in its place, cannot be asked or says no.

    Attributes:
        code: AWS's error code, or "" where the call never got an answer.
    """

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, *lines: str, code: str = "") -> None:
        self.code = code
        super().__init__(*lines)


class NobodyAnswersError(ServiceError):
    """Nothing listens where the call went."""


class CopyError(CommandError):
    """The run has its verdict, but not all its results could be copied to this machine."""

    exit_code = ExitCode.UNREACHABLE


class EmulatorError(CommandError):
    """The emulator on this machine did not start, or ended by itself."""

    exit_code = ExitCode.UNREACHABLE


class RunBrokenError(CommandError):
    """The execution ended without a manifest, and not because of the request."""

    exit_code = ExitCode.RUN_FAILED


class RunStoppedError(CommandError):
    """The execution was stopped or timed out before its verdict."""

    exit_code = ExitCode.RUN_STOPPED


class InterruptedRunError(CommandError):
    """The user pressed Ctrl-C while a run was going on."""

    exit_code = ExitCode.INTERRUPTED
