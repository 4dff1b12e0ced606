"""Reads CSV, Parquet and NDJSON tables with polars."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, W2SProbeError, listed
from w2s_probe.core.files import check_expansion, check_memory, is_regular_file, native_reader, reason
from w2s_probe.core.images import ImageFiles
from w2s_probe.core.input_files import check_no_pipe, check_not_packed
from w2s_probe.datasets.arrow import Texts, column_of, first_missing, ids_of, row_numbers
from w2s_probe.datasets.delimited import read_rows, with_numbers
from w2s_probe.datasets.parquet import read_parquet
from w2s_probe.datasets.reasoning import with_reasoning
from w2s_probe.datasets.table import Table, missing_column

if TYPE_CHECKING:
    import polars as pl

BETWEEN = "\n\n"  # prompt and text
SUFFIXES = (".csv", ".tsv", ".parquet", ".ndjson", ".jsonl")


def read_table(path: Path, config: DataConfig) -> Table:
    """Return the table at `path` with the columns that `config` names.

    Parameters
    ----------
    path : Path
        A .csv, .tsv, .parquet, .ndjson or .jsonl file.
    config : DataConfig
        Names of its columns.

    Raises
    ------
    DataError
        If the file is missing, empty, unreadable or not UTF-8, if a column or a text is missing,
        or if ids repeat.
    """
    frame, short = _read_file(path, config)
    frame, notes = with_reasoning(frame, config, name=path.name)
    table = table_from_frame(frame, config, name=path.name, folder=path.parent)
    table = replace(table, notes=(*table.notes, *notes))
    if not short:
        return table
    note = (
        f"{short:,} of {len(table):,} rows of {path.name} have fewer fields than the header: the last ones are empty."
    )
    return replace(table, short_rows=short, notes=(*table.notes, note))


def table_from_frame(
    frame: pl.DataFrame,
    config: DataConfig,
    *,
    name: str,
    license: str = "",  # noqa: A002
    folder: Path = Path(),
) -> Table:
    """Return a polars frame as a table, called `name` in messages, with image files relative to `folder`."""
    if not len(frame):
        msg = f"{name} must hold at least one row: it has columns {listed(frame.columns)} and no rows. Add rows."
        raise DataError(msg)
    modality, items = _items(frame, config, name, folder)
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
        columns=tuple(frame.columns),
        label=_names(frame, config.label, "--label", name) if has_label else None,
        group=_names(frame, config.group, "--group", name),
        split=_names(frame, config.split, "--split", name),
        source=_names(frame, *sources, name),
        source_name=sources[0] or "",
        others=_others(frame, config, name),
        license=license,
    )


def _items(
    frame: pl.DataFrame, config: DataConfig, name: str, folder: Path
) -> tuple[Literal["text", "image"] | None, Texts | ImageFiles | None]:
    """Return the modality of the items, and the texts or image files."""
    if config.text and config.image:
        msg = f"{name} must be embedded by one column: got --text {config.text} and --image {config.image}. "
        msg += "Remove one of the two flags."
        raise DataError(msg)
    if config.prompt and not config.text:
        msg = f"--prompt {config.prompt} of {name} must stand before texts: got no --text. Add --text COLUMN, or "
        msg += "remove --prompt."
        raise DataError(msg)
    column = config.text or config.image
    values = _column(frame, column, "--text" if config.text else "--image", name)
    if values is None:
        return None, None
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


def read_frame(path: Path, config: DataConfig | None = None) -> pl.DataFrame:
    """Return a table file as a polars frame; without `config` it is a file of splits.

    Columns of CSV and TSV files are texts, except columns of labels, groups, parts and seeds that hold plain numbers
    in every row. Raises `DataError` if the file cannot be read.
    """
    return _read_file(path, config)[0]


def _read_file(path: Path, config: DataConfig | None) -> tuple[pl.DataFrame, int]:
    """Return the frame of a table file, and how many of its rows have fewer fields than the header."""
    check_no_pipe(path, "data" if config else "--split-file")
    if not is_regular_file(path):
        msg = f"data must be a table file, a folder of images or builtin:NAME: there is no file {path}. Check the path."
        raise DataError(msg)
    if path.suffix not in SUFFIXES:
        msg = (
            f"{path.name} must end in {', '.join(SUFFIXES)}: got {path.suffix or 'no suffix'!r}. "
            "Convert or rename the file."
        )
        raise DataError(msg)
    if path.stat().st_size == 0:
        msg = f"{path.name} must hold a table: it is empty (0 bytes). Export the table again."
        raise DataError(msg)
    try:
        check_not_packed(path, path.name)
        return _read(path, config)
    except W2SProbeError:
        raise
    except Exception as error:  # crafted bytes make readers raise errors of any type
        check_memory(error)
        msg = f"{path.name} must be a {path.suffix[1:]} table in UTF-8: it cannot be read ({reason(error)}). "
        msg += "Export the table again in this format."
        raise DataError(msg) from error


def _read(path: Path, config: DataConfig | None) -> tuple[pl.DataFrame, int]:
    import polars as pl

    if path.suffix == ".parquet":
        return read_parquet(path, name=path.name), 0
    if path.suffix in (".csv", ".tsv"):
        texts, numbers = (("id", "part"), ("seed",)) if config is None else _texts_and_numbers(config)
        frame, short = read_rows(path, "\t" if path.suffix == ".tsv" else ",", columns=(*texts, *numbers))
        return with_numbers(frame, [name for name in numbers if name in frame.columns and name not in texts]), short
    with native_reader():
        content = path.read_bytes()  # not by path: polars would expand brackets and stars in it
        schema = pl.scan_ndjson(content, infer_schema_length=None).collect_schema()
        check_expansion(path.name, on_disk=len(content), in_memory=8 * len(schema) * content.count(b"\n"))
        return pl.read_ndjson(content, schema=schema), 0


def _texts_and_numbers(config: DataConfig) -> tuple[list[str], list[str]]:
    """Return the columns that are texts whatever they hold, and the columns whose numbers are numbers."""
    texts = (config.text, config.image, config.prompt, config.id, config.group_split)
    numbers = (config.label, config.group, config.split, *config.predictions, saw_column(config))
    return [name for name in texts if name], [name for name in numbers if name]


def _column(frame: pl.DataFrame, column: str | None, flag: str, name: str) -> pl.Series | None:
    import polars as pl

    if column is None:
        return None
    if column not in frame.columns:
        raise missing_column(column, frame.columns, flag=flag, name=name)
    values = frame[column]
    if values.dtype == pl.String:  # Parquet may store each distinct text once, but Python once per row
        stored = int(values.unique().str.len_bytes().sum() or 0)
        check_expansion(name, on_disk=stored, in_memory=int(values.str.len_bytes().sum() or 0))
    return values


def saw_column(config: DataConfig) -> str | None:
    """Return the column of the rows that a teacher was trained on, if there is one."""
    return None if config.teacher_saw == "all" else config.teacher_saw


def _others(frame: pl.DataFrame, config: DataConfig, name: str) -> dict[str, Column]:
    """Return the columns of teachers that are predictions, and of the rows that they were trained on."""
    saw = saw_column(config)
    flags = dict.fromkeys(config.predictions, "--teacher labels:COLUMN") | (
        {} if saw is None else {saw: "--teacher-saw"}
    )
    columns = {column: _names(frame, column, flag, name) for column, flag in flags.items()}
    return {column: values for column, values in columns.items() if values is not None}


def _names(frame: pl.DataFrame, column: str | None, flag: str, name: str) -> Column | None:
    values = _column(frame, column, flag, name)
    return None if values is None else column_of(values)


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
