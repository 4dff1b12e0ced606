"""Errors for values of predictions that mean no class and no probability, with an advice that suits the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.labels import is_missing, is_placeholder, read_number
from w2s_probe.core.types import Float
from w2s_probe.pipeline.prediction_names import UNNAMED, class_named, class_told, columns_of_classes
from w2s_probe.pipeline.prediction_values import Coding, fractional, label_of, numbers_of

NO_LOGITS = "Give probabilities, not logits or percent, or the predicted class."
IN_ARRAYS = ': NaN in an array of floats, "" in one of texts'


def check_classes(
    columns: Mapping[str, Column],
    classes: Sequence[str],
    coding: Coding,
    *,
    order: Sequence[str],
    name: str,
    file: str,
    unnamed: bool,
) -> None:
    """Raise `DataError` for the first value that is no class, with an advice that suits the column.

    Parameters
    ----------
    columns : mapping of str to Column
        Columns by name.
    classes : sequence of str
        Classes of the data, in their order.
    coding : Coding
        What values mean.
    order : sequence of str
        Names of the classes in the order of their numbers in the metadata; empty without such names.
    name : str
        Name of the teacher.
    file : str
        ``labels:FILE`` if all columns of a file are there since none was named; else empty.
    unnamed : bool
        Whether the columns are those of an array.
    """
    wrong = {column: coding.unknown(values) for column, values in columns.items()}
    column = next((column for column, places in wrong.items() if places), None)
    if column is None:
        return
    values, places = columns[column], wrong[column]
    at, advice = _abstention(values, places)
    if advice:
        advice = f"{advice.removesuffix('.')}{IN_ARRAYS}." if unnamed else advice
    elif len(columns) > 1 and file and not unnamed and 2 * len(places) > _filled(values):
        advice = _columns_to_name(columns, wrong, classes, order, file=file)
    if not advice:
        advice = _advice(values.values[at], column, classes, several=len(columns) > 1, unnamed=unnamed)
    numbers = f" or their numbers in the metadata, 0 to {max(map(int, coding.codes))}" if coding.numbered else ""
    msg = (
        f"{name} must predict classes of the data, {listed(classes)}{numbers}: got {label_of(values.values[at])!r:.60} "
        f"in row {values.first_row(at)} of column {column!r:.60}. {advice}"
    )
    raise DataError(msg)


def check_inside(numbers: Float, *, name: str, column: str) -> None:
    """Raise `DataError` if a number is no probability.

    Parameters
    ----------
    numbers : array of shape (n,)
        A column; NaN is missing.
    name : str
        Name of the teacher.
    column : str
        Name of the column.
    """
    outside = np.flatnonzero(~np.isnan(numbers) & ~((numbers >= 0) & (numbers <= 1)))
    if len(outside):
        empty = all(is_placeholder(label_of(float(value))) for value in np.unique(numbers[outside]))
        advice = "Leave them empty to abstain (NaN in an array)." if empty else NO_LOGITS
        msg = (
            f"probabilities of {name} must lie in [0, 1]: got {numbers[outside[0]]:.6g} in row {outside[0]} of column "
            f"{column!r:.60}. {advice}"
        )
        raise DataError(msg)


def wrong_width(width: int, classes: Sequence[str], order: Sequence[str], *, name: str) -> DataError:
    """Return the error for an array of probabilities with another number of columns than the data has classes.

    Parameters
    ----------
    width : int
        Columns of the array.
    classes, order : sequence of str
        Classes of the data, and all classes of its metadata in the order of their numbers; empty without metadata.
    name : str
        Name of the teacher.
    """
    absent = [label for label in order if label not in classes]
    advice = (
        f"No row of the data has the class {listed(absent)}: leave out the column, and divide each row by its sum."
        if absent and width == len(order)
        else 'Save classes or votes as whole numbers, or as texts with "" to abstain.'
    )
    return DataError(
        f"{name} must have a column of probabilities for each of {len(classes)} classes: got {width}. {advice}"
    )


def _abstention(values: Column, places: Sequence[int]) -> tuple[int, str]:
    """Return the position of the value that a message shows, and the advice if such values mean that there is none."""
    texts = {at: label_of(value) for at, value in enumerate(values.values) if not is_missing(value)}
    empty = [at for at in places if is_placeholder(texts[at])]
    others = [text for text in texts.values() if not is_placeholder(text)]
    shares = [number for number in map(read_number, others) if number is not None and 0 <= number <= 1]
    numeric = bool(others) and len(shares) == len(others)
    if not empty or not (numeric or len(empty) == len(places)):
        return places[0], ""
    then = ", so that the other values are read as probabilities" if numeric and set(shares) - {0.0, 1.0} else ""
    return empty[0], f"Leave them empty to abstain{then}."


def _columns_to_name(
    columns: Mapping[str, Column],
    wrong: Mapping[str, Sequence[int]],
    classes: Sequence[str],
    order: Sequence[str],
    *,
    file: str,
) -> str:
    """Return which columns of a file to name: one for each class, else those of classes; empty without such columns."""
    told = [column for column in columns if class_told(column, classes, order)[0] is not None and "," not in column]
    if len(told) < len(columns) and columns_of_classes(told, classes, order)[0]:
        return f"Name the columns of predictions, as in {file}#{','.join(told)}."
    numbers = {column: numbers_of(values) for column, values in columns.items() if UNNAMED.fullmatch(column)}
    nameless = [column for column, own in numbers.items() if own is not None and fractional(own).any()]
    if len(nameless) == len(classes):
        names = listed([f"p_{label}" for label in order or classes])
        return f"Rename the columns {listed(nameless)} to {names}, in the order of the classes of your old model."
    usable = [other for other, places in wrong.items() if not places and "," not in other]
    ids = "a column of ids must be called id, or as --id says"
    return f"Name the columns of predictions, as in {file}#{','.join(usable[:3])}; {ids}." if usable else ""


def _advice(value: object, column: str, classes: Sequence[str], *, several: bool, unnamed: bool) -> str:
    """Return what to do about one value that is no class."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if several and number and 0 < float(str(value)) < 1 and not unnamed:
        named = ", ".join(f"p_{one}" for one in classes[:3])
        mean = f", or give the mean of several models as one column p_{classes[1]}" if len(classes) == 2 else ""
        advice = "A column of probabilities must end in _CLASS, and every class must have one: rename them to"
        return f"{advice} {named}{mean}."
    if number and not unnamed and class_named(column, classes)[0] is not None:
        return NO_LOGITS
    if is_placeholder(label_of(value)):
        return f"Leave them empty to abstain{IN_ARRAYS if unnamed else ''}."
    return did_you_mean(label_of(value), classes).strip() or "Correct these values, or leave them empty to abstain."


def _filled(values: Column) -> int:
    return sum(not is_missing(value) for value in values.values)
