"""Names for the types of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Days: TypeAlias = NDArray[np.int64]
    Booleans: TypeAlias = NDArray[np.bool_]
