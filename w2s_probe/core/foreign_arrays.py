"""Arrays of PyTorch, polars and pandas as arrays of numpy, and the order of rows that an index of pandas tells.

None of these packages is imported here: the type of an object tells which one it is from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError, ShapeError


def numpy_array(X: Any, name: str) -> NDArray[Any]:
    """Return anything like an array as one of numpy, without copying one of numpy.

    A tensor of PyTorch loses its gradient and its device, and bfloat16 becomes float32. A column whose rows are lists
    or arrays of one length becomes a matrix.

    Parameters
    ----------
    X : array_like
        Array, tensor, frame, series, or lists.
    name : str
        Name of the array, for messages.

    Raises
    ------
    ShapeError
        If it is no array, is sparse, has masked values, or its rows differ in length.
    """
    _check_sparse(X, name)
    X = _without_mask(X, name)
    try:
        return _array(X)
    except (TypeError, ValueError, RuntimeError) as error:
        _check_lengths(X, name)
        got = f"{type(X).__name__} ({' '.join(str(error).split())[:80]})"
        msg = f"{name} must be an array of numbers: got {got}. Convert it with numpy.array first."
        raise ShapeError(msg) from error


def check_one_order(given: Mapping[str, Any]) -> None:
    """Raise `DataError` if objects of pandas have indexes that differ: rows are taken in order, whatever the index.

    Parameters
    ----------
    given : mapping of str to Any
        What a call was given, by its name for messages; anything but frames and series of pandas is passed over.
    """
    indexes = {name: one.index for name, one in given.items() if _is_of(one, "pandas") and hasattr(one, "index")}
    if not indexes:
        return
    (first, index), *others = indexes.items()
    for name, other in others:
        row = _first_difference(index, other)
        if row is not None:
            msg = (
                f"rows of {first} and {name} must be in one order: their pandas indexes differ, first at row {row} "
                f"({index[row]!s:.40} and {other[row]!s:.40}). Align them with .loc, or call reset_index(drop=True) on "
                "both if their rows are in one order."
            )
            raise DataError(msg)


def _first_difference(index: Any, other: Any) -> int | None:
    """Return the first row whose entries differ as text; None for other numbers of rows, which others compare."""
    if len(index) != len(other) or index is other or (hasattr(index, "equals") and index.equals(other)):
        return None
    pairs = zip(map(str, index), map(str, other), strict=True)
    return next((row for row, (mine, theirs) in enumerate(pairs) if mine != theirs), None)


def _array(X: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.asanyarray(_without_torch(X))
    if array.dtype != object or not array.ndim or not array.size or array.size != array.shape[0]:
        return array
    rows = [_without_torch(row) for row in array.ravel().tolist()]
    return np.stack([np.asarray(row) for row in rows]) if any(_length(row) is not None for row in rows) else array


def _check_sparse(X: Any, name: str) -> None:
    if hasattr(X, "toarray") and (_is_of(X, "scipy") or _is_of(X, "cupyx")):
        msg = (
            f"{name} must be a dense array: got {type(X).__name__} of shape {getattr(X, 'shape', '')}, which is "
            "sparse. Convert it with .toarray(), or reduce its columns first."
        )
        raise ShapeError(msg)


def _without_mask(X: Any, name: str) -> Any:
    """Return a masked array without masked values as a plain one, also as rows of a list."""
    masked = sum(_masked(row) for row in X) if isinstance(X, list | tuple) else _masked(X)
    if masked:
        msg = (
            f"{name} must have a number in every place: got {masked:,} masked values. Fill them in with "
            ".filled(VALUE), or leave their rows out."
        )
        raise ShapeError(msg)
    return X.data if isinstance(X, np.ma.MaskedArray) else X


def _masked(X: Any) -> int:
    return int(np.ma.getmaskarray(X).sum()) if isinstance(X, np.ma.MaskedArray) else 0


def _is_of(value: Any, package: str) -> bool:
    return any(base.__module__.split(".")[0] == package for base in type(value).__mro__)


def _without_torch(X: Any) -> Any:
    """Return tensors of PyTorch, and lists of them, as arrays of numpy; anything else as it is."""
    if isinstance(X, list | tuple) and any(_is_tensor(row) for row in X):
        return [_without_torch(row) for row in X]
    if not _is_tensor(X):
        return X
    tensor = X.detach().cpu()
    if tensor.is_sparse or "sparse" in str(tensor.layout):
        tensor = tensor.to_dense()
    if tensor.is_floating_point() and str(tensor.dtype) not in ("torch.float16", "torch.float32", "torch.float64"):
        tensor = tensor.float()  # numpy has neither bfloat16 nor float8
    return tensor.resolve_conj().resolve_neg().numpy()


def _is_tensor(value: Any) -> bool:
    return _is_of(value, "torch") and hasattr(value, "detach")


def _check_lengths(rows: Any, name: str) -> None:
    """Raise `ShapeError` if rows that are sequences differ in length."""
    lengths = [_length(row) for row in rows] if _length(rows) is not None else []
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if other is not None:
        first, second = ("no list" if lengths[row] is None else f"length {lengths[row]}" for row in (0, other))
        msg = (
            f"{name} must have rows of one length: got {first} in row 0 and {second} in row {other}. Give every row "
            "the same number of features."
        )
        raise ShapeError(msg)


def _length(value: Any) -> int | None:
    """Return the length of a list, array or series; None for anything else."""
    if isinstance(value, str | bytes | Mapping):
        return None
    try:
        return len(value)
    except TypeError:
        return None
