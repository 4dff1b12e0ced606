"""Rows as the rest of the package sees them, wherever they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.images import ImageFiles
from w2s_probe.core.types import Rows


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """One row for each example.

    Parameters
    ----------
    name : str
        What the user calls it, without folders.
    ids : array of str, shape (n,)
        Distinct; positions as text if the data has no id column.
    named : bool
        Whether the ids come from the data, so that features can be aligned by them.
    modality : {"text", "image"} or None
        What `items` are; None if the table has labels only.
    items : list of str, ImageFiles, array of shape (n, height, width[, channels]), or None
        What backbones embed.
    columns : tuple of str
        Names of all columns of the data.
    label, group, split, source : list of length n, or None
        The columns the config names; a missing value is None.
    license : str
        Of built-in data; empty for a user's own.
    notes : tuple of str
        Which rows were left out, and why.
    """

    name: str
    ids: NDArray[np.str_]
    named: bool
    modality: Literal["text", "image"] | None = None
    items: Sequence[str] | NDArray[Any] | ImageFiles | None = None
    columns: tuple[str, ...] = ()
    label: list[Any] | None = None
    group: list[Any] | None = None
    split: list[Any] | None = None
    source: list[Any] | None = None
    license: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __post_init__(self) -> None:
        distinct, counts = np.unique(self.ids, return_counts=True)
        if len(distinct) < len(self.ids):
            msg = (
                f"ids of {self.name} must be distinct: {str(distinct[counts.argmax()])!r} occurs {counts.max()} times. "
                "Name another column with --id, or drop the repeated rows."
            )
            raise DataError(msg)

    def take(self, rows: Rows, *, note: str) -> Table:
        """Return some of the rows, with a note on the others.

        Parameters
        ----------
        rows : array of int, shape (m,)
            Positions.
        note : str
            What became of the rest, in a sentence.
        """
        columns = {name: getattr(self, name) for name in ("label", "group", "split", "source")}
        kept: dict[str, Any] = {
            name: None if values is None else [values[row] for row in rows] for name, values in columns.items()
        }
        items: Any = self.items
        if isinstance(items, ImageFiles):
            items = items.take(rows)
        elif items is not None:
            items = items[rows] if isinstance(items, np.ndarray) else [items[row] for row in rows]
        return replace(self, ids=self.ids[rows], items=items, notes=(*self.notes, note), **kept)


def missing_column(column: str, columns: Sequence[str], *, flag: str, name: str) -> DataError:
    """Return the error for a column that the data does not have.

    Parameters
    ----------
    column : str
        What the user named.
    columns : sequence of str
        What there is.
    flag : str
        Where it was named, as in ``--label``.
    name : str
        What the user calls the data.
    """
    near = did_you_mean(column, columns) or " Name one of these."
    return DataError(f"{flag} must name a column of {name}: got {column!r}, it has {listed(columns)}.{near}")
