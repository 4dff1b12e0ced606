"""Table: items, labels and other columns of a data set, in the same form for every source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.images import ImageFiles
from w2s_probe.core.types import Features, Rows


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """A data set with a row for each example.

    Parameters
    ----------
    name : str
        Name of the data for the user, without folders.
    ids : array of str, shape (n,)
        Distinct ids; positions as text if the data has no id column.
    has_ids : bool
        Whether the ids come from the data, so that features can be aligned by them.
    modality : {"text", "image"} or None
        Type of the items; None if the table has labels only.
    items : list of str, ImageFiles, array of shape (n, height, width[, channels]), or None
        Inputs of backbones.
    columns : tuple of str
        Names of all columns of the data.
    label, group, split, source : list of length n, or None
        Columns that the config names; a missing value is None.
    license : str
        License of built-in data; empty for users' data.
    notes : tuple of str
        Sentences on rows that were left out, and on rows with missing fields.
    left_out : mapping of reason to int
        Rows of the data that were left out.
    short_rows : int
        Rows with fewer fields than the header; the missing fields are read as empty.
    positions : array of int, shape (n,), or None
        Position of each row in the data, if rows were left out.
    total : int
        Rows of the data, if rows were left out; else 0.
    """

    name: str
    ids: NDArray[np.str_]
    has_ids: bool
    modality: Literal["text", "image"] | None = None
    items: Sequence[str] | NDArray[Any] | ImageFiles | None = None
    columns: tuple[str, ...] = ()
    label: list[Any] | None = None
    group: list[Any] | None = None
    split: list[Any] | None = None
    source: list[Any] | None = None
    license: str = ""
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    short_rows: int = 0
    positions: Rows | None = None
    total: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def __post_init__(self) -> None:
        distinct, counts = np.unique(self.ids, return_counts=True)
        if len(distinct) < len(self.ids):
            msg = (
                f"ids of {self.name} must be distinct: {str(distinct[counts.argmax()])!r} occurs {counts.max()} times. "
                "Name another column with --id, or remove the repeated rows."
            )
            raise DataError(msg)

    def take(self, rows: Rows, *, reason: str, note: str) -> Table:
        """Return these rows, with the number of the other rows and a note on them.

        Parameters
        ----------
        rows : array of int, shape (m,)
            Positions of rows.
        reason : str
            Why the other rows are left out, in a few words.
        note : str
            A sentence on the other rows.
        """
        columns: dict[str, Any] = {}
        for name in ("label", "group", "split", "source"):
            values = getattr(self, name)
            columns[name] = None if values is None else [values[row] for row in rows]
        items: Any = self.items
        if isinstance(items, ImageFiles):
            items = items.take(rows)
        elif items is not None:
            items = items[rows] if isinstance(items, np.ndarray) else [items[row] for row in rows]
        return replace(
            self,
            ids=self.ids[rows],
            items=items,
            notes=(*self.notes, note),
            left_out={**self.left_out, reason: len(self) - len(rows)},
            positions=rows if self.positions is None else self.positions[rows],
            total=self.total or len(self),
            **columns,
        )

    def matching_rows(self, X: Features) -> Features:
        """Return features without the rows that were left out, if they have a row for each row of the data.

        Parameters
        ----------
        X : array of shape (m, d)
            Features in the order of the data; those that do not have `total` rows are returned as they are.
        """
        return X[self.positions] if self.positions is not None and len(X) == self.total else X


def missing_column(column: str, columns: Sequence[str], *, flag: str, name: str) -> DataError:
    """Return the error for a column that the data does not have.

    Parameters
    ----------
    column : str
        Column that the user named.
    columns : sequence of str
        Columns of the data.
    flag : str
        Flag of the column, as in ``--label``.
    name : str
        Name of the data.
    """
    near = did_you_mean(column, columns) or " Use one of these columns."
    return DataError(f"{flag} must name a column of {name}: got {column!r}, not one of {listed(columns)}.{near}")
