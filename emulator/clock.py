"""How fast the account's time passes."""

from __future__ import annotations


class Clock:
    """Turns AWS seconds (of jobs, waits and time-outs) into seconds of this machine, and back.

    Args:
        scale: AWS seconds in one second of this machine, at least 1.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not scale >= 1.0:
            raise ValueError(f"the time scale is {scale}, but must be at least 1")
        self.scale = scale

    def real_seconds(self, aws_seconds: float) -> float:
        """How long `aws_seconds` last here."""
        return aws_seconds / self.scale

    def aws_seconds(self, real_seconds: float) -> float:
        """How long `real_seconds` of this machine are for the account."""
        return real_seconds * self.scale
