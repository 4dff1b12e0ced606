"""Files of predictions: CSV, Parquet, .npy and .npz, with rows in the data's order or with ids, and their columns."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_same_rows
from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, W2SProbeError, did_you_mean, listed
from w2s_probe.core.features import missing_id_advice
from w2s_probe.core.files import check_memory, is_regular_file, read_member, reason
from w2s_probe.core.input_files import check_no_pipe, check_not_packed
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table
from w2s_probe.datasets.arrow import A_COLUMN_EACH, column_of
from w2s_probe.datasets.delimited import read_rows, with_numbers
from w2s_probe.datasets.parquet import read_parquet
from w2s_probe.pipeline.feature_columns import id_column
from w2s_probe.pipeline.prediction_order import check_order

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".parquet", ".npy", ".npz")
UNNAMED = re.compile(r"arr_\d+")  # names that NumPy gives to arrays without one


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
    unnamed : bool
        Whether the columns are those of an array without names.
    others : mapping of str to Column
        Columns that were not chosen.
    like_labels : bool
        Whether the predictions have the name of the label column of the data.
    """

    name: str
    columns: Mapping[str, Column]
    ids: list[str] | None
    unnamed: bool = False
    others: Mapping[str, Column] = field(default_factory=dict)
    like_labels: bool = False

    def for_rows_of(self, table: Table, data: DataConfig) -> dict[str, Column]:
        """Return the columns for the rows of a table; raise `DataError` for missing ids, `ShapeError` for other rows.

        Parameters
        ----------
        table : Table
            The data.
        data : DataConfig
            Where the data is.
        """
        rows = self._rows(table, data)
        return {name: values[rows] for name, values in self.columns.items()}

    def unused(self, table: Table) -> int | None:
        """Return the number of rows whose ids are those of no row of a table; None if there are none."""
        if self.ids is None or len(self.ids) == len(table):  # every row of the table has an id among these
            return None
        every = table.ids if table.all_ids is None else np.concatenate([table.ids, table.all_ids])
        return len(set(self.ids).difference(every.tolist())) or None

    def _rows(self, table: Table, data: DataConfig) -> Rows:
        title, count = f"labels:{self.name}", len(next(iter(self.columns.values())))
        if self.ids is None:
            check_order({**self.columns, **self.others}, table, data, file=title)
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


def parse_file(text: str) -> tuple[Path, str | None] | None:
    """Return the file that follows ``labels:``, and what follows ``#``; None for columns of the data.

    Parameters
    ----------
    text : str
        What follows ``labels:``.

    Examples
    --------
    >>> path, columns = parse_file("old.csv#a,b")
    >>> path.name, columns, parse_file("old")
    ('old.csv', 'a,b', None)
    """
    ends = [place for place, character in enumerate(text) if character == "#"]
    files = [end for end in ends if _suffix(Path(text[:end])) in SUFFIXES]
    if files and not is_regular_file(Path(text)):
        return Path(text[: files[0]]), text[files[0] + 1 :]
    return (Path(text), None) if _suffix(Path(text)) in SUFFIXES else None


def _suffix(path: Path) -> str:
    """Return the suffix of a name, in lower case."""
    return path.suffix.lower()


def read_predictions(path: Path, data: DataConfig, chosen: str | None = None) -> PredictionFile:
    """Return the columns of a file of predictions, and their ids if the file has any.

    Parameters
    ----------
    path : Path
        CSV or Parquet: all columns but that of the ids. ``.npy``, and ``.npz`` with one array beside ``ids``: one
        column, or two dimensions, whose columns have no names.
    data : DataConfig
        The table; its id column is the file's id column too.
    chosen : str, optional
        The columns, with commas between, or the array.

    Raises
    ------
    DataError
        If there is no such file, it is not what its suffix says, it holds no column of predictions, or one of several
        columns has the name of the label column of the data.
    """
    name = f"labels:{path.name}"
    check_no_pipe(path, name)
    if not is_regular_file(path):
        msg = f"{name} must be a file: there is none at {path}. Check the path, relative to the working directory."
        raise DataError(msg)
    try:
        check_not_packed(path, name)
        return _read(path, data, chosen)
    except W2SProbeError:
        raise
    except Exception as error:  # crafted bytes make readers raise errors of any type
        check_memory(error)
        msg = f"{name} must be a {path.suffix} file of predictions: it cannot be read ({reason(error)}). Save it again."
        raise DataError(msg) from error


