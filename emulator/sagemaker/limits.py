"""How long the emulator's SageMaker waits and how much it keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of jobs. Times are seconds; what AWS publishes is the default.

    Attributes:
        stop_grace: between SIGTERM and SIGKILL of a training that is stopped or out of time (AWS: 120).
        health_check: for a serving container to answer its first /ping with 200.
        ping: for one /ping (AWS: 2).
        log_lines: kept lines of one log stream, not counting its end.
        log_bytes: kept bytes of one log stream, not counting its end.
        log_tail_lines: last lines of a stream that outgrew the two above, kept as well.
        log_line_bytes: where a longer line is cut in two.
        shutdown: for all job threads together to end when the emulator does.
    """

    stop_grace: float = 120.0
    health_check: float = 240.0
    ping: float = 2.0
    log_lines: int = 20_000
    log_bytes: int = 4 * 2**20
    log_tail_lines: int = 200
    log_line_bytes: int = 8 * 2**10
    shutdown: float = 10.0
