"""Table: items, labels and other columns of a data set, in the same form for every source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.images import Images
from w2s_probe.core.row_view import row_view
from w2s_probe.core.types import Features, Rows

LARGEST_ID = 10**18  # whole numbers below are in the range of int64

COLUMNS = ("label", "group", "split", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The files that a table comes from, where they are more than one file of a plain format.

    Parameters
    ----------
    kind : str
        Their format.
    files : int
        Their number.
    unpacked : int
        Bytes that compressed files hold; 0 without compression.
    parts : mapping of str to int
        Rows of each part that names of files tell; empty without parts.
    named : tuple of str
        Columns whose numbers were replaced by names of classes from the metadata.
    classes : tuple of str
        Names of the classes of the labels in the order of their numbers in the metadata; none without such names, or
        if files number them differently.
    image : str
        Column that holds images; empty without one.
    label : str
        Source of the labels where it is no column of that name: members of an archive; else empty.
    one_part : str
        What to name in place of the data for the rows of its first part only; empty without parts.
    """

    kind: str
    files: int
    unpacked: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    image: str = ""
    label: str = ""
    one_part: str = ""


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
    items : sequence of str, Images, array of shape (n, height, width[, channels]), or None
        Inputs of backbones; texts of files are an Arrow column (`Texts`).
    columns : tuple of str
        Names of all columns of the data.
    label, group, split, source : sequence of length n, or None
        Columns that the config names, stored as `Column`; a missing value is None.
    others : mapping of str to sequence of length n
        Further columns that the config names, by their name, stored in the same way.
    source_name : str
        Column of the sources; empty without sources.
    license : str
        License of built-in data; empty for users' data.
    notes : tuple of str
        Sentences on rows that were left out, and on rows with missing fields.
    left_out : mapping of reason to int
        Rows of the data that were left out.
    published : bool
        Whether `split` was translated from train, val and test, or 0, 1 and 2.
    origin : Origin or None
        The files that the rows come from; None for one file of a plain format, image folders and built-in data.
    short_rows : int
        Rows with fewer fields than the header; the missing fields are read as empty.
    positions : array of int, shape (n,), or None
        Position of each row in the data, if rows were left out or put into another order.
    total : int
        Rows of the data, if rows were left out or put into another order; else 0.
    all_ids : array of str, or None
        Ids of all rows of the data, where `take` chose some of them.
    in_order : bool
        Whether the reader has put the rows into an order that depends on ids and names of files only.
    checked : bool
        Whether the ids are known to be distinct, so that copies of a table need no check.
    """

    name: str
    ids: NDArray[np.str_]
    has_ids: bool
    modality: Literal["text", "image"] | None = None
    items: Sequence[str] | NDArray[Any] | Images | None = None
    columns: tuple[str, ...] = ()
    label: Sequence[Any] | None = None
    group: Sequence[Any] | None = None
    split: Sequence[Any] | None = None
    source: Sequence[Any] | None = None
    others: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    source_name: str = ""
    license: str = ""
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    published: bool = False
    origin: Origin | None = None
    short_rows: int = 0
    positions: Rows | None = None
    total: int = 0
    all_ids: NDArray[np.str_] | None = None
    in_order: bool = False
    checked: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def __post_init__(self) -> None:
        for name in COLUMNS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, Column.of(getattr(self, name)))
        object.__setattr__(self, "others", {name: Column.of(values) for name, values in self.others.items()})
        if self.checked:
            return
        if len(np.unique(self.ids)) < len(self.ids):
            distinct, counts = np.unique(self.ids, return_counts=True)
            msg = (
                f"ids of {self.name} must be distinct: {str(distinct[counts.argmax()])!r} occurs {counts.max()} times. "
                "Name another column with --id, leave --id out if ids start again in each file, or remove the repeated "
                "rows."
            )
            raise DataError(msg)
        object.__setattr__(self, "checked", True)

    @property
    def class_order(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers in the metadata; empty without such names."""
        return () if self.origin is None else self.origin.classes

    def in_id_order(self) -> Table:
        """Return the rows by ascending id, if the data has ids: numbers depend on no order of the rows then.

        Rows of several archives stay in the order of the archives' numbers. Ids that are all whole numbers ascend as
        numbers, others as text.
        """
        if not self.has_ids or self.in_order:
            return self
        order = np.argsort(_ascending(self.ids), kind="stable")
        return self if (order[1:] > order[:-1]).all() else self.take(order)

    def row_number(self, row: int) -> int:
        """Return the position of a row in the data.

        Parameters
        ----------
        row : int
            Position in the table.
        """
        return row if self.positions is None else int(self.positions[row])

    def take(self, rows: Rows, *, reason: str = "", note: str = "") -> Table:
        """Return these rows in this order, with the number of the other rows and a note on them.

        Parameters
        ----------
        rows : array of int, shape (m,)
            Positions of rows.
        reason : str
            Why other rows are left out, in a few words; empty if there are none.
        note : str
            A sentence on the other rows, if there are any.
        """
        columns: dict[str, Any] = {}
        for name in COLUMNS:
            values = getattr(self, name)
            columns[name] = None if values is None else values[rows]
        items: Any = self.items
        if isinstance(items, Images):
            items = items.take(rows)
        elif items is not None:
            items = [items[row] for row in rows] if isinstance(items, (list, tuple)) else items[rows]
        return replace(
            self,
            ids=self.ids[rows],
            items=items,
            notes=(*self.notes, note) if note else self.notes,
            left_out={**self.left_out, reason: len(self) - len(rows)} if reason else self.left_out,
            positions=rows if self.positions is None else self.positions[rows],
            total=self.total or len(self),
            all_ids=self.ids if self.all_ids is None else self.all_ids,
            others={name: Column.of(values)[rows] for name, values in self.others.items()},
            **columns,
        )

    def rows_among(self, count: int) -> Rows | None:
        """Return where the table's rows stand among `count` rows in the order of the data.

        Parameters
        ----------
        count : int
            Number of rows of the data or of the table; None is returned for another number.
        """
        if self.positions is None:
            return np.arange(len(self)) if count == len(self) else None
        if count == self.total:
            return self.positions
        return np.argsort(np.argsort(self.positions)) if count == len(self) else None

    def matching_rows(self, X: Features) -> Features:
        """Return the features of the table's rows, read where they stand.

        Parameters
        ----------
        X : array of shape (m, d)
            Features of the data's or the table's rows, in the order of the data; with another number of rows they
            are returned as they are.
        """
        rows = self.rows_among(len(X))
        return X if rows is None or np.array_equal(rows, np.arange(len(X))) else row_view(X, rows)


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


def missing_label(column: str, table: Table) -> DataError:
    """Return the error for data without labels.

    Parameters
    ----------
    column : str
        Column that the user named, or the default.
    table : Table
        The data.
    """
    if table.origin is not None and table.origin.kind == "tar" and table.columns == ("key",):
        return DataError(
            f"{table.name} must hold labels: it has images only, and folders in an archive are no labels. Unpack it "
            "with tar -xf and name the folder, or pack a member .cls beside each image."
        )
    return missing_column(column, table.columns, flag="--label", name=table.name)


def _ascending(ids: NDArray[np.str_]) -> NDArray[Any]:
    """Return the ids as whole numbers if all of them are, else as they are."""
    numbers = np.empty(len(ids), dtype=np.int64)
    try:
        for rows in row_blocks(len(ids)):
            numbers[rows] = ids[rows].astype(np.int64)
            if (np.abs(numbers[rows]) >= LARGEST_ID).any() or (numbers[rows].astype(ids.dtype) != ids[rows]).any():
                return ids
    except (ValueError, OverflowError):  # texts
        return ids
    return numbers
