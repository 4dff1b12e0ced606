"""Archives of images as webdataset writes them: members with one name but for their suffixes are one row."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.files import reason
from w2s_probe.core.images import SUFFIXES, ImageRanges
from w2s_probe.datasets.data_files import DataFiles
from w2s_probe.datasets.delimited import with_numbers
from w2s_probe.datasets.formats import bare_name
from w2s_probe.datasets.frames import check_file
from w2s_probe.datasets.readers import part_column, table_from_frame
from w2s_probe.datasets.table import Origin, Table

IMAGES = ", ".join(SUFFIXES)
LARGEST = 2**24  # bytes of a member that holds labels
LABELS = ("cls", "txt")  # members that are labels if no column has the name of --label


@dataclass(eq=False, slots=True)
class _Sample:
    """The members of one row: places of images by suffix, and other values by column."""

    images: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def read_tars(files: DataFiles, config: DataConfig) -> Table:
    """Return the images of archives as a table, with their names, less the suffix, as ids.

    Columns are ``cls`` and ``txt``, the texts of members with these suffixes, and the keys of ``json`` members. Where
    no column has the name of the labels' default, labels are ``cls``, else ``txt``. With several archives an id begins
    with the name of its archive (and its folders, where names repeat), and archives stand in the order of their numbers
    (``s2`` before ``s10``). Members of other suffixes are left out and counted in a note.

    Parameters
    ----------
    files : DataFiles
        Archives, not compressed.
    config : DataConfig
        Names of columns. `image` is the suffix of the images, where a row has several.

    Raises
    ------
    DataError
        If an archive is damaged or has no images, or a row lacks an image or has several.
    """
    if config.text or config.prompt:
        msg = f"--text and --prompt must be left out for {files.name}, an archive of images. Remove them."
        raise DataError(msg)
    samples: dict[str, _Sample] = {}
    counts: list[int] = []
    others: Counter[str] = Counter()
    for shard, (path, prefix) in enumerate(zip(files.paths, _prefixes(files), strict=True)):
        own: dict[str, _Sample] = {}
        with _whole_archive(path):
            check_file(path)
        with _whole_archive(path), tarfile.open(path, "r:") as archive:
            for key, suffix, place in _members(archive, path, shard):
                sample = own.setdefault(prefix + key, _Sample())
                _add(sample, suffix, place, archive, others, path.name)
        twice = next((name for name in own if name in samples), None)
        if twice is not None:
            msg = f"rows of {files.name} must have distinct names: two archives have {twice!r:.60}. Rename an archive."
            raise DataError(msg)
        samples |= own
        counts.append(len(own))
    places = [
        _image(key, sample, config.image, files.name) for key, sample in _with_images(samples, others, files.name)
    ]
    return _table(files, config, samples, places, counts, others)


def _prefixes(files: DataFiles) -> list[str]:
    """Return what ids of each archive begin with: its name, with its folders where names repeat; nothing for one."""
    if len(files.paths) == 1:
        return [""]
    stems = [path.stem for path in files.paths]
    if len(set(stems)) < len(stems):
        stems = [bare_name(PurePosixPath(name)).as_posix() for name in files.short_names]
    return [f"{stem}/" for stem in stems]


def _members(archive: tarfile.TarFile, path: Path, shard: int) -> Iterator[tuple[str, str, tuple[int, int, int]]]:
    """Yield name, suffix and place of the files in an archive; hidden ones are left out."""
    for member in archive:
        file = PurePosixPath(member.name)
        if member.isdir() or file.name.startswith("."):
            continue
        if not member.isreg() or member.issparse():
            msg = (
                f"members of {path.name} must be plain files: {member.name!r:.60} is a link or a device. Pack it again."
            )
            raise DataError(msg)
        stem, _, suffix = file.name.partition(".")
        yield (file.parent / stem).as_posix(), suffix.lower(), (shard, member.offset_data, member.size)
    _check_end(archive)


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise `tarfile.ReadError` unless an archive ends with zeros: `tarfile` stops at a damaged header in silence."""
    handle: Any = archive.fileobj
    handle.seek(archive.offset)
    if handle.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        msg = "its end is missing, or a header is damaged"
        raise tarfile.ReadError(msg)
    while block := handle.read(2**20):
        if block.strip(b"\0"):
            msg = "more stands after its end"
            raise tarfile.ReadError(msg)


def _add(
    sample: _Sample, suffix: str, place: tuple[int, int, int], archive: tarfile.TarFile, others: Counter[str], name: str
) -> None:
    """Add one member to its row."""
    if f".{suffix.rpartition('.')[2]}" in SUFFIXES:
        if suffix in sample.images:
            msg = f"members of {name} must have distinct names: an image .{suffix} is there twice. Pack it again."
            raise DataError(msg)
        sample.images[suffix] = place
    elif suffix in (*LABELS, "json"):
        content = _content(archive, place, name)
        sample.values |= _object(content, name) if suffix == "json" else {suffix: content.strip()}
    else:
        others[f".{suffix}" if suffix else "without a suffix"] += 1


