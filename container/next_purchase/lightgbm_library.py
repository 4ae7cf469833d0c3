"""LightGBM by its C interface: trains trees on a data frame, and loads, asks and saves them.

LightGBM's own Python package is not imported: it needs numpy and scipy, four times the size of the library that does
the work, and they take half a second to load in every job. The library takes Arrow streams, which polars gives.

Source: https://lightgbm.readthedocs.io/en/stable/C-API.html and https://arrow.apache.org/docs/format/CStreamInterface.html
"""

from __future__ import annotations

import ctypes
import re
import sys
from array import array
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from next_purchase.errors import ArtifactError, LibraryError, NextPurchaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NORMAL, _RAW_SCORE = 0, 1
_FIRST, _ALL, _BY_SPLIT = 0, 0, 0
_TREE_SIZES = re.compile(rb"^tree_sizes=([\d ]*)\n", re.MULTILINE)

# Prototypes of one's own: those of ctypes.pythonapi are every module's.
_capsule_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class LightGbmError(NextPurchaseError):
    """LightGBM refused a call."""


class ArrowStreamable(Protocol):
    """A table or column that hands its values on as Arrow does, such as a polars DataFrame or Series."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule with an Arrow C stream."""


class Dataset:
    """Rows to learn from, in the library's own binned form.

    Args:
        features: (rows, features) numbers, null for unknown.
        names: The features' names.
        label: (rows,) Float32.
        weight: (rows,) Float32.
        parameters: LightGBM's own, by name.

    Raises:
        LightGbmError: The library refused them.
        LibraryError: The library cannot be loaded.
    """

    def __init__(
        self,
        features: ArrowStreamable,
        names: Sequence[str],
        label: ArrowStreamable,
        weight: ArrowStreamable,
        parameters: Mapping[str, object],
    ) -> None:
        self.handle = ctypes.c_void_p()
        with _Stream(features) as stream:
            _call("LGBM_DatasetCreateFromArrowStream", stream, _join(parameters), None, ctypes.byref(self.handle))
        encoded = (ctypes.c_char_p * len(names))(*(name.encode() for name in names))
        _call("LGBM_DatasetSetFeatureNames", self.handle, encoded, ctypes.c_int(len(names)))
        self.set_field("label", label)
        self.set_field("weight", weight)

    def __del__(self) -> None:
        if self.handle:
            load_library().LGBM_DatasetFree(self.handle)

    def set_field(self, name: str, column: ArrowStreamable) -> None:
        """Give every row a number: label, weight or init_score (where the trees start from)."""
        with _Stream(column) as stream:
            _call("LGBM_DatasetSetFieldFromArrowStream", self.handle, name.encode(), stream)


class Booster:
    """Boosted trees that grow, or that were read back."""

    def __init__(self, handle: ctypes.c_void_p, dataset: Dataset | None = None) -> None:
        self.handle = handle
        # The library reads it as long as the trees grow.
        self._dataset = dataset

    def __del__(self) -> None:
        load_library().LGBM_BoosterFree(self.handle)

    @classmethod
    def start(cls, dataset: Dataset, parameters: Mapping[str, object], earlier: Booster | None = None) -> Booster:
        """Prepare training.

        Args:
            dataset: What to learn from. To go on from earlier trees, its init_score must be their raw scores.
            parameters: LightGBM's own, by name.
            earlier: Trees that come first.

        Raises:
            LightGbmError: The library refused them.
        """
        handle = ctypes.c_void_p()
        _call("LGBM_BoosterCreate", dataset.handle, _join(parameters), ctypes.byref(handle))
        booster = cls(handle, dataset)
        if earlier is not None:
            _call("LGBM_BoosterMerge", handle, earlier.handle)
        return booster

    @classmethod
    def from_text(cls, text: str) -> Booster:
        """Read back what to_text gave.

        Raises:
            ArtifactError: The text is damaged.
            LibraryError: The library cannot be loaded.
        """
        encoded = text.encode()
        _check_layout(encoded)
        # Without the sizes the library reads one tree after the other and tells what is wrong with one. With them it
        # reads them side by side, and a damaged one ends the process.
        encoded = _TREE_SIZES.sub(b"", encoded, count=1)
        handle, iterations = ctypes.c_void_p(), ctypes.c_int()
        try:
            _call(
                "LGBM_BoosterLoadModelFromString",
                encoded,
                ctypes.byref(iterations),
                ctypes.byref(handle),
            )
        except LightGbmError as error:
            raise ArtifactError(f"The model text is damaged: {error}") from error
        return cls(handle)

    def grow(self) -> bool:
        """Grow one more tree; False when no split is left that would help."""
        finished = ctypes.c_int()
        _call("LGBM_BoosterUpdateOneIter", self.handle, ctypes.byref(finished))
        return not finished.value

    def count_trees(self) -> int:
        """How many trees there are."""
        return self._count("LGBM_BoosterNumberOfTotalModel")

    def feature_count(self) -> int:
        """How many features a row must have."""
        return self._count("LGBM_BoosterGetNumFeature")

    def to_text(self) -> str:
        """LightGBM's own model text."""
        size = 1 << 20
        while True:
            buffer, written = ctypes.create_string_buffer(size), ctypes.c_int64()
            _call(
                "LGBM_BoosterSaveModelToString",
                self.handle,
                ctypes.c_int(_FIRST),
                ctypes.c_int(_ALL),
                ctypes.c_int(_BY_SPLIT),
                ctypes.c_int64(size),
                ctypes.byref(written),
                buffer,
            )
            if written.value <= size:
                return buffer.value.decode()
            size = written.value

    def predict(self, features: ArrowStreamable, *, raw_score: bool = False) -> array[float]:
        """One number for each row, or as many as there are classes, side by side.

        All cores are used, or as many as OMP_NUM_THREADS said when the library was loaded.

        Args:
            features: (rows, features) numbers in the order of training, null for unknown. Where training knew every
                value of a feature, the trees take an unknown one for 0.
            raw_score: The sum of the trees, before the objective makes a probability of it.

        Raises:
            LightGbmError: The rows have another number of features than those of training.
        """
        answer = array("d", bytes(8 * len(features) * self._count("LGBM_BoosterGetNumClasses")))
        if not answer:
            return answer
        written = ctypes.c_int64()
        with _Stream(features) as stream:
            _call(
                "LGBM_BoosterPredictForArrowStream",
                self.handle,
                stream,
                ctypes.c_int(_RAW_SCORE if raw_score else _NORMAL),
                ctypes.c_int(_FIRST),
                ctypes.c_int(_ALL),
                _join({}),
                ctypes.byref(written),
                (ctypes.c_double * len(answer)).from_buffer(answer),
            )
        if written.value != len(answer):
            raise LightGbmError(f"LightGBM gave {written.value} numbers instead of {len(answer)}.")
        return answer

    def _count(self, function: str) -> int:
        number = ctypes.c_int()
        _call(function, self.handle, ctypes.byref(number))
        return number.value


