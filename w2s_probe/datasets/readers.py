"""Tables of files: columns of a frame as texts, images, labels, ids and parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.files import ALWAYS_READ, check_expansion, is_regular_file
from w2s_probe.core.images import ImageFiles, Images
from w2s_probe.core.input_files import check_no_pipe
from w2s_probe.datasets.arrow import A_COLUMN_EACH, Texts, column_of, first_missing, ids_of, row_numbers
from w2s_probe.datasets.data_files import DataFiles, find_files
from w2s_probe.datasets.delimited import with_numbers
from w2s_probe.datasets.formats import KINDS
from w2s_probe.datasets.frames import Rows, check_file, read_files, read_text, reading
from w2s_probe.datasets.parquet import read_parquet
from w2s_probe.datasets.reasoning import with_reasoning
from w2s_probe.datasets.table import Origin, Table, missing_column

if TYPE_CHECKING:
    import polars as pl

BETWEEN = "\n\n"  # prompt and text
SPLIT_KINDS = {suffix: kind for suffix, kind in KINDS.items() if kind in ("CSV", "TSV", "Parquet", "NDJSON")}


def read_table(path: Path, config: DataConfig) -> Table:
    """Return the table at `path` with the columns that `config` names.

    Parameters
    ----------
    path : Path
        A file or a folder of files of one of the formats in `formats.KINDS`.
    config : DataConfig
        Names of its columns.

    Raises
    ------
    DataError
        If the file is missing, empty, unreadable or not UTF-8, if a column or a text is missing,
        or if ids repeat.
    """
    files = find_files(str(path), split=config.own_parts)
    if files is None:
        msg = f"{path.name} must be a table file, or a folder of them: it holds none. Check the path."
        raise DataError(msg)
    return table_of_files(files, config)


def table_of_files(files: DataFiles, config: DataConfig) -> Table:
    """Return the table that these files hold, shard after shard; see `read_table`."""
    rows = read_files(files, config)
    frame, notes = with_reasoning(rows.frame, config, name=files.name)
    columns = tuple(dict.fromkeys((*rows.columns, *frame.columns)))
    table = table_from_frame(frame, config, name=files.name, folder=files.folder, columns=columns, images=rows.images)
    return with_origin(replace(table, notes=(*files.notes, *table.notes, *notes)), files, rows)


def with_origin(table: Table, files: DataFiles, rows: Rows) -> Table:
    """Return a table with what is told about its files: their parts, and rows with fewer fields than the header."""
    table = replace(table, origin=origin_of(files, rows), notes=(*table.notes, *rows.notes))
    if files.parts:
        table = replace(table, split=part_column(files.parts, rows.counts))
    if not rows.short:
        return table
    note = (
        f"{rows.short:,} of {len(table):,} rows of {files.name} have fewer fields than the header: the last ones are "
        "empty."
    )
    return replace(table, short_rows=rows.short, notes=(*table.notes, note))


def part_column(parts: Sequence[str], counts: Sequence[int]) -> Column:
    """Return the part of each row from the part and the number of rows of each file."""
    distinct = list(dict.fromkeys(parts))
    codes = np.repeat([distinct.index(part) for part in parts], counts)
    return Column(codes.astype(np.int32), distinct)


def origin_of(files: DataFiles, rows: Rows) -> Origin | None:
    """Return what is told about the files of a table; None for one file of a plain format."""
    parts: Counter[str] = Counter()
    for part, count in zip(files.parts, rows.counts, strict=bool(files.parts)):
        parts[part] += count
    if not (files.several or rows.unpacked or rows.named or rows.image_column):
        return None
    return Origin(
        kind=files.kind,
        files=len(files.paths),
        unpacked=rows.unpacked,
        parts=dict(parts),
        named=rows.named,
        classes=rows.classes,
        image=rows.image_column,
        one_part=files.one_part,
    )


def table_from_frame(
    frame: pl.DataFrame,
    config: DataConfig,
    *,
    name: str,
    license: str = "",  # noqa: A002
    folder: Path = Path(),
    columns: Sequence[str] = (),
    images: Images | None = None,
) -> Table:
    """Return a polars frame as a table, called `name` in messages, with image files relative to `folder`.

    `columns` are those of the data, of which the frame may have some only; `images` are images of the rows that are in
    no column of the frame.
    """
    columns = columns or frame.columns
    if not len(frame):
        msg = f"{name} must hold at least one row: it has columns {listed(columns)} and no rows. Add rows."
        raise DataError(msg)
    _check_columns(config, columns, name)
    modality, items = _items(frame, config, name, folder, images)
    ids = _column(frame, config.id, "--id", name)
    if ids is not None:
        _check_ids(ids, name)
    has_label = config.label in frame.columns
    sources = (config.group_split, "--group-split") if config.group_split else (config.prompt, "--prompt")
    return Table(
        name=name,
        ids=row_numbers(len(frame)) if ids is None else ids_of(ids),
        has_ids=ids is not None,
        modality=modality,
        items=items,
        columns=tuple(columns),
        label=_names(frame, config.label, "--label", name) if has_label else None,
        group=_names(frame, config.group, "--group", name),
        split=_names(frame, config.split, "--split", name),
        source=_names(frame, *sources, name),
        source_name=sources[0] or "",
        others=_others(frame, config, name),
        license=license,
    )


def _items(
    frame: pl.DataFrame, config: DataConfig, name: str, folder: Path, images: Images | None
) -> tuple[Literal["text", "image"] | None, Texts | Images | None]:
    """Return the modality of the items, and the texts or images."""
    import polars as pl

    if images is not None:
        return "image", images
    column = config.text or config.image
    values = _column(frame, column, "--text" if config.text else "--image", name)
    if values is None:
        return None, None
    if config.image and config.skip_damaged:  # a row without a path counts as a damaged image
        values = values.fill_null("") if values.dtype in (pl.String, pl.Null) else values
    _check_texts(values, name, what="text" if config.text else "path")
    if config.text:
        return "text", Texts(_after(_column(frame, config.prompt, "--prompt", name), values, name))
    files = ImageFiles(folder, tuple(values.to_list()))
    files.check_present(name)
    return "image", files


def _after(prompts: pl.Series | None, texts: pl.Series, name: str) -> pl.Series:
    """Return prompt, two newlines and text of each row; without prompts the texts."""
    import polars as pl

    if prompts is None:
        return texts
    _check_texts(prompts, name, what="text")
    both = pl.DataFrame({"prompt": prompts, "text": texts})
    return both.select(pl.concat_str("prompt", "text", separator=BETWEEN).alias(texts.name)).to_series()


def _check_columns(config: DataConfig, columns: Sequence[str], name: str) -> None:
    """Raise `DataError` if a flag names a column that the data does not have, or two flags name the items."""
    if config.text and config.image:
        msg = f"{name} must be embedded by one column: got --text {config.text} and --image {config.image}. "
        msg += "Remove one of the two flags."
        raise DataError(msg)
    if config.prompt and not config.text:
        msg = f"--prompt {config.prompt} of {name} must stand before texts: got no --text. Add --text COLUMN, or "
        msg += "remove --prompt."
        raise DataError(msg)
    for field in ("text", "image", "prompt", "id", "group", "split", "group_split"):
        column = getattr(config, field)
        if column is not None and column not in columns:
            raise missing_column(column, columns, flag=f"--{field.replace('_', '-')}", name=name)
    for column, flag in _other_flags(config, columns).items():
        if column not in columns:
            raise missing_column(column, columns, flag=flag, name=name)


def read_frame(path: Path) -> pl.DataFrame:
    """Return a file of splits as a polars frame.

    Columns of CSV and TSV files are texts, except the column of seeds if it holds plain numbers in every row. Raises
    `DataError` if the file cannot be read.
    """
    check_no_pipe(path, "--split-file")
    if not is_regular_file(path):
        msg = f"--split-file must be a table file: there is no file {path}. Check the path."
        raise DataError(msg)
    kind = SPLIT_KINDS.get(path.suffix.lower())
    if kind is None:
        msg = f"{path.name} must end in {', '.join(SPLIT_KINDS)}: got {path.suffix or 'no suffix'!r}. "
        msg += "Convert or rename the file."
        raise DataError(msg)
    check_file(path)
    with reading(path, kind):
        if kind == "Parquet":
            return read_parquet(path, name=path.name)
        frame, _ = read_text(path, kind, None)
        numbers = ["seed"] if kind in ("CSV", "TSV") and "seed" in frame.columns else []
        return with_numbers(frame, numbers)


def _column(frame: pl.DataFrame, column: str | None, flag: str, name: str) -> pl.Series | None:
    import polars as pl

    if column is None:
        return None
    if column not in frame.columns:
        raise missing_column(column, frame.columns, flag=flag, name=name)
    values = frame[column]
    if values.dtype == pl.String:  # Parquet may store each distinct text once, but Python once per row
        in_memory = int(values.str.len_bytes().sum() or 0)
        if in_memory > ALWAYS_READ:
            check_expansion(name, on_disk=int(values.unique().str.len_bytes().sum() or 0), in_memory=in_memory)
    return values


def _other_flags(config: DataConfig, columns: Sequence[str]) -> dict[str, str]:
    """Return the flag of each column of a teacher that is predictions, and of the rows that it was trained on.

    A missing column of predictions is an error where the teacher is opened, which knows all that the user named.
    """
    saw = [] if config.saw_column is None else [config.saw_column]
    given = [column for column in config.predictions if column in columns]
    return dict.fromkeys(given, "--teacher labels:COLUMN") | dict.fromkeys(saw, "--teacher-saw")


def _others(frame: pl.DataFrame, config: DataConfig, name: str) -> dict[str, Column]:
    """Return the columns of teachers that are predictions, and of the rows that they were trained on."""
    flags = _other_flags(config, frame.columns)
    columns = {column: _names(frame, column, flag, name, advice=A_COLUMN_EACH) for column, flag in flags.items()}
    return {column: values for column, values in columns.items() if values is not None}


def _names(frame: pl.DataFrame, column: str | None, flag: str, name: str, *, advice: str = "") -> Column | None:
    values = _column(frame, column, flag, name)
    if values is None:
        return None
    return column_of(values, advice=advice or f"Save one value in each row, or name another column with {flag}.")


def _check_ids(ids: pl.Series, name: str) -> None:
    missing = first_missing(ids)
    if missing is not None:
        msg = f"column {ids.name!r} of {name} must hold an id in every row: row {missing} has none. Fill it in."
        raise DataError(msg)


def _check_texts(texts: pl.Series, name: str, *, what: str) -> None:
    import polars as pl

    if texts.dtype == pl.String and not texts.null_count():
        return
    column = texts.name
    for row, text in enumerate(texts.to_list()):
        if not isinstance(text, str):
            advice = "Fill in or remove such rows." if text is None else "Save the column as text."
            if isinstance(text, dict) and what == "path":
                advice = "Save the images as files and name a column of their paths."
            msg = (
                f"column {column!r} of {name} must hold a {what} in every row: got {text!r:.60} in row {row}. {advice}"
            )
            raise DataError(msg)
