"""What columns of predictions mean: classes, probabilities or votes; as shares of the classes for each row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.labels import class_name, is_missing
from w2s_probe.core.types import Float

Meaning = Literal["classes", "probabilities", "votes"]
ROUNDED = 0.02  # largest distance of a row's sum of probabilities from 1
UNNAMED = re.compile(r"(column_)?\d+")  # names that pandas and polars give to columns without one


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
    of : tuple of str
        Class of each column of probabilities, in the order of the columns; empty for classes and votes.
    guessed : bool
        Whether no name of a column tells these classes.
    """

    X: Float
    speaks: NDArray[np.bool_]
    meaning: Meaning
    of: tuple[str, ...] = ()
    guessed: bool = False

    @property
    def ties(self) -> int:
        """Rows with a prediction whose largest share several classes have."""
        return int((((self.X.max(axis=1, keepdims=True) == self.X).sum(axis=1) > 1) & self.speaks).sum())


def shares_of(columns: Mapping[str, Column], classes: Sequence[str], *, name: str, file: str = "") -> Shares:
    """Return what columns of n rows predict; a missing value is an abstention.

    One column holds classes; with a value strictly between 0 and 1 it holds the probability of one of two classes:
    of CLASS, if it is called CLASS or ends in ``_CLASS``, else of the second one. Several columns are probabilities if
    each class has exactly one of such a name, and all values lie in [0, 1]; if all values are names of classes, too,
    one of each row must be 1 and the others 0. Otherwise each column is an annotator, and the shares are those of
    their votes.

    Parameters
    ----------
    columns : mapping of str to Column
        Columns by name.
    classes : sequence of str
        Classes of the data, in their order.
    name : str
        Name of the teacher, for messages.
    file : str
        For messages, ``labels:FILE`` if all columns of a file are there since none was named; else empty.

    Raises
    ------
    DataError
        If a value is no class of the data, or a probability lies outside [0, 1].
    """
    if len(columns) == 1:
        ((column, values),) = columns.items()
        numbers = _numbers(values)
        if numbers is not None and _fractional(numbers).any():
            return _one_class(numbers, classes, name=name, column=column)
        return _voted({column: values}, classes, name=name, meaning="classes")
    of_class = _columns_of_classes(list(columns), classes)
    numeric = {column: _numbers(values) for column, values in columns.items()}
    table = [numeric[column] for column in of_class.values()]
    if of_class and all(numbers is not None for numbers in table):
        P = np.column_stack([numbers for numbers in table if numbers is not None])
        inside = not (np.isfinite(P) & ((P < 0) | (P > 1))).any()
        votes = not _one_hot(P) and not any(_no_classes(values, classes) for values in columns.values())
        if (inside or _fractional(P).any()) and not votes:
            shares = probabilities(P, list(of_class.values()), name=name)
            class_of = {column: label for label, column in of_class.items()}
            return replace(shares, of=tuple(class_of[column] for column in columns))
    return _voted(columns, classes, name=name, meaning="votes", file=file)


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


def _one_class(numbers: Float, classes: Sequence[str], *, name: str, column: str) -> Shares:
    """Return the probabilities of the class that the name of the column tells, else of the second class."""
    if len(classes) != 2:
        msg = (
            f"{name} must name a column of probabilities for each of {len(classes)} classes: got one column of "
            "numbers. Name a column for each class, with commas between, or a column of predicted classes."
        )
        raise DataError(msg)
    first, second = classes
    own = _class_of(column, classes)
    if own == first and UNNAMED.fullmatch(column):
        msg = (
            f"{name} must say whose probabilities column {column!r:.60} holds: {own} may be the class, or the place of "
            f"a column without a name. Rename the column to p_{first} or to p_{second}."
        )
        raise DataError(msg)
    _check_inside(numbers, name=name, column=column)
    speaks = np.asarray(~np.isnan(numbers))
    p = np.where(speaks, numbers, 0.5)
    X = np.column_stack([p, 1 - p] if own == first else [1 - p, p])
    return Shares(X=X, speaks=speaks, meaning="probabilities", of=(own or second,), guessed=own is None)


def _voted(
    columns: Mapping[str, Column], classes: Sequence[str], *, name: str, meaning: Meaning, file: str = ""
) -> Shares:
    """Return the shares of the classes among the values of each row."""
    _check_classes(columns, classes, name=name, file=file)
    place = {label: code for code, label in enumerate(classes)}
    n = len(next(iter(columns.values())))
    votes = np.zeros((n, len(classes)))
    for values in columns.values():
        codes = np.full(len(values.values), -1)
        for at, value in enumerate(values.values):
            if not is_missing(value):
                codes[at] = place[_label(value)]
        own = codes[values.codes]
        given = np.flatnonzero(own >= 0)
        votes[given, own[given]] += 1
    total = votes.sum(axis=1)
    speaks = total > 0
    X = np.full(votes.shape, 1 / len(classes))
    X[speaks] = votes[speaks] / total[speaks, None]
    return Shares(X=X, speaks=speaks, meaning=meaning)


def _check_classes(columns: Mapping[str, Column], classes: Sequence[str], *, name: str, file: str) -> None:
    """Raise `DataError` for the first value that is no class, with an advice that suits the column."""
    wrong = {column: _no_classes(values, classes) for column, values in columns.items()}
    column = next((column for column, places in wrong.items() if places), None)
    if column is None:
        return
    values, places = columns[column], wrong[column]
    value = values.values[places[0]]
    label = _label(value)
    given = sum(not is_missing(one) for one in values.values)
    fraction = isinstance(value, float) and 0 < value < 1
    if len(columns) > 1 and file and 2 * len(places) > given:
        usable = [other for other, places in wrong.items() if not places and "," not in other]
        advice = (
            f"Name the columns of predictions, as in {file}#{','.join(usable[:3]) or 'COLUMN'}; a column of ids must "
            "be called id, or as --id says."
        )
    elif len(columns) > 1 and fraction:
        named = ", ".join(f"p_{one}" for one in classes[:3])
        advice = f"A column of probabilities must end in _CLASS, and every class must have one: rename them to {named}."
    else:
        advice = did_you_mean(label, classes).strip() or "Correct these values, or leave them empty to abstain."
    msg = (
        f"{name} must predict classes of the data, {listed(classes)}: got {label!r:.60} in row "
        f"{values.first_row(places[0])} of column {column!r:.60}. {advice}"
    )
    raise DataError(msg)


def _no_classes(column: Column, classes: Sequence[str]) -> list[int]:
    """Return the positions of the values that are no class and not missing."""
    names = set(classes)
    return [at for at, value in enumerate(column.values) if not is_missing(value) and _label(value) not in names]


def _label(value: object) -> str:
    """Return a value as the name of a class."""
    return str(value) if isinstance(value, float) and not value.is_integer() else class_name(value)


def _class_of(column: str, classes: Sequence[str]) -> str | None:
    """Return the class that a column is called or ends in, after an underscore; the longest of several."""
    named = [label for label in classes if column == label or column.endswith(f"_{label}")]
    return max(named, key=len, default=None)


def _one_hot(P: Float) -> bool:
    """Return whether whole numbers are 1 for one class in every row, and 0 for the others; a row may be empty."""
    given = P[~np.isnan(P).all(axis=1)]
    return bool(((given == 0) | (given == 1)).all() and (given.sum(axis=1) == 1).all())


def _columns_of_classes(columns: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Return the column of each class, by class; empty unless each class has exactly one and no column is left."""
    found: dict[str, str] = {}
    for column in columns:
        label = _class_of(column, classes)
        if label is None or label in found:
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
