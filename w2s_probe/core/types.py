"""Types of arrays that annotations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Features = NDArray[np.floating[Any]]  # rows are examples
Rows = NDArray[np.intp]  # positions of rows
Progress = Callable[[str, int, int], None]  # name, items done, items in all
