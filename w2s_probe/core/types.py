"""Array types for annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Features = NDArray[np.floating[Any]]  # shape (n, d), a row for each example
Rows = NDArray[np.intp]  # positions of rows
Progress = Callable[[str, int, int], None]  # name, items done, total items
