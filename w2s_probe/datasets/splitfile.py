"""Split files: tables with the columns seed, id and part, which users can read and edit."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import eq
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, SplitError, listed
from w2s_probe.core.limits import LARGEST_SEED, MOST_SEEDS
from w2s_probe.core.splits import PARTS, Part, Split
from w2s_probe.core.writing import check_file, file_errors, write_file
from w2s_probe.datasets.readers import read_frame

FLAG = "--save-split"
COLUMNS = {
    "seed": "a whole number, equal for all rows of a split: 0 if there is one split",
    "id": "the id of a row of the data, or its position from 0 if the data has no ids",
    "part": "labeled, unlabeled or test",
}
SUFFIXES = (".csv", ".parquet", ".ndjson", ".jsonl")

if TYPE_CHECKING:
    import polars as pl


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

    Raises
    ------
    DataError, ConfigError
        See `check_split_path`; also if the disk is full.
    """
    import polars as pl

    check_split_path(path)
    frames = [
        pl.DataFrame({"seed": np.full(len(rows), split.seed), "id": ids[rows], "part": [part] * len(rows)})
        for split in splits
        for part, rows in split.parts().items()
    ]
    frame = pl.concat(frames)
    tables: dict[str, Callable[[io.BytesIO], object]] = {".csv": frame.write_csv, ".parquet": frame.write_parquet}
    write = tables.get(path.suffix.lower(), frame.write_ndjson)
    buffer = io.BytesIO()
    write(buffer)
    with file_errors(path, flag=FLAG):
        write_file(path, buffer.getvalue())


def check_split_path(path: Path) -> None:
    """Raise `DataError` if the suffix of `path` is none of a table, or `ConfigError` if it cannot be written."""
    if path.suffix.lower() not in SUFFIXES:
        msg = f"a split file must end in .csv, .parquet or .ndjson: got {path.name!r}. Use one of these suffixes."
        raise DataError(msg)
    check_file(path, flag=FLAG)


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
        If a column is missing, an id or part is unknown or repeated, or a seed lacks a part.
    """
    frame = read_frame(path)
    _check_columns(frame.columns, path.name)
    _check_seeds(frame, path.name)
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
    _check_once(names, seeds, parts, path.name)
    return [
        Split(**{part: rows[mask & (seeds == seed)] for part, mask in parts.items()}, seed=int(seed))
        for seed in np.unique(seeds)
    ]


def _check_columns(columns: Sequence[str], name: str) -> None:
    """Raise `SplitError` if a column is missing: which one, and what it holds."""
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        holds = "; ".join(f"{column} holds {COLUMNS[column]}" for column in missing)
        msg = (
            f"{name} must have columns seed, id and part: got {listed(columns)}, no {' and no '.join(missing)}. "
            f"Rename or add a column: {holds}."
        )
        raise SplitError(msg)


def _check_once(names: Sequence[str], seeds: NDArray[Any], parts: Mapping[Part, NDArray[np.bool_]], name: str) -> None:
    """Raise `SplitError` if an id is in two rows of one seed: in two parts, or twice in one."""
    part_of: dict[tuple[int, str], list[Part]] = {}
    for part, mask in parts.items():
        for row in np.flatnonzero(mask).tolist():
            part_of.setdefault((int(seeds[row]), names[row]), []).append(part)
    repeated = {key: several for key, several in part_of.items() if len(several) > 1}
    if repeated:
        (seed, id_), (first, second, *_) = next(iter(repeated.items()))
        where = f"twice in part {first}" if first == second else f"in parts {first} and {second}"
        rows = "1 id has" if len(repeated) == 1 else f"{len(repeated):,} ids have"
        msg = (
            f"{name} must hold each id once for each seed: {rows} several rows, such as {id_!r:.60}, {where} of seed "
            f"{seed}. Remove all but one of these rows."
        )
        raise SplitError(msg)


def _check_seeds(frame: pl.DataFrame, name: str) -> None:
    """Raise `SplitError` unless the column of seeds holds possible seeds, and not too many."""
    seeds = frame["seed"]
    if not seeds.dtype.is_integer() or seeds.null_count():
        got = "rows without a value" if seeds.null_count() else f"{seeds.dtype} such as {seeds[0]!s:.30}"
        msg = (
            f"column seed of {name} must hold a whole number up to {LARGEST_SEED:,} in every row: got {got}. Number "
            "the seeds from 0."
        )
        raise SplitError(msg)
    wrong = seeds.filter((seeds < 0) | (seeds > LARGEST_SEED))
    if len(wrong):
        msg = (
            f"column seed of {name} must hold whole numbers from 0 to {LARGEST_SEED:,}: got {wrong[0]}. Number the "
            "seeds from 0."
        )
        raise SplitError(msg)
    if seeds.n_unique() > MOST_SEEDS:
        msg = (
            f"column seed of {name} must hold at most {MOST_SEEDS:,} seeds: got {seeds.n_unique():,}. Keep the rows of "
            "fewer seeds."
        )
        raise SplitError(msg)


def parts_of_column(column: Sequence[object], *, name: str) -> dict[Part, NDArray[np.bool_]]:
    """Return the rows of each part, as a mask of shape (n,), from a column of part names.

    None, NaN and blank texts mean no part; blanks at the ends of texts are removed. Raises `SplitError`, with the
    `name` of the data, if another value is not labeled, unlabeled or test.
    """
    parts = Column.of(column).renamed(_part)
    unknown = [value for value in parts.values if value is not None and value not in PARTS]
    if unknown:
        msg = f"the split of {name} must be {', '.join(PARTS)} or empty: got {unknown[0]!r}. Rename such values."
        raise SplitError(msg)
    return {part: parts.where(partial(eq, part)) for part in PARTS}


def _part(value: object) -> object:
    if value != value or not str(value).strip():  # noqa: PLR0124  # NaN
        return None
    return value.strip() if isinstance(value, str) else value
