"""Keeps the trees of a job that is told to stop, for the next start of the same job to go on from.

SageMaker makes the folder for a job that has a CheckpointConfig, brings its files back before the next start and stores
them after the end. A file is LightGBM's model text below one line with two digests: of what the trees were grown from,
and of the text. It holds no customer's rows. Whatever is wrong with a file, the job grows its trees anew.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from next_purchase.errors import StoppedError
from next_purchase.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from next_purchase.settings import TrainingSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """One model's place in the folder.

    Attributes:
        path: The file; None if the job keeps nothing.
        origin: Digest of all that the trees depend on; a file of another origin is not used.
    """

    path: Path | None
    origin: str = ""

    def read(self) -> str | None:
        """The model text that an earlier start left; None if there is none that can be gone on from."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            head, _, content = self.path.read_bytes().partition(b"\n")
        except OSError as error:
            logger.warning("%s cannot be read, so its trees are grown anew: %s", self.path, error)
            return None
        origin, _, digest = head.partition(b" ")
        if digest.decode(errors="replace") != _digest(content):
            logger.warning("%s is damaged, so its trees are grown anew.", self.path)
            return None
        if origin.decode(errors="replace") != self.origin:
            logger.warning("%s is of other data, settings or versions, so its trees are grown anew.", self.path)
            return None
        return content.decode()

    @contextlib.contextmanager
    def keeping(self, to_text: Callable[[], str]) -> Iterator[None]:
        """Keep what there is when the block ends or the job is stopped within it."""
        try:
            yield
            self._write(to_text())
        except StoppedError:
            # Also when the signal came while the file was written.
            if self._write(to_text()):
                logger.info("The trees grown so far are kept in %s.", self.path)
            raise

    def remove(self) -> None:
        """Leave nothing behind."""
        if self.path is None:
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s cannot be removed: %s", self.path, error)

    def _write(self, text: str) -> bool:
        """Write the file; False if there is none or it cannot be written."""
        if self.path is None:
            return False
        content = text.encode()
        # Never half written: the machine can go away at any moment.
        scratch = self.path.with_suffix(".part")
        try:
            scratch.write_bytes(f"{self.origin} {_digest(content)}\n".encode() + content)
            scratch.replace(self.path)
        except OSError as error:
            logger.warning("%s cannot be written, so its trees are not kept: %s", self.path, error)
            return False
        return True


NO_CHECKPOINT = Checkpoint(None)


@dataclass(frozen=True)
class Checkpoints:
    """A job's two models.

    Attributes:
        judged: Taught what was known at the cutoff.
        delivered: Taught everything.
    """

    judged: Checkpoint = NO_CHECKPOINT
    delivered: Checkpoint = NO_CHECKPOINT

    def remove(self) -> None:
        """Leave nothing behind once the job is done."""
        self.judged.remove()
        self.delivered.remove()


NO_CHECKPOINTS = Checkpoints()


def find_checkpoints(folder: Path, orders: pl.DataFrame, settings: TrainingSettings) -> Checkpoints:
    """The checkpoints of the job that learns from these orders; none if SageMaker made no folder for them.

    Args:
        folder: Where SageMaker keeps files between the starts of a job.
        orders: As make_orders gives them.
        settings: The job's.
    """
    if not folder.is_dir():
        return NO_CHECKPOINTS
    origin = _describe_origin(orders, settings)
    return Checkpoints(Checkpoint(folder / "judged.trees", origin), Checkpoint(folder / "delivered.trees", origin))


def _describe_origin(orders: pl.DataFrame, settings: TrainingSettings) -> str:
    """A digest of data, settings, code and library versions, and of nothing else."""
    told = replace(settings, file_path=None, sample_destination=None, model_destination=None)
    code = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return _digest(repr((told, versions())).encode(), orders.write_csv().encode(), *code)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
