"""Rows of table files as one polars frame: shard by shard, with the columns that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, W2SProbeError, listed
from w2s_probe.core.files import check_expansion, check_memory, is_regular_file, native_reader, reason
from w2s_probe.core.images import Images
from w2s_probe.core.input_files import check_no_pipe, check_not_packed
from w2s_probe.datasets.arrow_files import arrow_metadata, arrow_schema, is_stream, read_arrow
from w2s_probe.datasets.class_names import (
    ClassNames,
    class_order,
    named_columns,
    names_in_features,
    names_in_metadata,
    other_names,
    with_class_names,
    with_names_of_each,
)
from w2s_probe.datasets.data_files import DataFiles
from w2s_probe.datasets.delimited import read_rows, with_numbers
from w2s_probe.datasets.formats import bare_name, packing_by_name
from w2s_probe.datasets.image_columns import image_column, images_in_column
from w2s_probe.datasets.json_arrays import MARK, json_lines
from w2s_probe.datasets.parquet import promised_bytes
from w2s_probe.datasets.trial import FAULT, fatal_file
from w2s_probe.datasets.unpacking import unpacked

if TYPE_CHECKING:
    import polars as pl

REASONING = ("question", "solution", "answer", "problem")  # of which a column that is asked for may be derived
DERIVED = {*REASONING, "correct"}
PAIRS = ("prompt", "chosen", "rejected", "response_0", "response_1", "better_response_id", "safer_response_id")


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """Rows of all files of a data set.

    Parameters
    ----------
    frame : polars.DataFrame
        The columns that are asked for.
    columns : tuple of str
        Names of all columns.
    counts : tuple of int
        Rows of each file.
    short : int
        Rows of CSV files with fewer fields than the header.
    unpacked : int
        Bytes that compressed files hold.
    named : tuple of str
        Columns whose numbers were replaced by names of classes.
    classes : tuple of str
        Names of the classes of the label column in the order of their numbers; none where files differ in it, or the
        column is not among `named`.
    images : Images or None
        Images that the files hold.
    image_column : str
        Their column; empty without them.
    notes : tuple of str
        Sentences on names of classes that differ between files.
    """

    frame: pl.DataFrame
    columns: tuple[str, ...]
    counts: tuple[int, ...]
    short: int = 0
    unpacked: int = 0
    named: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    images: Images | None = None
    image_column: str = ""
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Collected:
    """What is collected while files are read one by one."""

    data: str
    first: str = ""
    columns: tuple[str, ...] = ()
    frames: list[pl.DataFrame] = field(default_factory=list)
    short: int = 0
    unpacked: int = 0

    def check_columns(self, columns: Sequence[str], file: str) -> None:
        """Raise `DataError` unless a file has the columns of the first one."""
        if not self.first:
            self.first, self.columns = file, tuple(columns)
        missing, more = set(self.columns) - set(columns), set(columns) - set(self.columns)
        if missing or more:
            got = [f"lacks {listed(sorted(missing))}"] * bool(missing) + [f"also has {listed(sorted(more))}"] * bool(
                more
            )
            msg = (
                f"all files of {self.data} must have the same columns: {file} {' and '.join(got)}, unlike {self.first}."
                " Give all files the same columns, or name the files of one table with a pattern in quotes."
            )
            raise DataError(msg)

    def joined(self) -> pl.DataFrame:
        """Return the rows of all files; `DataError` if a column has two types that do not fit together."""
        import polars as pl

        for column, kind in self.frames[0].schema.items():
            kinds = [kind, *(frame.schema[column] for frame in self.frames)]
            other = next((other for other in kinds if not _fit(kind, other)), None)
            if other is not None:
                msg = (
                    f"column {column!r} of {self.data} must have one type in all files: got {kind} and {other}. Save "
                    "all files with the same types."
                )
                raise DataError(msg)
        return pl.concat(self.frames, how="vertical_relaxed", rechunk=False)


def read_files(files: DataFiles, config: DataConfig) -> Rows:
    """Return the rows of all files, in order.

    Parameters
    ----------
    files : DataFiles
        Files of one format.
    config : DataConfig
        Names of columns, and the limit of unpacked bytes.

    Raises
    ------
    DataError
        If a file is missing, empty, damaged or not what its name says, or files have different columns.
    """
    for path in files.paths:
        with reading(path, files.kind):
            check_file(path)
    return _read_binary(files, config) if files.kind in ("Parquet", "Arrow") else _read_texts(files, config)


def _read_texts(files: DataFiles, config: DataConfig) -> Rows:
    """Return the rows of CSV, TSV, NDJSON and JSON files, compressed or not."""
    collected = _Collected(files.name)
    for path in files.paths:
        with reading(path, files.kind), _plain(path, config.max_bytes) as (place, size):
            frame, short = read_text(place, files.kind, config)
        collected.check_columns(frame.columns, path.name)
        collected.frames.append(frame.select(asked_columns(config, collected.columns)))
        collected.short += short
        collected.unpacked += size
    frame = collected.joined()
    if files.kind in ("CSV", "TSV"):
        texts, numbers = texts_and_numbers(config)
        frame = with_numbers(frame, [name for name in numbers if name in frame.columns and name not in texts])
    named = named_columns(frame, files.class_names, _columns_of_classes(config))
    return Rows(
        frame=with_class_names(frame, files.class_names, named, data=files.name),
        columns=collected.columns,
        counts=tuple(map(len, collected.frames)),
        short=collected.short,
        unpacked=collected.unpacked,
        named=tuple(named),
        classes=class_order([files.class_names], config.label) if config.label in named else (),
    )


def _columns_of_classes(config: DataConfig) -> tuple[str | None, ...]:
    return (config.label, config.group, config.split, *config.predictions)


def _read_binary(files: DataFiles, config: DataConfig) -> Rows:
    """Return the rows of Parquet or Arrow files, with the names of classes that the metadata of each file tell."""
    collected = _Collected(files.name)
    names: list[ClassNames] = []
    doubts: dict[str, str] = {}
    schema: Mapping[str, pl.DataType] = {}
    for path in files.paths:
        with reading(path, files.kind):
            own, told = _schema(path, files.kind)
        collected.check_columns(list(own), path.name)
        schema = schema or own
        names.append({**files.names_of(path), **told})
        doubts = {**other_names(told, files.names_of(path), file=path.name, data=files.name), **doubts}
    image = image_column(schema, text=config.text, image=config.image)
    columns = asked_columns(config, collected.columns, but=image)
    _check_readable(files, columns)
    for path in files.paths:
        with reading(path, files.kind):
            frame = _read_columns(path, files.kind, columns) if columns else _rows_only(path, files.kind, image or "")
            collected.frames.append(frame)
    counts = tuple(map(len, collected.frames))
    collected.frames, named = with_names_of_each(
        collected.frames, names, _columns_of_classes(config), files=files.short_names, data=files.name
    )
    rows = Rows(
        frame=collected.joined(),
        columns=collected.columns,
        counts=counts,
        image_column=image or "",
        named=tuple(named),
        classes=class_order(names, config.label) if config.label in named else (),
        notes=tuple(note for column in named for note in (named[column], doubts.get(column)) if note),
    )
    if image is None or not sum(counts):
        return rows
    with reading(files.paths[0], files.kind):
        images = images_in_column(
            files.paths, files.kind, image, name=files.name, folder=files.folder, gaps=config.skip_damaged
        )
    return replace(rows, images=images)


def read_text(path: Path, kind: str, config: DataConfig | None) -> tuple[pl.DataFrame, int]:
    """Return all columns of a file of texts, those of CSV as texts, and how many rows lack fields at their end.

    Parameters
    ----------
    path : Path
        The file, not compressed.
    kind : {"CSV", "TSV", "NDJSON", "JSON"}
        Its format.
    config : DataConfig or None
        Names of columns; None for a file of splits.
    """
    import polars as pl

    if kind in ("CSV", "TSV"):
        texts, numbers = texts_and_numbers(config)
        return read_rows(path, "\t" if kind == "TSV" else ",", columns=(*texts, *numbers))
    with native_reader():
        content = path.read_bytes().removeprefix(MARK)  # not by path: polars would expand brackets and stars in it
        if kind == "JSON":
            content = json_lines(content, name=path.name)
        if not content:
            msg = f"{path.name} must hold at least one row: it is an empty array. Add rows."
            raise DataError(msg)
        schema = pl.scan_ndjson(content, infer_schema_length=None).collect_schema()
        check_expansion(path.name, on_disk=len(content), in_memory=8 * len(schema) * content.count(b"\n"))
        return pl.read_ndjson(content, schema=schema), 0


def texts_and_numbers(config: DataConfig | None) -> tuple[list[str], list[str]]:
    """Return the columns that are texts whatever they hold, and the columns whose numbers are numbers.

    Parameters
    ----------
    config : DataConfig or None
        Names of columns; None for a file of splits.
    """
    if config is None:
        return ["id", "part"], ["seed"]
    texts = (config.text, config.image, config.prompt, config.id, config.group_split)
    numbers = (config.label, config.group, config.split, *config.predictions, config.saw_column)
    return [name for name in texts if name], [name for name in numbers if name]


def asked_columns(config: DataConfig, columns: Sequence[str], *, but: str | None = None) -> list[str]:
    """Return which columns a verb may read: the named ones, and those from which it derives what it lacks.

    Parameters
    ----------
    config : DataConfig
        Names of columns.
    columns : sequence of str
        Names of all columns.
    but : str or None
        A column that is not read.
    """
    texts, numbers = texts_and_numbers(config)
    asked = {*texts, *numbers, config.chosen, config.rejected, config.score}
    if (asked - set(columns)) & DERIVED:
        asked |= set(REASONING)
    if not config.text and but is None:
        asked |= set(PAIRS)
    chosen = [column for column in columns if column in asked and column != but]
    return chosen or [column for column in columns if column != but][:1]  # a frame without columns has no rows


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Context manager: turn what readers raise into one sentence on this file.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        Its format.
    """
    try:
        yield
    except W2SProbeError:
        raise
    except Exception as error:  # crafted bytes make readers raise errors of any type
        check_memory(error)
        suffix = path.name.removeprefix(bare_name(path).name)[1:]
        what = f"{'an' if suffix.startswith('a') else 'a'} {suffix} table in UTF-8"
        msg = f"{path.name} must be {what}: it cannot be read ({reason(error)}). Export the table again in this format."
        raise DataError(msg) from error