class _Stream:
    """Lends a table's Arrow stream to one call."""

    def __init__(self, table: ArrowStreamable) -> None:
        # The capsule owns the stream, so it must outlive the call.
        self._capsule = table.__arrow_c_stream__()

    def __enter__(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(_capsule_pointer(self._capsule, b"arrow_array_stream"))

    def __exit__(self, *_: object) -> None:
        del self._capsule


def how_to_install_openmp(platform: str = sys.platform) -> str:
    """What brings the OpenMP runtime, which LightGBM's library needs and its wheel does not have."""
    return "macOS: brew install libomp" if platform == "darwin" else "Debian, Ubuntu: apt-get install libgomp1"


def library_path() -> Path:
    """Where LightGBM's wheel has the library, on Linux and macOS.

    Raises:
        LightGbmError: LightGBM is not installed.
    """
    # Finds the package without running it.
    package = find_spec("lightgbm")
    if package is None or package.origin is None:
        raise LightGbmError("LightGBM is not installed.")
    suffix = "dylib" if sys.platform == "darwin" else "so"
    return Path(package.origin).parent / "lib" / f"lib_lightgbm.{suffix}"


@cache
def load_library() -> ctypes.CDLL:
    """Load the library, once in a process.

    Raises:
        LibraryError: It cannot be loaded.
        LightGbmError: LightGBM is not installed.
    """
    path = library_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise LibraryError(
            f"LightGBM's library cannot be loaded ({error}); it needs the OpenMP runtime: install libgomp1 on Debian "
            "and Ubuntu (apt-get install libgomp1), libgomp on Fedora and Amazon Linux, libomp by Homebrew on macOS "
            "(brew install libomp)."
        ) from error
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _call(function: str, *arguments: object) -> None:
    library = load_library()
    if getattr(library, function)(*arguments):
        raise LightGbmError(f"LightGBM: {library.LGBM_GetLastError().decode(errors='replace')}")


def _join(parameters: Mapping[str, object]) -> bytes:
    return " ".join(f"{name}={value}" for name, value in parameters.items()).encode()


def _check_layout(text: bytes) -> None:
    """Make sure that the text is whole; of one that is not, the library would read beyond the end.

    Raises:
        ArtifactError: A tree, or the end, is not where the text's own head says.
    """
    head, _, trees = text.partition(b"\n\n")
    sizes = _TREE_SIZES.search(head + b"\n")
    if not head.startswith(b"tree\n") or sizes is None or b"\0" in text:
        raise ArtifactError("The model text is damaged: it does not begin as a LightGBM model does.")
    position = 0
    for number, size in enumerate(sizes[1].split()):
        if not trees.startswith(b"Tree=%d\n" % number, position):
            raise ArtifactError(f"The model text is damaged: tree {number} is not where it should be.")
        position += int(size)
    if not trees.startswith(b"end of trees\n", position) or not trees.rstrip().endswith(b"\nend of parameters"):
        raise ArtifactError("The model text is damaged: it does not end as a LightGBM model does.")
