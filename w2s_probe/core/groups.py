"""The group of each row, and the rows whose group value is not the usual one of their label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.labels import Labels, check_filled, class_name
from w2s_probe.core.types import Float, Rows

MOST_FRACTIONS = 20  # distinct values that are not integers: a column of more is a measurement, not a group
EXACT = 2.0**53  # smaller whole numbers have digits of their own in float64


@dataclass(frozen=True, eq=False, kw_only=True)
class Groups:
    """The group value and the group of each of n rows.

    Parameters
    ----------
    values : array of int, shape (n,)
        Position of each row's value in `value_names`.
    value_names : tuple of str
        Distinct values of the column, sorted.
    codes : array of int, shape (n,)
        Position of each row's group in `names`.
    names : tuple of str
        Groups: ``LABEL|VALUE`` for cells of label and value that have rows, or the values alone.
    cue : mapping of label to value
        The usual value of each label; empty if labels have no usual values.
    conflicting : array of bool, shape (n,)
        Rows whose value is not the usual one of their label: the minority. All False without a cue.
    """

    values: Rows
    value_names: tuple[str, ...]
    codes: Rows
    names: tuple[str, ...]
    cue: Mapping[str, str]
    conflicting: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def shares(self) -> Float:
        """Fraction of all rows in each group, shape (G,)."""
        return np.bincount(self.codes, minlength=len(self.names)) / len(self.codes)


def read_groups(
    column: Sequence[Any],
    labels: Labels,
    *,
    name: str,
    by: Literal["cell", "column"] = "cell",
    cue: Mapping[str, str] | None = None,
) -> Groups:
    """Return the groups of a column, called `name` in messages, of rows with these labels.

    Groups are cells of label and value, or values alone (`by` column, and always for regression). `cue` sets the
    usual value of some labels; `usual_values` finds the other ones. Raises `DataError` if a value is missing or
    infinite, if all values are equal, if more than `MOST_FRACTIONS` distinct values are not integers, or if `cue`
    has an unknown label or value.
    """
    column = Column.of(column)
    check_filled(column, name=name, what="a group value")
    _check_numbers(column, name)
    texts = [_value_name(value) for value in column.values]
    value_names = tuple(sorted(set(texts)))
    if len(value_names) < 2:
        msg = (
            f"column {name!r} must hold at least two group values: got only {value_names[0]!r}. "
            "Name another column with `group`."
        )
        raise DataError(msg)
    position = {value: i for i, value in enumerate(value_names)}
    values = np.array([position[text] for text in texts], dtype=np.intp)[column.codes]
    merged = _merged_cue(values, value_names, labels, cue or {}, name=name)
    codes, names = _groups(values, value_names, labels, by)
    return Groups(
        values=values,
        value_names=value_names,
        codes=codes,
        names=names,
        cue=merged,
        conflicting=_conflicting(values, value_names, labels, merged),
    )


def _value_name(value: Any) -> str:
    """Return a group value as text; a number that is not an integer has the shortest name that reads back as it."""
    if isinstance(value, Decimal):
        value = float(value)
    if not isinstance(value, (float, np.floating)):
        return class_name(value)
    number = float(value)
    if number.is_integer() and abs(number) < EXACT:
        return str(int(number))
    with np.errstate(over="ignore", under="ignore"):
        single = np.float32(number)  # a column of float32 holds 0.9 as 0.8999999761581421
    return str(single) if float(single) == number else str(number)


def _check_numbers(column: Column, name: str) -> None:
    """Raise `DataError` if a column of numbers, also of numbers as text, has infinite values or is a measurement."""
    try:
        number = {value: float(value) for value in set(column.values)}
    except (TypeError, ValueError, OverflowError):  # texts, or an integer beyond float64: names
        return
    infinite = np.flatnonzero(column.where(lambda value: not isfinite(number[value])))
    if len(infinite):
        msg = (
            f"column {name!r} must hold finite group values: got {column[infinite[0]]} in {len(infinite):,} of "
            f"{len(column):,} rows, the first is row {infinite[0]}. Fill in or remove these rows."
        )
        raise DataError(msg)
    fractions = sorted({value for value in number.values() if not value.is_integer()})
    if len(fractions) > MOST_FRACTIONS:
        low, high = min(number.values()), max(number.values())
        threshold = 0.5 if 0 <= low < 0.5 < high <= 1 else float(f"{np.median(list(number.values())):.3g}")
        msg = (
            f"column {name!r} must hold at most {MOST_FRACTIONS} distinct group values that are not integers: got "
            f"{len(fractions):,}, from {low:.6g} to {high:.6g}. Write a column of two values first, for example "
            f"{name} >= {threshold:g}, and name that column with `group`."
        )
        raise DataError(msg)


def usual_values(counts: NDArray[np.integer[Any]]) -> Rows | None:
    r"""Return the usual value of each label, shape (K,), or None if value and label are independent.

    `counts` holds the rows of each label and value, shape (K, V). If K = V, usual values are the one-to-one
    assignment with the largest total count; otherwise each label has the value with the largest lift
    :math:`P(v \mid y) / P(v)`. The most frequent value would not do: it is "no HTML" for both spam and ham.

    Examples
    --------
    >>> import numpy as np
    >>> usual_values(np.array([[4000, 188], [950, 940]]))
    array([0, 1])
    >>> usual_values(np.array([[10, 20, 5], [30, 60, 15]])) is None
    True
    """
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    if np.allclose(counts, expected, rtol=1e-12, atol=1e-9):
        return None
    if counts.shape[0] == counts.shape[1]:
        from scipy.optimize import linear_sum_assignment

        return np.asarray(linear_sum_assignment(counts, maximize=True)[1], dtype=np.intp)
    return np.asarray((counts / np.maximum(expected, np.finfo(np.float64).tiny)).argmax(axis=1), dtype=np.intp)


def _merged_cue(
    values: Rows, value_names: tuple[str, ...], labels: Labels, cue: Mapping[str, str], *, name: str
) -> dict[str, str]:
    """Return the usual value of every label: the user's, else that of `usual_values`; empty if a label has none."""
    if labels.classes is None:
        if cue:
            got = ", ".join(f"{label}={value}" for label, value in cue.items())
            msg = f"`cue` must be left out for regression, which has no classes: got {got:.60}. Remove `cue`."
            raise DataError(msg)
        return {}
    _check_cue(cue, labels.classes, value_names, name)
    counts = np.zeros((len(labels.classes), len(value_names)), dtype=np.int64)
    np.add.at(counts, (labels.values, values), 1)
    usual = usual_values(counts)
    default = {} if usual is None else {c: value_names[v] for c, v in zip(labels.classes, usual.tolist(), strict=True)}
    merged = {**default, **cue}
    return {label: merged[label] for label in labels.classes} if len(merged) == len(counts) else {}


