"""Columns of predictions that are the true labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.labels import Labels, is_placeholder
from w2s_probe.core.types import Rows
from w2s_probe.pipeline.prediction_columns import ENOUGH, Shares
from w2s_probe.pipeline.prediction_values import coding_of, label_of

MOST_NAMED = 5  # columns that an example names


def true_columns(
    columns: Mapping[str, Column], order: Sequence[str], labels: Labels, rows: Rows, *, name: str
) -> dict[str, int]:
    """Return each column whose classes equal the labels wherever both are known, with the number of these rows.

    Fewer than `ENOUGH` rows prove nothing.

    Parameters
    ----------
    columns : mapping of str to Column
        Columns of predictions by name.
    order : sequence of str
        Names of the classes in the order of their numbers in the data's metadata; empty without such names.
    labels : Labels
        Labels of `rows`.
    rows : array of int, shape (m,)
        Rows whose labels are known.
    name : str
        Name of the teacher, for messages.
    """
    true = {}
    for column, values in columns.items():
        if any(isinstance(value, float) and not value.is_integer() for value in values.values):  # no class
            continue
        coding = coding_of({column: values}, labels.classes or (), order, name=name)
        if not all(is_placeholder(label_of(values.values[at])) for at in coding.unknown(values)):
            continue
        own = coding.of(values)[rows]
        both = own >= 0
        if both.sum() >= ENOUGH and (own[both] == labels.values[both]).all():
            true[column] = int(both.sum())
    return true


def compared(shares: Shares, labels: Labels, rows: Rows) -> int:
    """Return the number of rows with a prediction if all give the label the share 1, else 0; 0 below `ENOUGH`, too."""
    spoken = shares.speaks[rows]
    right = shares.X[rows[spoken], labels.values[spoken]] == 1
    return len(right) if len(right) >= ENOUGH and right.all() else 0


def truth_among(true: Mapping[str, int], columns: Sequence[str], *, name: str, file: str, unnamed: bool) -> DataError:
    """Return the error for true labels among several columns that the user did not name.

    Parameters
    ----------
    true : mapping of str to int
        The columns that equal the labels, with the number of compared rows.
    columns : sequence of str
        All columns.
    name : str
        Name of the teacher.
    file : str
        ``labels:FILE``.
    unnamed : bool
        Whether the columns are those of an array.
    """
    column, rows = next(iter(true.items()))
    others = [other for other in columns if other not in true]
    plain = bool(others) and len(others) <= MOST_NAMED and not any("," in other for other in others)
    example = ",".join(others) if plain else listed([other for other in others if "," not in other][:1]) or "COLUMN"
    whole = len(columns) <= MOST_NAMED and not any("," in name or not name.strip() for name in columns)
    every = "or name all columns if it is an annotator's" + (f", {file}#{','.join(columns)}" if whole else "")
    advice = (
        "Save the columns of predictions only"
        if unnamed
        else f"Name the columns of predictions, as in {file}#{example}; {every}"
    )
    return DataError(
        f"{name} must hold predictions only: column {column!r:.60} equals the labels of DATA in all {rows:,} rows that "
        f"were compared. {advice}."
    )


def truth_note(true: Mapping[str, int], rows: int, *, name: str, single: bool) -> str:
    """Return the sentence on a teacher whose columns the user named, and whose predictions are the labels.

    Parameters
    ----------
    true : mapping of str to int
        The columns that equal the labels, with the number of compared rows.
    rows : int
        Rows in which the predictions as a whole equal the labels; 0 if they do not.
    name : str
        Name of the teacher.
    single : bool
        Whether the teacher has one column.
    """
    if not true and not rows:
        return ""
    what, count = f"Predictions of {name}", rows
    if not rows:
        column, count = next(iter(true.items()))
        what = f"Predictions of {name}" if single else f"Values of column {column!r:.60} of {name}"
    return (
        f"{what} equal the labels of DATA in all {count:,} rows that were compared: if they are the true labels, the "
        "scores of the teacher, gain and PGR say nothing. Use predictions of your old model."
    )