def _content(archive: tarfile.TarFile, place: tuple[int, int, int], name: str) -> str:
    _, start, size = place
    if size > LARGEST:
        msg = f"labels in {name} must have at most {LARGEST:,} bytes: a member has {size:,}. Store labels only."
        raise DataError(msg)
    handle: Any = archive.fileobj
    at = handle.tell()
    handle.seek(start)
    content = handle.read(size)
    handle.seek(at)
    try:
        return str(content.decode())
    except UnicodeDecodeError as error:
        msg = f"labels in {name} must be texts in UTF-8: a member is not. Pack the archive again."
        raise DataError(msg) from error


def _object(content: str, name: str) -> dict[str, Any]:
    """Return the plain values of a JSON object."""
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        msg = f"members .json of {name} must hold one JSON object each: got {content[:40]!r}. Pack the archive again."
        raise DataError(msg)
    return {key: entry for key, entry in value.items() if entry is None or isinstance(entry, (str, int, float))}


def _with_images(samples: dict[str, _Sample], others: Counter[str], name: str) -> Iterator[tuple[str, _Sample]]:
    """Yield the rows; raise `DataError` if there are no images."""
    if not any(sample.images for sample in samples.values()):
        columns = Counter(f".{column}" for sample in samples.values() for column in sample.values)
        got = listed([f"{count:,} {suffix}" for suffix, count in (others + columns).most_common()]) or "no files"
        msg = f"{name} must hold images ({IMAGES}): got {got}. Name an archive of images, or a table."
        raise DataError(msg)
    yield from samples.items()


def _image(key: str, sample: _Sample, suffix: str | None, name: str) -> tuple[int, int, int]:
    """Return the place of a row's image."""
    wanted = [suffix.removeprefix(".").lower()] if suffix else [each for each in sample.images if "." not in each]
    places = [sample.images[each] for each in wanted if each in sample.images]
    if len(places) != 1:
        got = f"several, {listed(sorted(sample.images))}" if places else listed(sorted(sample.images)) or "none"
        advice = "Name the suffix of the images with --image." if sample.images else "Remove its other members."
        what = f"one image .{wanted[0]}" if suffix else "one image"
        msg = f"each row of {name} must have {what}: {key!r:.60} has {got}. {advice}"
        raise DataError(msg)
    return places[0]


def _table(
    files: DataFiles,
    config: DataConfig,
    samples: dict[str, _Sample],
    places: Sequence[tuple[int, int, int]],
    counts: Sequence[int],
    others: Counter[str],
) -> Table:
    import polars as pl

    columns = list(dict.fromkeys(column for sample in samples.values() for column in sample.values))
    keys = list(samples)
    values = {column: [sample.values.get(column) for sample in samples.values()] for column in columns}
    frame = pl.DataFrame({"key": keys} | {column: _series(column, cells) for column, cells in values.items()})
    label = config.label
    if label == DataConfig(data="").label and label not in columns:
        label = next((column for column in LABELS if column in columns), label)
    texts = [column for column in LABELS if column in columns]
    frame = with_numbers(
        frame, [column for column in texts if column in (label, config.group, config.split, *config.predictions)]
    )
    images = ImageRanges(files.paths, np.array(places, dtype=np.int64), keys)
    chosen = replace(config, label=label, image=None)
    table = table_from_frame(frame, chosen, name=files.name, columns=("key", *columns), images=images)
    if config.id is None:
        table = replace(table, ids=np.array(keys, dtype=np.str_), has_ids=True, checked=False)
    left_out = listed([f"{count:,} {suffix}" for suffix, count in others.most_common()])
    origin = Origin(
        kind="tar", files=len(files.paths), label=label if label != config.label else "", one_part=files.one_part
    )
    table = replace(
        table,
        origin=origin,
        notes=(*files.notes, *((f"Members that are no images or labels are left out: {left_out}.",) if others else ())),
    )
    if files.parts:
        parts = part_column(files.parts, counts)
        rows = {part: int(parts.where(part.__eq__).sum()) for part in dict.fromkeys(files.parts)}
        table = replace(table, split=parts, origin=replace(origin, parts=rows))
    return table if config.id else _in_order(table, counts)


def _in_order(table: Table, counts: Sequence[int]) -> Table:
    """Return the rows of each archive by ascending id, the archives in the order of their numbers."""
    if len(counts) == 1:
        return table
    order = np.lexsort((table.ids, np.repeat(np.arange(len(counts)), counts)))
    return replace(table if (order[1:] > order[:-1]).all() else table.take(order), in_order=True)


def _series(name: str, cells: Sequence[Any]) -> Any:
    """Return a column of a table; numbers beside texts become texts."""
    import polars as pl

    if any(isinstance(cell, str) for cell in cells):
        cells = [None if cell is None else str(cell) for cell in cells]
    return pl.Series(name, cells, strict=False)


@contextmanager
def _whole_archive(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, OSError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        msg = f"{path.name} must be a whole tar archive: it cannot be read ({reason(error)}). Copy or pack it again."
        raise DataError(msg) from error
