"""Split files: tables with the columns seed, id and part, which users can read and edit."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError, SplitError
from w2s_probe.core.splits import PARTS, Part, Split
from w2s_probe.core.writing import write_file
from w2s_probe.datasets.readers import read_frame


def write_split_file(path: Path, splits: Sequence[Split], ids: NDArray[np.str_]) -> None:
    """Write the parts of all seeds as CSV, Parquet or NDJSON, by the suffix of `path`.

    Parameters
    ----------
    path : Path
        File to write; its folder is created.
    splits : sequence of Split
        A split for each seed.
    ids : array of str, shape (n,)
        Ids of all rows of the data.
    """
    import polars as pl

    frames = [
        pl.DataFrame({"seed": np.full(len(rows), split.seed), "id": ids[rows], "part": [part] * len(rows)})
        for split in splits
        for part, rows in split.parts().items()
    ]
    frame = pl.concat(frames)
    write: dict[str, Callable[[io.BytesIO], object]] = {
        ".csv": frame.write_csv,
        ".parquet": frame.write_parquet,
        ".ndjson": frame.write_ndjson,
        ".jsonl": frame.write_ndjson,
    }
    if path.suffix not in write:
        msg = f"a split file must end in .csv, .parquet or .ndjson: got {path.name!r}. Use one of these suffixes."
        raise DataError(msg)
    buffer = io.BytesIO()
    write[path.suffix](buffer)
    write_file(path, buffer.getvalue())


def read_split_file(path: Path, ids: NDArray[np.str_]) -> list[Split]:
    """Return the splits in a file with the columns that `write_split_file` writes.

    Parameters
    ----------
    path : Path
        Table with the columns seed, id and part.
    ids : array of str, shape (n,)
        Ids of all rows of the data.

    Raises
    ------
    SplitError
        If a column is missing, an id or part is unknown, or a seed lacks a part.
    """
    frame = read_frame(path)
    if not {"seed", "id", "part"} <= set(frame.columns):
        msg = f"{path.name} must have columns seed, id and part: got {', '.join(frame.columns)}. Rename its columns."
        raise SplitError(msg)
    if not frame["seed"].dtype.is_integer() or frame["seed"].null_count():
        got = "rows without a value" if frame["seed"].null_count() else frame["seed"].dtype
        msg = f"column seed of {path.name} must hold an integer in every row: got {got}. Number the seeds from 0."
        raise SplitError(msg)
    row_of = {name: row for row, name in enumerate(ids.tolist())}
    names = [str(name) for name in frame["id"].to_list()]
    unknown = [name for name in names if name not in row_of]
    if unknown:
        msg = (
            f"{path.name} must hold ids of the data: {len(unknown)} ids are not in the data, "
            f"the first is {unknown[0]!r}. Name the data's column of these ids with --id."
        )
        raise SplitError(msg)
    rows = np.array([row_of[name] for name in names], dtype=np.intp)
    seeds = frame["seed"].to_numpy()
    parts = parts_of_column(frame["part"].to_list(), name=path.name)
    return [
        Split(**{part: rows[mask & (seeds == seed)] for part, mask in parts.items()}, seed=int(seed))
        for seed in np.unique(seeds)
    ]


def parts_of_column(column: Sequence[object], *, name: str) -> dict[Part, NDArray[np.bool_]]:
    """Return the rows of each part, as a mask of shape (n,), from a column of part names.

    None, NaN and blank texts mean no part. Raises `SplitError`, with the `name` of the data, if another value is not
    labeled, unlabeled or test.
    """
    column = [None if value != value or not str(value).strip() else value for value in column]  # noqa: PLR0124  # NaN
    unknown = [value for value in column if value is not None and value not in PARTS]
    if unknown:
        msg = f"the split of {name} must be {', '.join(PARTS)} or empty: got {unknown[0]!r}. Rename such values."
        raise SplitError(msg)
    values = np.array([value or "" for value in column], dtype=np.str_)
    return {part: values == part for part in PARTS}
