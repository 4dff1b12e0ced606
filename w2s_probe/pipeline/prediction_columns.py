"""What columns of predictions mean: classes, probabilities or votes; as shares of the classes for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError
from w2s_probe.core.labels import is_missing, is_placeholder
from w2s_probe.core.types import Float
from w2s_probe.pipeline.prediction_doubts import ROUNDED, check_one_class, check_one_meaning
from w2s_probe.pipeline.prediction_errors import check_classes, check_inside, wrong_width
from w2s_probe.pipeline.prediction_names import UNNAMED, class_named, class_told, columns_of_classes
from w2s_probe.pipeline.prediction_values import (
    BITS,
    TRUTH,
    Coding,
    coding_of,
    fractional,
    label_of,
    matrix_of,
    numbers_of,
    one_hot,
)

Meaning = Literal["classes", "probabilities", "votes"]
ENOUGH = 20  # rows whose values are no chance


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
        Whether neither the name of a column nor the data's metadata tells these classes.
    numbered : bool
        Whether places of columns, or whole numbers, mean the classes with these numbers in the data's metadata.
    truth : bool
        Whether 0 and 1 mean the classes false and true, or false and true the classes 0 and 1.
    """

    X: Float
    speaks: NDArray[np.bool_]
    meaning: Meaning
    of: tuple[str, ...] = ()
    guessed: bool = False
    numbered: bool = False
    truth: bool = False

    @property
    def ties(self) -> int:
        """Rows with a prediction whose largest share several classes have."""
        return int((((self.X.max(axis=1, keepdims=True) == self.X).sum(axis=1) > 1) & self.speaks).sum())


def shares_of(
    columns: Mapping[str, Column],
    classes: Sequence[str],
    *,
    name: str,
    file: str = "",
    order: Sequence[str] = (),
    unnamed: bool = False,
) -> Shares:
    """Return what columns of n rows predict; a missing value is an abstention.

    One column holds classes; with a value strictly between 0 and 1, or if 0 and 1 are its values, neither means a
    class and its name tells one, it holds the probability of one of two classes: of the one that its name tells (see
    `class_named`), else of the second one. Several columns are probabilities if
    each class has exactly one that is named after it; if all values are names of classes, too, one of each row must
    be 1 and the others 0. Columns of an array are probabilities by their place, unless they hold classes. Otherwise
    each column is an annotator, and the shares are those of their votes.

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
    order : sequence of str
        Names of the classes in the order of their numbers in the data's metadata; empty without such names.
    unnamed : bool
        Whether the columns are those of an array, whose names say nothing.

    Raises
    ------
    DataError
        If a value is no class of the data, a probability lies outside [0, 1], or columns have two likely meanings.
    """
    if len(columns) == 1:
        ((column, values),) = columns.items()
        numbers = numbers_of(values)
        if numbers is not None and fractional(numbers).any():
            return _one_class(numbers, classes, order, name=name, column=column, unnamed=unnamed)
        coding = coding_of(columns, classes, order, name=name)
        if numbers is not None and not unnamed and _is_named(column, values, classes, coding):
            return _one_class(numbers, classes, order, name=name, column=column, unnamed=unnamed)
        if not unnamed:
            _check_not_inverted(column, values, classes, order, coding, name=name)
        check_classes(columns, classes, coding, order=order, name=name, file=file, unnamed=unnamed)
        return _voted(columns, len(classes), coding, meaning="classes")
    P, coding = matrix_of(columns.values()), coding_of(columns, classes, order, name=name)
    if P is not None and unnamed and _by_place(P, columns, len(classes), coding):
        return _of_places(P, list(columns), classes, order, name=name)
    if P is not None and not unnamed:
        own = _of_names(P, columns, classes, order, coding, name=name)
        if own is not None:
            return own
    check_classes(columns, classes, coding, order=order, name=name, file=file, unnamed=unnamed)
    shares = _voted(columns, len(classes), coding, meaning="votes")
    if shares.ties == shares.speaks.sum() >= ENOUGH:
        msg = (
            f"{name} must have a row in which one class has the most votes: classes tie in all {shares.ties:,} rows. "
            f"Give one column of predicted classes, or columns of probabilities, called p_{classes[0]}, p_{classes[1]} "
            "and so on."
        )
        raise DataError(msg)
    return shares


def _by_place(P: Float, columns: Mapping[str, Column], classes: int, coding: Coding) -> bool:
    """Return whether columns of an array hold probabilities, not classes: one that is no class, or one-hot rows."""
    if fractional(P).any() or P.shape[1] != classes:
        return bool(fractional(P).any())
    unknown = (values.values[at] for values in columns.values() for at in coding.unknown(values))
    return one_hot(P) or not all(is_placeholder(label_of(value)) for value in unknown)


def _of_places(P: Float, columns: Sequence[str], classes: Sequence[str], order: Sequence[str], *, name: str) -> Shares:
    """Return probabilities of the classes in the order of their numbers in the metadata, else in sorted order."""
    own = [label for label in order if label in classes] or list(classes)
    if P.shape[1] != len(classes):
        raise wrong_width(P.shape[1], classes, order, name=name)
    shares = probabilities(P, columns, name=name)
    X = shares.X[:, [own.index(label) for label in classes]]
    return replace(shares, X=X, of=tuple(own), guessed=not order, numbered=bool(order))