@contextmanager
def _plain(path: Path, most: int | None) -> Iterator[tuple[Path, int]]:
    """Context manager: the file itself, or an unpacked copy and its number of bytes."""
    packing = packing_by_name(path)
    if not packing:
        yield path, 0
        return
    with unpacked(path, packing, most=most) as (copy, size):
        yield copy, size


def check_file(path: Path) -> None:
    """Raise `DataError` if a file is a pipe, missing, empty, or compressed under the name of another format."""
    check_no_pipe(path, "data")
    if not is_regular_file(path):
        msg = f"data must be files that can be read: there is no file {path.name}. Check the path and its rights."
        raise DataError(msg)
    if path.stat().st_size == 0:
        msg = f"{path.name} must hold a table: it is empty (0 bytes). Export the table again."
        raise DataError(msg)
    if not packing_by_name(path):
        check_not_packed(path, path.name)


def _schema(path: Path, kind: str) -> tuple[dict[str, pl.DataType], dict[str, tuple[str, ...]]]:
    """Return the types of the columns of a file, and the names of classes in its metadata."""
    import polars as pl

    if kind == "Arrow":
        info = arrow_metadata(path).get("info")
        return arrow_schema(path), names_in_features(info.get("features")) if isinstance(info, dict) else {}
    check_expansion(path.name, on_disk=path.stat().st_size, in_memory=promised_bytes(path))
    with native_reader(), path.open("rb") as handle:
        schema = dict(pl.read_parquet_schema(handle))
        handle.seek(0)
        return schema, names_in_metadata(pl.read_parquet_metadata(handle).get("huggingface"))


