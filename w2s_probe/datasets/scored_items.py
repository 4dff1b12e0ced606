"""Items with a score each, from which preference pairs are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError
from w2s_probe.core.labels import LARGEST_LABEL, is_missing, read_number
from w2s_probe.core.pair_draws import distinct_items
from w2s_probe.core.types import Float
from w2s_probe.datasets.table import Table


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoredItems:
    """Rows of a table that have a score.

    Parameters
    ----------
    table : Table
        The items, sorted by their ids if the data has ids.
    scores : array of shape (k,)
        Score of each item; the larger one of two is preferred.
    """

    table: Table
    scores: Float

    def distinct(self, keys: Sequence[bytes] | Sequence[str] | NDArray[Any]) -> ScoredItems:
        """Return each distinct item once, with the mean of its scores, and a note on repetitions.

        Two rows with the same item would otherwise be two items: a pair could have equal sides, and two parts could
        share an item.

        Parameters
        ----------
        keys : sequence of length k
            What tells items from each other, such as the hashes of their contents.
        """
        rows, scores = distinct_items(keys, self.scores)
        repeated = len(self.table) - len(rows)
        if not repeated:
            return self
        note = f"{repeated:,} rows repeat an item: an item with several scores has their mean."
        return ScoredItems(table=self.table.take(rows, reason="repeated item", note=note), scores=scores)


def scored_items(table: Table, *, name: str) -> ScoredItems:
    """Return the rows of a table that have a score, by ascending id if the data has ids.

    Rows without a score are left out and counted.

    Parameters
    ----------
    table : Table
        Items, with their scores as labels.
    name : str
        Name of the column of scores, for messages.

    Raises
    ------
    DataError
        If a score is not a finite number, all scores are missing, or all are equal.
    """
    scores = _scores(Column.of(table.label or []), name)  # rows as the user counts them
    has_score = ~np.isnan(scores)
    numbers = scores[has_score]
    if not len(numbers) or np.ptp(numbers) == 0:
        got = f"{numbers[0]:g} in every row" if len(numbers) else "no score"
        msg = f"column {name!r} must hold scores that differ: got {got}. Name another column."
        raise DataError(msg)
    if len(numbers) < len(scores):
        note = f"{len(scores) - len(numbers):,} of {len(scores):,} rows have no score in column {name!r}."
        table = table.take(np.flatnonzero(has_score), reason="no score", note=note)
    table = table.in_id_order()
    return ScoredItems(table=replace(table, label=None), scores=_scores(Column.of(table.label or []), name))


def _scores(column: Column, name: str) -> Float:
    """Return the scores of all rows, NaN where one is missing."""
    numbers = np.full(len(column.values), np.nan)
    for at, value in enumerate(column.values):
        if is_missing(value):
            continue
        number = read_number(value)
        if number is None or not abs(number) <= LARGEST_LABEL:
            msg = (
                f"column {name!r} must hold scores as finite numbers of at most {LARGEST_LABEL:.0e}: got "
                f"{value!r:.60} in row {column.first_row(at)}. Correct it, or leave it empty."
            )
            raise DataError(msg)
        numbers[at] = number
    return numbers[column.codes]