def _of_names(
    P: Float, columns: Mapping[str, Column], classes: Sequence[str], order: Sequence[str], coding: Coding, *, name: str
) -> Shares | None:
    """Return probabilities of the classes that the columns are named after; None if they are votes."""
    of_class, numbered = columns_of_classes(list(columns), classes, order)
    if of_class:
        names = coding if numbered else Coding(dict.fromkeys(classes, 0))
        if not one_hot(P) and not any(names.unknown(values) for values in columns.values()):
            return None
        own, in_order = list(columns), list(of_class.values())
        P = P[:, [own.index(column) for column in in_order]]
        check_one_meaning(of_class, classes, order, sums=P.sum(axis=1), name=name, numbered=numbered)
        shares = probabilities(P, in_order, name=name)
        class_of = {column: label for label, column in of_class.items()}
        return replace(shares, of=tuple(class_of[column] for column in columns), numbered=numbered)
    if P.shape[1] == len(classes) and len(P) >= ENOUGH and one_hot(P):
        msg = (
            f"{name} must say of which classes its columns are: each row has one 1 and otherwise 0. Rename the columns "
            f"to p_{classes[0]}, p_{classes[1]} and so on if a column is a class, not an annotator."
        )
        raise DataError(msg)
    return None


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
        check_inside(P[:, place], name=name, column=column)
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


def _one_class(
    numbers: Float, classes: Sequence[str], order: Sequence[str], *, name: str, column: str, unnamed: bool
) -> Shares:
    """Return the probabilities of the class that the name of the column tells, else of the second class."""
    if len(classes) != 2:
        msg = (
            f"{name} must name a column of probabilities for each of {len(classes)} classes: got one column of "
            "numbers. Name a column for each class, with commas between, or a column of predicted classes."
        )
        raise DataError(msg)
    own, sure, numbered = (None, False, False) if unnamed else class_told(column, classes, order)
    first, second = classes
    if not unnamed:
        check_one_class(column, own, classes, order, name=name)
    check_inside(numbers, name=name, column=column)
    speaks = np.asarray(~np.isnan(numbers))
    if not sure and speaks.sum() >= ENOUGH and numbers[speaks].min() >= 1 / 2:  # a model's confidence looks like this
        advice = "Save a column for each class" if unnamed else f"Name the column after its class, as in p_{second}"
        msg = (
            f"{name} must say whose probabilities column {column!r:.60} holds: all are at least 0.5, as those of the "
            f"class that is predicted in each row. {advice}, or give the predicted classes."
        )
        raise DataError(msg)
    by_number = next(reversed([label for label in order if label in classes]), second)
    if own is None and not unnamed and by_number == first:
        msg = (
            f"{name} must say whose probabilities column {column!r:.60} holds: {second} is the second class by name, "
            f"{first} in the metadata. Rename the column to p_{second} or to p_{first}."
        )
        raise DataError(msg)
    numbered = numbered or (own is None and unnamed and bool(order))
    own = own or by_number
    p = np.where(speaks, numbers, 0.5)
    X = np.column_stack([p, 1 - p] if own == first else [1 - p, p])
    return Shares(X=X, speaks=speaks, meaning="probabilities", of=(own,), guessed=not sure, numbered=numbered)


def _is_named(column: str, values: Column, classes: Sequence[str], coding: Coding) -> bool:
    """Return whether 0 and 1 mean no class, and the name of their column tells one of two classes."""
    texts = {label_of(value) for value in values.values if not is_missing(value)}
    bits = bool(texts) and texts <= {*BITS, *TRUTH} and not texts & set(coding.codes)
    return bits and len(classes) == 2 and class_named(column, classes)[1]


def _check_not_inverted(
    column: str, values: Column, classes: Sequence[str], order: Sequence[str], coding: Coding, *, name: str
) -> None:
    """Raise `DataError` if 0 and 1 may be classes, or probabilities of the class that 0 would mean."""
    texts = {label_of(value) for value in values.values if not is_missing(value)}
    zero, one = TRUTH if texts <= set(TRUTH) else BITS
    if len(classes) != 2 or not texts or not texts <= {zero, one} or zero not in coding.codes:
        return
    if UNNAMED.fullmatch(column):  # the place of a column without a name
        return
    own, *_ = class_told(column, classes, order)
    if own == classes[coding.codes[zero]]:
        other = next(label for label in classes if label != own)
        msg = (
            f"{name} must say what {zero} and {one} in column {column!r:.60} mean: predicted classes, or probabilities "
            f"of {own}. Rename the column of classes to a name without a class, or give probabilities of {other} as "
            f"p_{other}."
        )
        raise DataError(msg)


def _voted(columns: Mapping[str, Column], K: int, coding: Coding, *, meaning: Meaning) -> Shares:
    """Return the shares of K classes among the values of each row."""
    n = len(next(iter(columns.values())))
    votes = np.zeros((n, K))
    for values in columns.values():
        own = coding.of(values)
        given = np.flatnonzero(own >= 0)
        votes[given, own[given]] += 1
    total = votes.sum(axis=1)
    speaks = total > 0
    X = np.full(votes.shape, 1 / K)
    X[speaks] = votes[speaks] / total[speaks, None]
    return Shares(X=X, speaks=speaks, meaning=meaning, numbered=coding.numbered, truth=coding.truth)