def _read_columns(path: Path, kind: str, columns: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    if kind == "Arrow":
        return read_arrow(path, columns)
    with native_reader():
        return pl.read_parquet(path, columns=list(columns), glob=False)


def _rows_only(path: Path, kind: str, column: str) -> pl.DataFrame:
    """Return a frame with an empty column for the only one of a file, which is read later: no column means no rows."""
    import polars as pl

    with native_reader():
        if kind == "Arrow" and is_stream(path):
            rows = pl.read_ipc_stream(path, columns=[column]).height
        else:
            scanned = pl.scan_ipc(path, glob=False) if kind == "Arrow" else pl.scan_parquet(path, glob=False)
            rows = scanned.select(pl.len()).collect().item()
    return pl.DataFrame({column: pl.repeat(None, rows, eager=True)})


def _check_readable(files: DataFiles, columns: Sequence[str]) -> None:
    """Raise `DataError` if a file is damaged so that reading it would end the process."""
    forms: dict[str, list[Path]] = {}
    for path in files.paths:
        form = "parquet" if files.kind == "Parquet" else "stream" if is_stream(path) else "file"
        forms.setdefault(form, []).append(path)
    for form, paths in forms.items():
        fatal = fatal_file(paths, form, columns)
        if fatal is not None:
            with reading(fatal, files.kind):
                raise ValueError(FAULT)


def _fit(first: pl.DataType, second: pl.DataType) -> bool:
    """Return whether values of both types can be in one column without a change of what they say."""
    import polars as pl

    texts = (pl.String(), pl.Categorical())
    either_null = pl.Null() in (first, second)
    return first == second or either_null or (first.is_numeric() and second.is_numeric()) or {first, second} <= {*texts}