def _check_cue(cue: Mapping[str, str], classes: tuple[str, ...], value_names: tuple[str, ...], name: str) -> None:
    for label, value in cue.items():
        for text, options, what in ((label, classes, "classes"), (value, value_names, f"values of {name!r}")):
            if text not in options:
                near = did_you_mean(text, options) or f" Use one of these {what}."
                msg = f"`cue` must be LABEL=VALUE: got {label}={value}, but the {what} are {listed(options)}.{near}"
                raise DataError(msg)


def _groups(
    values: Rows, value_names: tuple[str, ...], labels: Labels, by: Literal["cell", "column"]
) -> tuple[Rows, tuple[str, ...]]:
    if labels.classes is None or by == "column":
        return values, value_names
    cells = labels.values * len(value_names) + values
    present, codes = np.unique(cells, return_inverse=True)
    pairs = [divmod(cell, len(value_names)) for cell in present.tolist()]
    return codes.astype(np.intp), tuple(f"{labels.classes[label]}|{value_names[value]}" for label, value in pairs)


def _conflicting(
    values: Rows, value_names: tuple[str, ...], labels: Labels, cue: Mapping[str, str]
) -> NDArray[np.bool_]:
    if not cue or labels.classes is None:
        return np.zeros(len(values), dtype=np.bool_)
    usual = np.array([value_names.index(cue[label]) for label in labels.classes])
    return np.asarray(values != usual[labels.values])
