"""Labels for the heads: class codes, or numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError
from w2s_probe.core.types import Float, Rows

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")  # class "2" is sorted before "10", also if both were read as text
LARGEST_LABEL = 1e70  # fourth powers of larger labels, or of differences below 1e-70, leave the range of floats
Task = Literal["classification", "regression"]
PLACEHOLDERS = {  # in lower case, without underscores and brackets
    *("-1", "-9", "-99", "-999", "-9999", "?", "??", ".", "-", "--", "\\n"),
    *("na", "n/a", "n.a", "n/d", "nd", "nan", "nat", "none", "null", "nil", "no value", "missing", "empty", "blank"),
    *("unk", "unknown", "not known", "undefined", "undetermined", "unspecified", "not available", "not applicable"),
    *("unlabeled", "unlabelled", "no label", "not labeled", "not labelled", "unannotated", "unassigned", "tbd", "todo"),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """Labels of n rows.

    Parameters
    ----------
    values : array of shape (n,)
        Positions in `classes` (int64), or numbers (float64) for regression.
    classes : tuple of str, or None
        Names of the classes, sorted, as numbers if all are numbers; None for regression.
    """

    values: NDArray[Any]
    classes: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def task(self) -> Task:
        """Return ``"regression"`` if there are no classes."""
        return "regression" if self.classes is None else "classification"

    def targets(self, rows: Rows) -> Float:
        """Return the targets of a head: one-hot rows (m, K), or numbers (m, 1).

        Parameters
        ----------
        rows : array of int, shape (m,)
            Positions of rows.
        """
        if self.classes is None:
            return self.values[rows, None].astype(np.float64)
        return np.eye(len(self.classes))[self.values[rows]]

    def class_counts(self) -> dict[str, int]:
        """Return the rows of each class; empty for regression."""
        if self.classes is None:
            return {}
        return dict(zip(self.classes, np.bincount(self.values, minlength=len(self.classes)).tolist(), strict=True))

    def names(self, rows: Rows) -> list[str] | list[float]:
        """Return the labels of these rows as the user wrote them.

        Parameters
        ----------
        rows : array of int, shape (m,)
            Positions of rows.
        """
        if self.classes is None:
            return [float(value) for value in self.values[rows]]
        return [self.classes[code] for code in self.values[rows]]


def read_labels(column: Sequence[Any], *, name: str, task: Task) -> Labels:
    """Return a label column as class codes or numbers.

    Parameters
    ----------
    column : sequence of length n
        Strings, integers, booleans or floats, none of them missing.
    name : str
        Name of the column, for messages.
    task : {"classification", "regression"}
        Whether labels are classes or numbers.

    Raises
    ------
    DataError
        If a label is missing, is not a number in regression, or if there is only one class.
    """
    column = Column.of(column)
    check_filled(column, name=name, what="a label")
    return _numbers(column, name) if task == "regression" else _classes(column, name)


def check_filled(column: Sequence[Any], *, name: str, what: str) -> None:
    """Raise `DataError` unless every row of the column has a value; `what` names the value in the message."""
    missing = np.flatnonzero(Column.of(column).where(is_missing))
    if len(missing):
        msg = (
            f"column {name!r} must hold {what} in every row: {len(missing)} of {len(column)} rows "
            f"have none, the first is row {missing[0]}. Fill in or remove these rows."
        )
        raise DataError(msg)


def is_missing(value: Any) -> bool:
    """Return whether a value of a column is none: null, NaN, or a text of blanks."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and isnan(value))


