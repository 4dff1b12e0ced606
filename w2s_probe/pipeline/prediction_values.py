"""Values of columns of predictions: as numbers, and as classes by their names or by their numbers in the metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError
from w2s_probe.core.labels import class_name, is_missing, is_placeholder
from w2s_probe.core.types import Float, Rows

Bools = NDArray[np.bool_]
TRUTH, BITS = ("false", "true"), ("0", "1")


@dataclass(frozen=True, slots=True)
class Coding:
    """What the values of columns of predicted classes mean.

    Parameters
    ----------
    codes : mapping of str to int
        Position of the class that a value means.
    numbered : bool
        Whether the values are numbers of the classes in the metadata of the data, not names.
    truth : bool
        Whether 0 and 1 mean the classes false and true, or false and true the classes 0 and 1.
    """

    codes: Mapping[str, int]
    numbered: bool = False
    truth: bool = False

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

    True and false mean the only class of this name in another case; see also `Coding.truth`.

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
    values = [value for column in columns.values() for value in column.values if not is_missing(value)]
    labels = {label_of(value) for value in values}
    labels = {label for label in labels if label in names.codes or not is_placeholder(label)}
    if not order or not all(_is_whole(value) for value in values):
        return _with_truth(labels, names, order)
    numbers = {str(number): names.codes[label] for number, label in enumerate(order) if label in names.codes}
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


def _with_truth(labels: Set[str], names: Coding, order: Sequence[str]) -> Coding:
    """Return the names with values that mean true and false, and their classes."""
    folded: dict[str, list[int]] = {}
    for label, code in names.codes.items():
        folded.setdefault(label.casefold(), []).append(code)
    more = {}
    for label in labels:
        same = folded.get(label.casefold(), [])
        if label not in names.codes and label.casefold() in TRUTH and len(same) == 1:
            more[label] = same[0]
    agreed = not order or tuple(order) == tuple(names.codes)  # else 1 may be the number of another class
    coded = dict(zip(*((TRUTH, BITS) if set(folded) == set(BITS) else (BITS, TRUTH)), strict=True))
    if agreed and len(names.codes) == len(folded) and set(folded) == set(coded.values()):
        rest = {label: coded[label.casefold()] for label in labels - names.codes.keys() if label.casefold() in coded}
        more.update({label: folded[meant][0] for label, meant in rest.items()})
        return Coding({**names.codes, **more}, truth=bool(rest))
    return Coding({**names.codes, **more})


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
