"""Types of arrays that annotations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Features = NDArray[np.floating[Any]]  # rows are examples
Rows = NDArray[np.intp]  # positions of rows
LossName = Literal["ce", "reverse_kl", "gce", "confidence"]  # of softmax heads: see `w2s_probe.heads.losses`
Scale = Literal["none", "standard"]
Rule = Literal["loo", "gcv", "cv"]  # how a strength is chosen
Progress = Callable[[str, int, int], None]  # name, items done, items in all