def placeholder_notes(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return a sentence for each class whose name often means "no label"; `counts` has the rows of each class.

    -1 beside 1 alone is the usual coding of two classes.
    """
    names = [name for name in counts if is_placeholder(name) and set(counts) != {"-1", "1"}]
    return tuple(placeholder_note(name, counts[name], sum(counts.values())) for name in names)


def is_placeholder(name: str) -> bool:
    """Return whether a text often means that there is no value, as -1 and NA do."""
    return _bare(name) in PLACEHOLDERS


def placeholder_note(name: str, rows: int, total: int) -> str:
    """Return the question whether a class is a class."""
    return (
        f"Is {name!r:.60}, {rows:,} of {total:,} labels, a class, or rows without a label? "
        "Leave the label empty for those."
    )


def label_notes(column: Sequence[Any], labels: Labels, *, name: str) -> tuple[str, ...]:
    """Return what `placeholder_notes` and `name_notes` say of a column of labels; nothing for regression."""
    if labels.classes is None:
        return ()
    return (*placeholder_notes(labels.class_counts()), *name_notes(column, name=name, what="labels"))


def name_notes(column: Sequence[Any], *, name: str, what: str) -> tuple[str, ...]:
    """Return how many values of a column lose blanks at their ends, and which names differ in case only.

    Parameters
    ----------
    column : sequence of length n
        Labels or group values; missing ones are passed over.
    name : str
        Name of the column, for messages.
    what : {"labels", "group values"}
        What the column holds.
    """
    column = Column.of(column)
    padded = [value for value in column.values if isinstance(value, str) and value.strip() != value and value.strip()]
    notes = []
    if padded:
        rows = int(column.where(set(padded).__contains__).sum())
        notes.append(
            f"{rows:,} of {len(column):,} {what} in column {name!r:.60} have blanks at their ends, which are removed: "
            f"{padded[0]!r:.60} is {padded[0].strip()!r:.60}."
        )
    alike: dict[str, list[str]] = {}
    for text in sorted({value.strip() for value in column.values if isinstance(value, str) and value.strip()}):
        alike.setdefault(text.casefold(), []).append(text)
    several = [names for names in alike.values() if len(names) > 1]
    if several:
        got = " and ".join(f"{text!r:.60}" for text in several[0])
        more = f" (and {len(several) - 1:,} more such names)" if len(several) > 1 else ""
        notes.append(
            f"{what.capitalize()} {got} of column {name!r:.60} differ in case only{more} and are different "
            f"{'classes' if what == 'labels' else 'groups'}. Write them in one way if they mean the same."
        )
    return tuple(notes)


def _bare(name: str) -> str:
    """Return a name in lower case, with blanks for underscores and without brackets, number signs or a last dot."""
    bare = " ".join(name.casefold().replace("_", " ").split()).strip("<>()[]{}#'\" ")
    return bare.removesuffix(".") or bare or name


def class_name(value: Any) -> str:
    """Return a label or group value as text: booleans as true and false, whole numbers without a decimal point.

    Blanks at the ends of texts are removed.
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value).strip()


def _numbers(column: Column, name: str) -> Labels:
    numbers = np.empty(len(column.values))
    for at, value in enumerate(column.values):
        number = read_number(value)
        if number is None:
            hint = ""
            if isinstance(value, str) and is_placeholder(value):
                hint = f"If {value!r:.60} means that a row has no label, leave the label empty. Otherwise: "
            msg = (
                f"column {name!r} must hold numbers for regression: got {value!r:.60} in row {column.first_row(at)}. "
                f"{hint}Name a numeric column with `label`, or use `task` classification."
            )
            raise DataError(msg)
        numbers[at] = number
    values = numbers[column.codes]
    _check_numbers(values, column, name)
    return Labels(values=values, classes=None)


def _check_numbers(values: NDArray[np.float64], column: Sequence[Any], name: str) -> None:
    """Raise `DataError` unless regression labels are finite, differ, and have squares in the range of floats."""
    sizes = np.abs(values)
    if not np.isfinite(values).all() or sizes.max() > LARGEST_LABEL:
        row = int(np.argmax(np.where(np.isnan(sizes), np.inf, sizes)))
        msg = (
            f"column {name!r} must hold finite numbers of at most {LARGEST_LABEL:.0e}: got {column[row]!s:.60} in row "
            f"{row}. Correct or remove such rows, or divide all labels by a constant."
        )
        raise DataError(msg)
    if np.ptp(values) < 1 / LARGEST_LABEL:
        msg = (
            f"column {name!r} must hold numbers that differ by at least {1 / LARGEST_LABEL:.0e}: got values from "
            f"{values.min()} to {values.max()}. Name another column with `label`."
        )
        raise DataError(msg)


def read_number(value: Any) -> float | None:
    """Return a label as a number; None if it is not a number in digits (0 to 9) with a decimal point."""
    if isinstance(value, str) and not (value.isascii() and "_" not in value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _classes(column: Column, name: str) -> Labels:
    fractions = [value for value in column.values if isinstance(value, float) and not value.is_integer()]
    if fractions:
        msg = (
            f"column {name!r} must hold classes: got the number {fractions[0]}. "
            "Use `task` regression, or name a column of classes with `label`."
        )
        raise DataError(msg)
    texts = [class_name(value) for value in column.values]
    numeric = all(NUMBER.fullmatch(text) for text in set(texts))
    classes = sorted(set(texts), key=(lambda text: (float(text), text)) if numeric else None)
    if len(classes) < 2:
        got = ", ".join(classes) or "none"
        msg = f"column {name!r} must hold at least two classes: got only {got:.60}. Name another column with `label`."
        raise DataError(msg)
    code = {text: i for i, text in enumerate(classes)}
    return Labels(values=np.array([code[text] for text in texts])[column.codes], classes=tuple(classes))
