"""What columns of predictions mean: classes, probabilities or votes; as shares of the classes for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.labels import class_name, is_missing
from w2s_probe.core.types import Float

Meaning = Literal["classes", "probabilities", "votes"]
ROUNDED = 0.02  # largest distance of a row's sum of probabilities from 1


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Shares:
    """Shares of the classes for each row, and what the columns meant.

    Parameters
    ----------
    X : array of shape (n, K)
        Rows sum to 1; equal shares where the teacher abstains.
    speaks : array of bool, shape (n,)
        Rows with a prediction.
    meaning : {"classes", "probabilities", "votes"}
        How the columns were read.
    """

    X: Float
    speaks: NDArray[np.bool_]
    meaning: Meaning


def shares_of(columns: Mapping[str, Column], classes: Sequence[str], *, name: str) -> Shares:
    """Return what columns of n rows predict; a missing value is an abstention.

    One column holds classes; with a value strictly between 0 and 1 it holds the probability of the second of two
    classes. Several columns are probabilities if each class has exactly one, called CLASS or ending in ``_CLASS``, and
    all values lie in [0, 1]. Otherwise each column is an annotator, and the shares are those of their votes.

    Parameters
    ----------
    columns : mapping of str to Column
        Columns by name.
    classes : sequence of str
        Classes of the data, in their order.
    name : str
        Name of the teacher, for messages.

    Raises
    ------
    DataError
        If a value is no class of the data, or a probability lies outside [0, 1].
    """
    if len(columns) == 1:
        ((column, values),) = columns.items()
        numbers = _numbers(values)
        if numbers is not None and _fractional(numbers).any():
            return _second_class(numbers, classes, name=name, column=column)
        return _voted({column: values}, classes, name=name, meaning="classes")
    of_class = _columns_of_classes(list(columns), classes)
    numeric = {column: _numbers(values) for column, values in columns.items()}
    table = [numeric[column] for column in of_class.values()]
    if of_class and all(numbers is not None for numbers in table):
        P = np.column_stack([numbers for numbers in table if numbers is not None])
        inside = not (np.isfinite(P) & ((P < 0) | (P > 1))).any()
        if inside or _fractional(P).any():
            return probabilities(P, list(of_class.values()), name=name)
    return _voted(columns, classes, name=name, meaning="votes")


def probabilities(P: Float, columns: Sequence[str], *, name: str) -> Shares:
    """Return a column of probabilities for each class, shape (n, K), as shares; NaN in a whole row is an abstention.

    Parameters
    ----------
    P : array of shape (n, K)
        Probabilities in the order of the classes.
    columns : sequence of str, length K
        Names of the columns, for messages.
    name : str
        Name of the teacher, for messages.
    """
    speaks = np.asarray(~np.isnan(P).all(axis=1), dtype=np.bool_)
    partial = np.flatnonzero(np.isnan(P).any(axis=1) & speaks)
    if len(partial):
        msg = (
            f"{name} must have a probability of every class in a row, or none: row {partial[0]} lacks some. Fill them "
            "in, or leave the whole row empty."
        )
        raise DataError(msg)
    for place, column in enumerate(columns):
        _check_inside(P[:, place], name=name, column=column)
    sums = P[speaks].sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > ROUNDED)
    if len(wrong):
        row = int(np.flatnonzero(speaks)[wrong[0]])
        msg = (
            f"probabilities of {name} must sum to 1 in every row: got {sums[wrong[0]]:.3g} in row {row}. Divide each "
            "row by its sum, or name the column of the predicted class."
        )
        raise DataError(msg)
    X = np.full(P.shape, 1 / P.shape[1])
    X[speaks] = P[speaks] / sums[:, None]
    return Shares(X=X, speaks=speaks, meaning="probabilities")


def _second_class(numbers: Float, classes: Sequence[str], *, name: str, column: str) -> Shares:
    if len(classes) != 2:
        msg = (
            f"{name} must name a column of probabilities for each of {len(classes)} classes: got one column of "
            "numbers. Write labels:COLUMN,COLUMN,… or name a column of predicted classes."
        )
        raise DataError(msg)
    _check_inside(numbers, name=name, column=column)
    speaks = np.asarray(~np.isnan(numbers))
    p = np.where(speaks, numbers, 0.5)
    return Shares(X=np.column_stack([1 - p, p]), speaks=speaks, meaning="probabilities")


def _voted(columns: Mapping[str, Column], classes: Sequence[str], *, name: str, meaning: Meaning) -> Shares:
    """Return the shares of the classes among the values of each row."""
    place = {label: code for code, label in enumerate(classes)}
    n = len(next(iter(columns.values())))
    votes = np.zeros((n, len(classes)))
    for column, values in columns.items():
        codes = np.full(len(values.values), -1)
        for at, value in enumerate(values.values):
            if not is_missing(value):
                codes[at] = _code(value, place, name=name, column=column, row=values.first_row(at))
        own = codes[values.codes]
        given = np.flatnonzero(own >= 0)
        votes[given, own[given]] += 1
    total = votes.sum(axis=1)
    speaks = total > 0
    X = np.full(votes.shape, 1 / len(classes))
    X[speaks] = votes[speaks] / total[speaks, None]
    return Shares(X=X, speaks=speaks, meaning=meaning)


def _code(value: object, place: Mapping[str, int], *, name: str, column: str, row: int) -> int:
    fraction = isinstance(value, float) and not value.is_integer()
    label = str(value) if fraction else class_name(value)
    if label not in place:
        names = list(place)
        near = did_you_mean(label, names) or " Correct these values, or leave them empty to abstain."
        msg = (
            f"{name} must predict classes of the data, {listed(names)}: got {label!r:.60} in row {row} of column "
            f"{column!r:.60}.{near}"
        )
        raise DataError(msg)
    return place[label]


def _columns_of_classes(columns: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Return the column of each class, by class; empty unless each class has exactly one and no column is left."""
    found: dict[str, str] = {}
    for column in columns:
        named = [label for label in classes if column == label or column.endswith(f"_{label}")]
        if not named:
            return {}
        label = max(named, key=len)
        if label in found:
            return {}
        found[label] = column
    return {label: found[label] for label in classes} if len(found) == len(classes) else {}


def _numbers(column: Column) -> Float | None:
    """Return a column as numbers, missing ones as NaN; None if a value is something else."""
    numbers = np.empty(len(column.values))
    for at, value in enumerate(column.values):
        if is_missing(value):
            numbers[at] = np.nan
        elif isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            numbers[at] = float(value)
        else:
            return None
    return numbers[column.codes]


def _fractional(numbers: Float) -> NDArray[np.bool_]:
    return np.isfinite(numbers) & (numbers != np.floor(numbers))


def _check_inside(numbers: Float, *, name: str, column: str) -> None:
    """Raise `DataError` if a number is no probability."""
    outside = np.flatnonzero(~np.isnan(numbers) & ~((numbers >= 0) & (numbers <= 1)))
    if len(outside):
        msg = (
            f"probabilities of {name} must lie in [0, 1]: got {numbers[outside[0]]:.6g} in row {outside[0]} of column "
            f"{column!r:.60}. Give probabilities, not logits or percent, or the predicted class."
        )
        raise DataError(msg)