def _read(path: Path, data: DataConfig, chosen: str | None) -> PredictionFile:
    if _suffix(path) == ".npy":
        if chosen is not None:
            msg = f"labels:{path}#{chosen:.60} must name a column: an array has none. Write labels:{path}."
            raise DataError(msg)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return _of_array(path.name, array, None)
    if _suffix(path) == ".npz":
        return _of_archive(path, data, chosen)
    if _suffix(path) == ".parquet":
        frame = read_parquet(path, name=f"labels:{path.name}")
    else:
        frame, _ = read_rows(path, ",")
    ids = id_column(frame.columns, data)
    names = [name for name in frame.columns if name != ids]
    if not names:
        msg = f"labels:{path.name} must have a column of predictions: it has {listed(frame.columns)}. Add one."
        raise DataError(msg)
    own = names if chosen is None else _chosen(names, chosen, path)
    _check_not_label(own, data, path)
    others = [name for name in names if name not in own]
    if _suffix(path) == ".csv":
        frame = with_numbers(frame, own)
    return PredictionFile(
        name=path.name,
        columns={name: column_of(frame[name], advice=A_COLUMN_EACH) for name in own},
        ids=None if ids is None else [str(value) for value in frame[ids].to_list()],
        others={} if ids else {name: column_of(frame[name]) for name in others if not frame.schema[name].is_nested()},
        like_labels=own == [data.label],
    )


def _chosen(names: Sequence[str], chosen: str, path: Path) -> list[str]:
    """Return the columns or the array that the user named, in the user's order."""
    own = [chosen] if chosen in names else [name.strip() for name in chosen.split(",")]
    unknown = next((name for name in own if name not in names), None)
    if unknown is not None or len(set(own)) < len(own):
        got = f"{unknown!r:.60}, not one of {listed(names)}" if unknown is not None else f"{chosen!r:.60}"
        near = did_you_mean(unknown or "", names) or " Use these names, each once."
        msg = f"labels:{path}#COLUMN must name columns of predictions in this file: got {got}.{near}"
        raise DataError(msg)
    return own


def _check_not_label(names: Sequence[str], data: DataConfig, path: Path) -> None:
    """Raise `DataError` if a column of several has the name of the label column of the data."""
    if data.label in names and len(names) > 1:
        others = [name for name in names if name != data.label]
        example = others[0] if any("," in name for name in others) or len(others) > 5 else ",".join(others)
        msg = (
            f"labels:{path.name} must hold predictions only: column {data.label!r:.60} has the name of DATA's label "
            f"column. Name the columns of predictions, as in labels:{path}#{example}."
        )
        raise DataError(msg)


def _of_archive(path: Path, data: DataConfig, chosen: str | None) -> PredictionFile:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        ids = id_column(names, data)
        arrays = [name for name in names if name != ids]
        own = arrays if chosen is None else _chosen(arrays, chosen, path)
        if len(own) != 1:
            example = next((name for name in own if name != data.label), "ARRAY")
            advice = f"Name one, as in labels:{path}#{example}." if arrays else "Save the predictions, too."
            msg = f"labels:{path.name} must hold one array beside ids: it holds {listed(names) or 'nothing'}. {advice}"
            raise DataError(msg)
        read = partial(read_member, path, archive, label=f"labels:{path.name}")
        given = None if ids is None else [str(value) for value in read(ids).tolist()]
        file = _of_array(path.name, read(own[0]), given, name=own[0])
        flat = [] if ids else [name for name in arrays if name not in own and _may_be_ids(archive, name)]
        others = {name: _ids_column(read(name)) for name in flat}
        return replace(file, like_labels=own == [data.label], others=others)


def _may_be_ids(archive: zipfile.ZipFile, name: str) -> bool:
    """Return whether the header of an array tells one dimension of whole numbers or texts."""
    with archive.open(f"{name}.npy") as handle:
        try:
            first = np.lib.format.read_magic(handle) == (1, 0)
            header = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(handle)
        except ValueError:  # of an array that is not read
            return False
    return len(shape) == 1 and dtype.kind in "iuUS"


def _ids_column(array: NDArray[Any]) -> Column:
    import polars as pl

    return column_of(pl.Series(array.astype(np.str_) if array.dtype.kind == "S" else array))


def _of_array(file: str, array: NDArray[Any], ids: list[str] | None, *, name: str = "") -> PredictionFile:
    import polars as pl

    if array.ndim not in (1, 2) or not array.size or array.dtype.kind not in "iufbUS":
        msg = (
            f"labels:{file} must hold one or two dimensions of numbers or texts: got {array.dtype} of shape "
            f"{array.shape}. Save a class, or a row of probabilities, for each row of the data."
        )
        raise DataError(msg)
    if ids is not None:
        check_same_rows(f"labels:{file}", len(array), "its ids", len(ids))
    floats = array.dtype.kind == "f"
    flat = array.ndim == 1 or (floats and array.shape[1] == 1)
    texts = array.astype(np.str_) if array.dtype.kind == "S" else array
    parts = [texts.reshape(len(texts))] if flat else list(texts.T)
    named = bool(name) and not UNNAMED.fullmatch(name)
    single = name if named else "predictions"
    names = [single] if flat else [f"column {place}" for place in range(len(parts))]
    series: list[pl.Series] = [pl.Series(np.ascontiguousarray(part)) for part in parts]
    if floats:
        series = [one.cast(pl.Float64).fill_nan(None) for one in series]
    columns = {title: column_of(one) for title, one in zip(names, series, strict=True)}
    return PredictionFile(name=file, columns=columns, ids=ids, unnamed=not (flat and named))
