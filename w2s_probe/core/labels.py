"""Labels for the heads: class codes, or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError
from w2s_probe.core.types import Float, Rows

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")  # class "2" is sorted before "10", also if both were read as text
Task = Literal["classification", "regression"]


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
    check_filled(column, name=name, what="a label")
    return _numbers(column, name) if task == "regression" else _classes(column, name)


def check_filled(column: Sequence[Any], *, name: str, what: str) -> None:
    """Raise `DataError` unless every row of the column has a value; `what` names the value in the message."""
    missing = [i for i, value in enumerate(column) if value is None or (isinstance(value, float) and isnan(value))]
    if missing:
        msg = (
            f"column {name!r} must hold {what} in every row: {len(missing)} of {len(column)} rows "
            f"have none, the first is row {missing[0]}. Fill in or remove these rows."
        )
        raise DataError(msg)


def class_name(value: Any) -> str:
    """Return a label or group value as text: booleans as true and false, whole numbers without a decimal point."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)


def _numbers(column: Sequence[Any], name: str) -> Labels:
    try:
        values = np.array([float(value) for value in column])
    except (TypeError, ValueError):
        msg = (
            f"column {name!r} must hold numbers for regression: got "
            f"{next(v for v in column if not isinstance(v, (int, float)))!r}. "
            "Name a numeric column with `label`, or use `task` classification."
        )
        raise DataError(msg) from None
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        msg = (
            f"column {name!r} must hold finite numbers that differ: got values from "
            f"{values.min()} to {values.max()}. Name another column with `label`."
        )
        raise DataError(msg)
    return Labels(values=values, classes=None)


def _classes(column: Sequence[Any], name: str) -> Labels:
    if any(isinstance(value, float) and not value.is_integer() for value in column):
        example = next(v for v in column if isinstance(v, float) and not v.is_integer())
        msg = (
            f"column {name!r} must hold classes: got the number {example}. "
            "Use `task` regression, or name a column of classes with `label`."
        )
        raise DataError(msg)
    texts = [class_name(value) for value in column]
    numeric = all(NUMBER.fullmatch(text) for text in set(texts))
    classes = sorted(set(texts), key=(lambda text: (float(text), text)) if numeric else None)
    if len(classes) < 2:
        got = ", ".join(classes) or "none"
        msg = f"column {name!r} must hold at least two classes: got only {got:.60}. Name another column with `label`."
        raise DataError(msg)
    code = {text: i for i, text in enumerate(classes)}
    return Labels(values=np.array([code[text] for text in texts]), classes=tuple(classes))
