#!/usr/bin/env python3
"""Runs SageMaker's command, `train` or `serve`, and turns every failure into a message and an exit code.

Exit codes: 0 success; 1 the data or the settings must be changed; 2 an internal error; 3 a service did not answer, so that
the same job may succeed later; 143 stopped by SIGTERM. After a failed training the reason is in /opt/ml/output/failure; a
stopped training has not failed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# A link named train or serve starts this file from another folder than the package's.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from next_purchase.errors import NextPurchaseError, StoppedError
from next_purchase.processors import count_processors
from next_purchase.sagemaker_contract import ContainerPaths, write_failure

if TYPE_CHECKING:
    from types import FrameType

COMMANDS = ("train", "serve")
INTERNAL_ERROR_CODE = 2

logger = logging.getLogger("next_purchase")


def main(arguments: list[str]) -> int:
    """Run one command and return the process's exit code.

    Args:
        arguments: the command line, program name first; a program named train or serve needs no argument.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    program = Path(arguments[0]).stem
    command = arguments[1:] or [program]
    if command == ["train"]:
        try:
            return _run_training()
        except StoppedError as error:
            logger.info("The job was told to stop.")
            return error.exit_code
    if command == ["serve"]:
        return _run_server()
    logger.error("usage: %s %s", program, "|".join(COMMANDS))
    return INTERNAL_ERROR_CODE


def _run_training() -> int:
    # The first process of a container ignores SIGTERM unless it has a handler of its own.
    signal.signal(signal.SIGTERM, _stop)
    paths = ContainerPaths.from_environment(os.environ)
    _limit_threads(polars=count_processors())
    # Polars reads a CSV file in many pieces of this size (bytes) at a time; its own choice of up to 16 MB makes a
    # large file need twice the memory and is no faster.
    os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", str(1 << 20))
    # Polars' allocator (jemalloc) keeps what is freed for ten seconds, longer than most trainings take, and a pool for
    # each of many threads.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:100,muzzy_decay_ms:0,narenas:1")
    try:
        from next_purchase.learning.training import train

        train(paths, os.environ)
    except NextPurchaseError as error:
        logger.error("%s: %s", type(error).__name__, error)  # noqa: TRY400 - the sentence is for the user
        _explain(paths, str(error))
        return error.exit_code
    except Exception as error:
        # The boundary of the process: SageMaker shows only the text of the failure file.
        logger.exception("Training ended with an internal error")
        _explain(paths, f"Internal error, not your data's fault: {type(error).__name__}: {error}")
        return INTERNAL_ERROR_CODE
    return 0


def _explain(paths: ContainerPaths, reason: str) -> None:
    try:
        write_failure(paths.failure, reason)
    except OSError:
        # The exit code must still show the kind of failure.
        logger.exception("The reason cannot be written: %s", reason)


def _run_server() -> int:
    # The server runs requests in parallel by processes, and a thread pool that exists before the fork would hang in them.
    os.environ["POLARS_MAX_THREADS"] = "1"
    _limit_threads(polars=1)
    from next_purchase.serving.server import serve

    try:
        serve(ContainerPaths.from_environment(os.environ), os.environ)
    except NextPurchaseError as error:
        logger.error("%s: %s", type(error).__name__, error)  # noqa: TRY400 - the sentence is for the user
        return error.exit_code
    except Exception:
        # The boundary of the process: Python's own exit code, 1, means wrong data or settings here.
        logger.exception("The server ended with an internal error")
        return INTERNAL_ERROR_CODE
    return 0


def _limit_threads(*, polars: int) -> None:
    """Limit the threads of the libraries before they are imported; variables that are already set stay.

    numpy gets one thread: its products are too small to gain from a second, and with one they have the same digits on every
    machine.

    Args:
        polars: the number of threads of polars.
    """
    for name, count in (("POLARS_MAX_THREADS", polars), ("OPENBLAS_NUM_THREADS", 1)):
        os.environ.setdefault(name, str(count))


def _stop(number: int, _frame: FrameType | None) -> None:
    # A second signal must not interrupt the end that the first one starts.
    signal.signal(number, signal.SIG_IGN)
    raise StoppedError


if __name__ == "__main__":
    sys.exit(main(sys.argv))
