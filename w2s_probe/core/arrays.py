"""Checks of arrays, with their error messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.errors import ShapeError
from w2s_probe.core.foreign_arrays import numpy_array
from w2s_probe.core.row_view import RowView
from w2s_probe.core.types import Features, Float

Array = TypeVar("Array", bound=NDArray[Any])
BLOCK_ROWS = 2048
LARGEST = 1e35  # squares of larger features, or of features that are all below 1 / LARGEST, leave the range of floats


def as_matrix(X: ArrayLike, name: str) -> Features:
    """Return `X` as a finite float array of shape (n, d), without copying float32 or float64.

    float16 becomes float32, any other type float64; memory maps stay memory maps, and a `RowView`, whose rows were
    checked, stays one. `numpy_array` takes tensors and columns of lists. Raises `ShapeError`, with `name` (such as
    ``"teacher features"``) in its message, if `X` is not two-dimensional, is empty, or holds NaN, infinity or anything
    but numbers.
    """
    if isinstance(X, RowView) and len(X):
        return cast("Features", X)
    array = numpy_array(X, name)
    check_shape(array, name)
    if array.dtype != computed_type(array.dtype):  # halves, extended and foreign byte orders, integers
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
            array = array.astype(computed_type(array.dtype))
    check_finite(array, name)
    return array


def check_shape(array: NDArray[Any], name: str) -> None:
    """Raise `ShapeError` unless an array is a matrix of numbers with at least one row and one column."""
    if array.dtype.kind not in "fiub":
        kind = "bytes, as numpy saves bfloat16" if array.dtype.str.endswith("V2") else f"type {array.dtype!s:.60}"
        msg = f"{name} must be numbers: got an array of {kind}. Save them as float32 or float64."
        raise ShapeError(msg)
    if array.ndim != 2:
        msg = (
            f"{name} must have two dimensions (rows, features): got shape {array.shape}. {_two_dimensions(array.shape)}"
        )
        raise ShapeError(msg)
    if 0 in array.shape:
        msg = f"{name} must not be empty: got shape {array.shape}. Save at least one row and one feature."
        raise ShapeError(msg)


def computed_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that numbers of a type are computed in: float32 for halves, float64 for all but float32.

    Examples
    --------
    >>> import numpy as np
    >>> [computed_type(np.dtype(name)).name for name in ("float16", ">f4", "float64", "int8")]
    ['float32', 'float32', 'float64', 'float64']
    """
    single = dtype.kind == "f" and dtype.itemsize <= 4
    return np.dtype(np.float32 if single else np.float64)


def check_finite(X: Features, name: str, *, first_row: int = 0) -> None:
    """Raise `ShapeError` with the place of the first number that is not finite; `first_row` is the number of row 0."""
    for rows in row_blocks(len(X)):
        block = X[rows]
        finite = np.isfinite(block)
        if not finite.all():
            i, j = np.argwhere(~finite)[0]
            msg = (
                f"{name} must be finite: got {block[i, j]} in row {first_row + rows.start + i}, column {j}. "
                "Remove or correct such rows."
            )
            raise ShapeError(msg)


def check_magnitude(X: Features, name: str) -> None:
    """Raise `ShapeError` if the largest absolute value is so large or so small that no head can be fitted."""
    largest = max(max(float(X[rows].max()), -float(X[rows].min())) for rows in row_blocks(len(X)))
    if largest and not 1 / LARGEST <= largest <= LARGEST:
        msg = (
            f"{name} must have absolute values whose maximum is between {1 / LARGEST:.0e} and {LARGEST:.0e}: got "
            f"{largest:.3g}. Divide all features by a constant, such as their standard deviation."
        )
        raise ShapeError(msg)


def _two_dimensions(shape: tuple[int, ...]) -> str:
    """Return how to make a matrix of an array that is none: without axes of length 1, or one vector for each row."""
    if len(shape) < 2:
        return "Use reshape(-1, 1) for a single feature."
    axes = [size for size in shape if size != 1]
    if len(axes) <= 2:
        rows, features = axes if len(axes) == 2 else (shape[0], max(axes[0] // shape[0], 1) if axes else 1)
        return f"Use reshape({rows}, {features}) before saving."
    return "Save one vector for each row, such as the mean over the tokens: X.mean(axis=1)."


def check_not_transposed(name: str, shape: tuple[int, ...], other_name: str, other_n: int) -> None:
    """Raise `ShapeError` if a matrix has a column, and not a row, for each of the `other_n` rows."""
    if shape[0] != other_n and shape[1] == other_n:
        msg = (
            f"{name} must have one row for each row of {other_name}: got shape {tuple(shape)} for {other_n} rows. "
            "Save the transposed array, X.T."
        )
        raise ShapeError(msg)


def check_same_rows(name: str, n: int, other_name: str, other_n: int) -> None:
    """Raise `ShapeError` unless both arrays describe the same number of rows."""
    if n != other_n:
        msg = (
            f"{name} must have one row for each row of {other_name}: got {n} rows "
            f"and {other_n}. Save both in the same order, or save ids with both."
        )
        raise ShapeError(msg)


def check_weights(weights: ArrayLike | None, n: int) -> Float:
    """Return sample weights of shape (n,); None means ones.

    Raises `ShapeError` unless each row has a finite, non-negative weight and some weight is above 0.
    """
    if weights is None:
        return np.ones(n)
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,):
        msg = f"sample_weight must have shape ({n},): got {w.shape}. Give one weight for each row."
        raise ShapeError(msg)
    if not np.isfinite(w).all() or (w < 0).any():
        msg = (
            "sample_weight must be finite and non-negative: "
            f"got values from {w.min()} to {w.max()}. Set NaN, infinite and negative weights to 0."
        )
        raise ShapeError(msg)
    if not w.any():
        msg = "sample_weight must be above zero for some row: got zero for every row. Give a row a weight above zero."
        raise ShapeError(msg)
    return w


def read_only(X: Array) -> Array:
    """Return a view of an array that cannot be written to; the array itself stays as it is."""
    view = X.view()
    view.flags.writeable = False
    return view


def frozen(X: Array) -> Array:
    """Make a new array of ours read-only, with the array that owns its numbers, and return a view of it."""
    owner: object = X
    while isinstance(owner, np.ndarray):
        owner.flags.writeable = False
        owner = owner.base
    return read_only(X)


def row_blocks(n: int, size: int = BLOCK_ROWS) -> Iterable[slice]:
    """Yield slices that cover ``range(n)`` in blocks of at most `size` rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
