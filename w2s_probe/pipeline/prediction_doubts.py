"""Errors for columns of probabilities whose names tell their classes in two ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.types import Float
from w2s_probe.pipeline.prediction_names import (
    UNNAMED,
    class_numbered,
    columns_by_number,
    is_bare_number,
    is_denied,
)

ROUNDED = 0.02  # largest distance of a row's sum of probabilities from 1


def check_one_class(column: str, own: str | None, classes: Sequence[str], order: Sequence[str], *, name: str) -> None:
    """Raise `DataError` if the name of one column of probabilities may tell another class, or none.

    Parameters
    ----------
    column : str
        Name of the column.
    own : str or None
        Class that its name tells.
    classes : sequence of str, length 2
        Classes of the data.
    order : sequence of str
        Names of the classes in the order of their numbers in the metadata; empty without such names.
    name : str
        Name of the teacher.
    """
    first, second = classes
    numbered = class_numbered(column, classes, order)
    if own is not None and is_denied(column, own):
        msg = (
            f"{name} must say whose probabilities column {column!r:.60} holds: its name says not {own}. Rename the "
            f"column to p_{first} or to p_{second}."
        )
        raise DataError(msg)
    if own == first and (UNNAMED.fullmatch(column) or (own != numbered and is_bare_number(column, first))):
        other = "the place of a column without a name" if UNNAMED.fullmatch(column) else "the number of a model"
        msg = (
            f"{name} must say whose probabilities column {column!r:.60} holds: {own} may be the class, or {other}. "
            f"Rename the column to p_{first} or to p_{second}."
        )
        raise DataError(msg)
    if own is not None and numbered not in (None, own):
        raise _two_ways(column, own, str(numbered), name=name)


def check_one_meaning(
    of_class: Mapping[str, str],
    classes: Sequence[str],
    order: Sequence[str],
    *,
    sums: Float,
    name: str,
    numbered: bool,
) -> None:
    """Raise `DataError` if a column of probabilities for each class may be that of another class, or of a model.

    Parameters
    ----------
    of_class : mapping of str to str
        Column of each class.
    classes, order : sequence of str
        As in `check_one_class`.
    sums : array of shape (n,)
        Sum of each row; NaN where one is missing.
    name : str
        Name of the teacher.
    numbered : bool
        Whether numbers in the metadata tell the classes.
    """
    by_number = columns_by_number(list(of_class.values()), classes, order)
    other = [label for label in by_number if by_number[label] != of_class[label]]
    if other and not numbered:
        column = by_number[other[0]]
        own = next(label for label in of_class if of_class[label] == column)
        raise _two_ways(column, own, other[0], name=name)
    bare = [column for label, column in of_class.items() if not numbered and is_bare_number(column, label)]
    if bare and np.any(np.abs(sums - 1) > ROUNDED):
        msg = (
            f"{name} must say what its columns hold: numbers in {listed(bare)} may be classes or numbers of models, "
            f"and rows do not sum to 1. Rename the columns to p_{classes[0]}, p_{classes[1]} and so on if each is a "
            f"class; of several models, give the mean of their probabilities of each class."
        )
        raise DataError(msg)


def _two_ways(column: str, own: str, other: str, *, name: str) -> DataError:
    return DataError(
        f"{name} must say whose probabilities column {column!r:.60} holds: its number may be the name of the class "
        f"{own!r:.60}, or the number of the class {other!r:.60} in the metadata. Save a column for each class in the "
        "order of the metadata, without names in .npy, or the predicted classes as texts, in .parquet or .npy."
    )
