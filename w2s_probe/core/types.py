"""Array types for annotations."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Features = NDArray[np.floating[Any]]  # shape (n, d), a row for each example
Rows = NDArray[np.intp]  # positions of rows


# numpydoc reads a signature that is not the protocol's.
class Progress(Protocol):  # numpydoc ignore=PR01
    """Receives how far a long task is: what a caller passes to follow it."""

    def __call__(self, name: str, done: int, total: int, detail: str = "", /) -> None:
        """Show a task.

        Parameters
        ----------
        name : str
            Name of the task, such as a backbone or ``"softmax heads"``.
        done, total : int
            Steps done, and all steps.
        detail : str
            The step in work, in a few words.
        """
