"""Values of columns of predictions: as numbers, and as classes by their names or by their numbers in the metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError
from w2s_probe.core.labels import class_name, is_missing, is_placeholder
from w2s_probe.core.types import Float, Rows

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Coding:
    """What the values of columns of predicted classes mean.

    Parameters
    ----------
    codes : mapping of str to int
        Position of the class that a value means.
    numbered : bool
        Whether the values are numbers of the classes in the metadata of the data, not names.
    """

    codes: Mapping[str, int]
    numbered: bool = False

    def of(self, column: Column) -> Rows:
        """Return the class of each row, shape (n,); -1 for values that are missing or no class."""
        codes = [-1 if is_missing(value) else self.codes.get(label_of(value), -1) for value in column.values]
        return np.array(codes, dtype=np.intp)[column.codes]

    def unknown(self, column: Column) -> list[int]:
        """Return the positions of the values that are no class and not missing."""
        return [
            at for at, value in enumerate(column.values) if not is_missing(value) and label_of(value) not in self.codes
        ]


def coding_of(columns: Mapping[str, Column], classes: Sequence[str], order: Sequence[str], *, name: str) -> Coding:
    """Return how columns of predicted classes are read: whole numbers may be those that the metadata gives to classes.

    Parameters
    ----------
    columns : mapping of str to Column
        Columns by name.
    classes : sequence of str
        Classes of the data, in their order.
    order : sequence of str
        Names of the classes in the order of their numbers in the metadata; empty without metadata.
    name : str
        Name of the teacher, for messages.

    Raises
    ------
    DataError
        If all values are names of classes and numbers of other ones.
    """
    names = Coding({label: code for code, label in enumerate(classes)})
    values = (value for column in columns.values() for value in column.values if not is_missing(value))
    if not order or not all(_is_whole(value) for value in values):
        return names
    numbers = {str(number): names.codes[label] for number, label in enumerate(order) if label in names.codes}
    labels = {label_of(value) for column in columns.values() for value in column.values if not is_missing(value)}
    labels = {label for label in labels if label in names.codes or not is_placeholder(label)}
    if not labels <= set(names.codes):
        return Coding(numbers, numbered=True)
    other = sorted(label for label in labels if numbers.get(label, names.codes[label]) != names.codes[label])
    if other and labels <= set(numbers):
        msg = (
            f"{name} must predict classes in one way: {other[0]} may be the class of this name, or the number of the "
            f"class {order[int(other[0])]!r:.60} in the metadata. Save names of classes as texts, in .parquet or .npy."
        )
        raise DataError(msg)
    return names


def label_of(value: object) -> str:
    """Return a value as the name of a class."""
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, float) and not value.is_integer() else class_name(value)


def numbers_of(column: Column) -> Float | None:
    """Return a column of numbers or truth values as numbers, missing ones as NaN; None if a value is something else."""
    numbers = np.empty(len(column.values))
    for at, value in enumerate(column.values):
        if is_missing(value):
            numbers[at] = np.nan
        elif isinstance(value, (bool, int, float, np.number, np.bool_)):
            numbers[at] = float(value)
        else:
            return None
    return numbers[column.codes]


def matrix_of(columns: Iterable[Column]) -> Float | None:
    """Return columns of numbers side by side, shape (n, m); None if a value of one is something else."""
    table = [numbers_of(column) for column in columns]
    numbers = [one for one in table if one is not None]
    return np.column_stack(numbers) if len(numbers) == len(table) else None


def fractional(numbers: Float) -> Bools:
    """Return where numbers are finite and not whole."""
    return np.asarray(np.isfinite(numbers) & (numbers != np.floor(numbers)), dtype=np.bool_)


def one_hot(P: Float) -> bool:
    """Return whether whole numbers are 1 for one class in every row, and 0 for the others; a row may be empty."""
    given = P[~np.isnan(P).all(axis=1)]
    return bool(((given == 0) | (given == 1)).all() and (given.sum(axis=1) == 1).all())


def _is_whole(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
