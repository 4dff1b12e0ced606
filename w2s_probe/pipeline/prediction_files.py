"""Files of predictions: CSV, Parquet, .npy and .npz, with rows in the data's order or with ids."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_same_rows
from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, W2SProbeError, listed
from w2s_probe.core.features import missing_id_advice
from w2s_probe.core.files import check_memory, is_regular_file, read_member, reason
from w2s_probe.core.input_files import check_no_pipe, check_not_packed
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table
from w2s_probe.datasets.arrow import column_of
from w2s_probe.datasets.delimited import read_rows, with_numbers
from w2s_probe.datasets.parquet import read_parquet
from w2s_probe.pipeline.feature_columns import id_column

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".parquet", ".npy", ".npz")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PredictionFile:
    """Columns of a file of predictions.

    Parameters
    ----------
    name : str
        Name of the file, without folders.
    columns : mapping of str to Column
        Columns in the order of the file.
    ids : list of str, or None
        Ids of its rows; None if they are in the order of the data.
    of_classes : bool
        Whether the columns are probabilities of the classes by their place: those of an array of numbers.
    """

    name: str
    columns: Mapping[str, Column]
    ids: list[str] | None
    of_classes: bool = False

    def for_rows_of(self, table: Table) -> dict[str, Column]:
        """Return the columns for the rows of a table; raise `DataError` for missing ids, `ShapeError` for other rows.

        Parameters
        ----------
        table : Table
            The data.
        """
        rows = self._rows(table)
        return {name: values[rows] for name, values in self.columns.items()}

    def _rows(self, table: Table) -> Rows:
        title, count = f"labels:{self.name}", len(next(iter(self.columns.values())))
        if self.ids is None:
            rows = table.rows_among(count)
            if rows is None:
                check_same_rows(title, count, table.name, len(table))
            return np.arange(count) if rows is None else rows
        if not table.has_ids:
            msg = f"{title} has ids, so the data must have them too: {table.name} was read without. Add --id COLUMN."
            raise DataError(msg)
        place = {name: row for row, name in enumerate(self.ids)}
        if len(place) < len(self.ids):
            repeated = next(name for row, name in enumerate(self.ids) if place[name] != row)
            msg = f"ids of {title} must be distinct: got {repeated!r:.60} twice. Give every row its own id."
            raise DataError(msg)
        wanted = table.ids.tolist()
        missing = [name for name in wanted if name not in place]
        if missing:
            advice = missing_id_advice(missing, self.ids, total=len(wanted)).replace("features", "predictions")
            advice = advice.replace("Embed these rows too.", "Add these rows, with an empty prediction to abstain.")
            msg = (
                f"{title} must have a row for every id of the data: {len(missing):,} of {len(wanted):,} ids are "
                f"missing, the first is {missing[0]!r:.60}. {advice}"
            )
            raise DataError(msg)
        return np.array([place[name] for name in wanted], dtype=np.intp)


def file_of(text: str) -> Path | None:
    """Return the file that follows ``labels:``; None for columns.

    Parameters
    ----------
    text : str
        What follows ``labels:``.
    """
    path = Path(text)
    return path if path.suffix in SUFFIXES else None


def read_predictions(path: Path, data: DataConfig) -> PredictionFile:
    """Return the columns of a file of predictions, and their ids if the file has any.

    Parameters
    ----------
    path : Path
        CSV or Parquet: all columns but that of the ids. ``.npy``, and ``.npz`` with one array beside ``ids``: one
        column, or two dimensions; floats are then probabilities of the classes in their order, else votes.
    data : DataConfig
        The table; its id column is the file's id column too.

    Raises
    ------
    DataError
        If there is no such file, it is not what its suffix says, or it holds no column of predictions.
    """
    name = f"labels:{path.name}"
    check_no_pipe(path, name)
    if not is_regular_file(path):
        msg = f"{name} must be a file: there is none at {path}. Check the path, relative to the working directory."
        raise DataError(msg)
    try:
        check_not_packed(path, name)
        return _read(path, data)
    except W2SProbeError:
        raise
    except Exception as error:  # crafted bytes make readers raise errors of any type
        check_memory(error)
        msg = f"{name} must be a {path.suffix} file of predictions: it cannot be read ({reason(error)}). Save it again."
        raise DataError(msg) from error


def _read(path: Path, data: DataConfig) -> PredictionFile:
    if path.suffix == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return _of_array(path.name, array, None)
    if path.suffix == ".npz":
        return _of_archive(path, data)
    if path.suffix == ".parquet":
        frame = read_parquet(path, name=f"labels:{path.name}")
    else:
        frame, _ = read_rows(path, ",")
    ids = id_column(frame.columns, data)
    names = [name for name in frame.columns if name != ids]
    if not names:
        msg = f"labels:{path.name} must have a column of predictions: it has {listed(frame.columns)}. Add one."
        raise DataError(msg)
    if path.suffix == ".csv":
        frame = with_numbers(frame, names)
    return PredictionFile(
        name=path.name,
        columns={name: column_of(frame[name]) for name in names},
        ids=None if ids is None else [str(value) for value in frame[ids].to_list()],
    )


def _of_archive(path: Path, data: DataConfig) -> PredictionFile:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        ids = id_column(names, data)
        arrays = [name for name in names if name != ids]
        if len(arrays) != 1:
            msg = (
                f"labels:{path.name} must hold one array, and ids if it has any: it holds {listed(names) or 'nothing'}."
                " Save the predictions alone."
            )
            raise DataError(msg)
        read = partial(read_member, path, archive, label=f"labels:{path.name}")
        given = None if ids is None else [str(value) for value in read(ids).tolist()]
        return _of_array(path.name, read(arrays[0]), given)


def _of_array(file: str, array: NDArray[Any], ids: list[str] | None) -> PredictionFile:
    import polars as pl

    if array.ndim not in (1, 2) or not array.size or array.dtype.kind not in "iufbUS":
        msg = (
            f"labels:{file} must hold one or two dimensions of numbers or texts: got {array.dtype} of shape "
            f"{array.shape}. Save a class, or a row of probabilities, for each row of the data."
        )
        raise DataError(msg)
    if ids is not None:
        check_same_rows(f"labels:{file}", len(array), "its ids", len(ids))
    floats, flat = array.dtype.kind == "f", array.ndim == 1
    texts = array.astype(np.str_) if array.dtype.kind == "S" else array
    parts = [texts] if flat else list(texts.T)
    names = ["predictions"] if flat else [f"column {place}" for place in range(len(parts))]
    series: list[pl.Series] = [pl.Series(np.ascontiguousarray(part)) for part in parts]
    if floats:
        series = [one.cast(pl.Float64).fill_nan(None) for one in series]
    columns = {name: column_of(one) for name, one in zip(names, series, strict=True)}
    return PredictionFile(name=file, columns=columns, ids=ids, of_classes=floats and not flat)
