"""Which files DATA means: one file, a pattern, a folder of shards, a saved `datasets` folder, or images."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.files import is_folder, is_regular_file
from w2s_probe.core.images import SUFFIXES as IMAGES
from w2s_probe.core.input_files import check_no_pipe, pattern_advice
from w2s_probe.datasets.class_names import ClassNames, names_beside, names_in_features, read_json
from w2s_probe.datasets.formats import PACKED_KINDS, PACKINGS, SUFFIXES, bare_name, kind_of
from w2s_probe.datasets.shard_names import (
    ShardName,
    check_complete,
    check_one_table,
    numeric_order,
    part_order,
    parts_of,
    shard_name,
)

METADATA = {
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "config.json",
    "croissant.json",
}
SILENT = (".md", ".rst", ".py", ".pdf", ".bib", ".lock")  # documents beside data
DOCUMENTS = ("readme", "license", "licence", "copying", "copyright", "notice", "authors", "citation", "changelog")
STATE, INFO, DICT = "state.json", "dataset_info.json", "dataset_dict.json"
MOST_FILES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFiles:
    """The files of one data set, in the order of their rows.

    Parameters
    ----------
    name : str
        Name of the data for messages, without folders.
    folder : Path
        Folder to which paths of images belong.
    kind : str
        Format of all files: CSV, TSV, Parquet, NDJSON, JSON, Arrow or tar.
    paths : tuple of Path
        The files.
    parts : tuple of str
        Part of each file; empty without parts.
    class_names : mapping of column to tuple of str
        Names of classes that files of metadata tell for all files.
    own_names : mapping of Path to names of classes
        Names that hold for single files, where parts have their own metadata.
    several : bool
        Whether a folder, a pattern or a name of the hub was given, not one file.
    notes : tuple of str
        Sentences on files that are not read.
    one_part : str
        What to name in place of the data for the rows of its first part only; empty without parts.
    """

    name: str
    folder: Path
    kind: str
    paths: tuple[Path, ...]
    parts: tuple[str, ...] = ()
    class_names: ClassNames = field(default_factory=dict)
    own_names: Mapping[Path, ClassNames] = field(default_factory=dict)
    several: bool = True
    notes: tuple[str, ...] = ()
    one_part: str = ""

    @property
    def short_names(self) -> list[str]:
        """Names of the files, with as many folders as tell them apart."""
        common = os.path.commonpath([path.parent for path in self.paths])
        return [path.relative_to(common).as_posix() for path in self.paths]

    def names_of(self, path: Path) -> ClassNames:
        """Return the names of classes that files of metadata tell for one file."""
        return {**self.class_names, **self.own_names.get(path, {})}


def find_files(data: str, *, split: str | None = None) -> DataFiles | None:
    """Return the files that DATA means; None for a folder of images.

    Parameters
    ----------
    data : str
        A file, a folder, or a pattern such as ``dir/*.parquet``.
    split : str or None
        Column of parts, beside which names of files tell no parts.

    Raises
    ------
    DataError
        If there is no such file, files are of several formats, a numbered set lacks a file, or names tell parts that
        cannot be used.
    """
    path = Path(data)
    check_no_pipe(path, "data")
    if is_folder(path):
        return _in_folder(path, split)
    if is_regular_file(path):
        return _single(path)
    if any(character in data for character in "*?["):
        return _by_pattern(data, split)
    msg = (
        "data must be a table file, a folder of images or tables, a pattern, hf:ORG/NAME or builtin:NAME: "
        f"there is no file {path}. Check the path."
    )
    raise DataError(msg)


def _single(path: Path) -> DataFiles:
    kind = kind_of(path)
    if not kind:
        inner = path.with_suffix("").suffix
        packed = (
            f" ({', '.join(PACKINGS)} of {', '.join(PACKED_KINDS)} are read)" if path.suffix.lower() in PACKINGS else ""
        )
        got = f"{inner}{path.suffix}" if packed else path.suffix or "no suffix"
        advice = "Unpack it first." if packed else "Convert or rename the file."
        msg = f"{path.name} must end in {SUFFIXES}{packed}: got {got!r:.60}. {advice}"
        raise DataError(msg)
    return DataFiles(name=path.name, folder=path.parent, kind=kind, paths=(path,), several=False)


def _by_pattern(data: str, split: str | None) -> DataFiles:
    paths = [Path(name) for name in glob.glob(data, recursive=True)]  # noqa: PTH207  # Path.glob takes no absolute pattern
    files = [path for path in paths if is_regular_file(path) and not path.name.startswith((".", "_"))]
    if not files:
        msg = f"data must be files: the pattern {data!r:.120} fits none. {pattern_advice(data)}"
        raise DataError(msg)
    folder = Path(os.path.commonpath([path.parent for path in files]))
    names = [path.relative_to(folder).as_posix() for path in files]
    pattern = os.path.abspath(data)  # noqa: PTH100  # a pattern is no path

    def asked(name: str) -> bool:
        return fnmatch(os.path.abspath(folder / name), pattern)  # noqa: PTH100  # links stay

    chosen = _ordered(folder, names, data=Path(data).name, split=split, expected=asked)
    return replace(chosen, class_names=_names_above(folder))


def _in_folder(folder: Path, split: str | None) -> DataFiles | None:
    """Return the tables or archives below a folder; None if it holds images, or nothing that can be read."""
    name = folder.resolve().name
    if is_regular_file(folder / DICT):
        return _saved_parts(folder, name, split)
    if is_regular_file(folder / STATE):
        return _saved(folder, name)
    tables, others, homes = _listing(folder, name)
    numbered = any(_told(table).total >= 0 for table in tables)
    below_data = "data" not in homes and any(table.startswith("data/") for table in tables)
    if not tables or (homes and not numbered and not below_data):
        return None
    files = _ordered(folder, tables, data=name, split=split, expected=lambda _: True)
    if not (files.parts or split):
        check_one_table(tables, data=name, pattern=_pattern_of(folder, tables))
    left_out = [f"{count:,} {suffix or 'without a suffix'}" for suffix, count in sorted(others.items())]
    note = f"Files of {name} that are no tables by their names are left out: {listed(left_out)}."
    return replace(files, notes=(note,) if left_out else (), class_names=_names_above(folder))


def _pattern_of(folder: Path, tables: Sequence[str]) -> str:
    """Return a pattern that fits these files below a folder, in a form that can be typed."""
    names = [PurePosixPath(table).name for table in tables]
    suffixes = sorted({name.removeprefix(bare_name(PurePosixPath(name)).name) for name in names})
    alike = all(suffix.startswith(suffixes[0]) for suffix in suffixes)  # .csv and .csv.gz
    any_suffix = f"*{suffixes[0] if alike else '.*'}{'*' if alike and len(suffixes) > 1 else ''}"
    below = "**/" if any("/" in table for table in tables) else ""
    return (Path(glob.escape(str(folder))) / f"{below}{any_suffix}").as_posix()


def _listing(folder: Path, name: str) -> tuple[list[str], Counter[str], set[str]]:
    """Return the data files below a folder, how many others there are of each suffix, and first folders of images."""

    def refuse(error: OSError) -> None:
        msg = f"all folders of {name} must be readable: got {error.strerror or error}. Check their permissions."
        raise DataError(msg) from error

    tables: list[str] = []
    others: Counter[str] = Counter()
    homes: set[str] = set()
    places = {folder.resolve()}
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        visible = [inner for inner in folders if not inner.startswith((".", "_"))]
        folders[:] = _new_folders(Path(place), visible, places)
        within = Path(place).relative_to(folder)
        for file in (file for file in files if not file.startswith((".", "_")) and file not in METADATA):
            suffix = Path(file).suffix.lower()[:20]
            if kind_of(Path(file)):
                tables.append((within / file).as_posix())
            else:
                others[suffix] += suffix not in SILENT and Path(file).stem.lower() not in DOCUMENTS
                homes |= {next(iter(within.parts), "")} if suffix in IMAGES else set()
    return tables, +others, homes


def _new_folders(place: Path, folders: Sequence[str], places: set[Path]) -> list[str]:
    """Return the folders in a place that are none of `places`, links after others, and add them to `places`."""
    new: list[str] = []
    for name in sorted(folders, key=lambda name: ((place / name).is_symlink(), name)):
        real = (place / name).resolve()
        if real not in places:
            places.add(real)
            new.append(name)
    return new


def _ordered(
    folder: Path, names: Sequence[str], *, data: str, split: str | None, expected: Callable[[str], bool]
) -> DataFiles:
    """Return the files with these paths relative to a folder, with the parts that their names tell.

    Files stand in the order of their parts, and those of one part in numeric order.

    `expected` says of the path of a missing file whether it was asked for.
    """
    _check_count(names, data)
    kind = _one_kind(names, data)
    names = sorted(names, key=lambda name: (part_order(_told(name).part), numeric_order(name)))
    told = [_told(name) for name in names]
    check_complete(names, told, data=data, expected=expected)
    parents = {PurePosixPath(name).parent for name in names}
    one_part = _one_part(folder, names, told)
    return DataFiles(
        name=data,
        folder=folder / parents.pop() if len(parents) == 1 else folder,
        kind=kind,
        paths=tuple(folder / name for name in names),
        parts=() if split else parts_of(told, data=data, one_part=one_part),
        one_part=one_part,
    )


def _one_part(folder: Path, names: Sequence[str], told: Sequence[ShardName]) -> str:
    """Return what to name for the files of the first part only, a file or a pattern in quotes; empty for one part."""
    part = told[0].part
    chosen = [name for name, one in zip(names, told, strict=True) if one.part == part]
    if not part or len(chosen) == len(names):
        return ""
    if len(chosen) == 1:
        return (folder / chosen[0]).as_posix()
    same = [len(set(letters)) == 1 for letters in zip(*chosen, strict=False)]
    start = chosen[0][: [*same, False].index(False)].rstrip("0123456789")
    others = [name for name in names if name not in set(chosen)]
    if any(name.startswith(start) for name in others) or any("/" in name[len(start) :] for name in chosen):
        return ""
    return f"'{(Path(glob.escape(str(folder))) / glob.escape(start)).as_posix()}{'/' * start.endswith('/')}*'"


def _told(name: str) -> ShardName:
    return shard_name(bare_name(PurePosixPath(name)).as_posix())


def _check_count(names: Sequence[str], data: str) -> None:
    if len(names) > MOST_FILES:
        msg = f"{data} must have at most {MOST_FILES:,} files: got {len(names):,}. Join the files to larger ones."
        raise DataError(msg)
    partition = next((part for name in names for part in PurePosixPath(name).parts[:-1] if "=" in part), None)
    if partition is not None:
        msg = (
            f"folders of {data} must not be values of a column: got {partition!r:.60}, which the rows of its files "
            "lack. Save the table with this column inside the files."
        )
        raise DataError(msg)


def _one_kind(names: Sequence[str], data: str) -> str:
    """Return the format of all files; raise `DataError` if there are several, or another one."""
    kinds = Counter(kind_of(PurePosixPath(name)) for name in sorted(names))
    kind, _ = kinds.most_common(1)[0]
    if not kind:
        msg = f"files of {data} must end in {SUFFIXES}: got {Path(names[0]).name!r:.60}. Convert or rename the files."
        raise DataError(msg)
    if len(kinds) > 1:
        got = listed([f"{count:,} {other or 'of another kind'}" for other, count in kinds.most_common()])
        example = PurePosixPath(min(name for name in names if kind_of(PurePosixPath(name)) == kind))
        msg = (
            f"files of {data} must be of one kind: got {got}. Name those of one kind with a pattern in quotes, such as "
            f"'{example.parent / '*'}{''.join(example.suffixes[-1:])}' in this folder."
        )
        raise DataError(msg)
    return kind


def _saved(folder: Path, name: str) -> DataFiles:
    """Return the files that `Dataset.save_to_disk` wrote."""
    state = read_json(folder / STATE)
    entries = state.get("_data_files")
    files = (
        [str(entry.get("filename")) for entry in entries if isinstance(entry, dict)]
        if isinstance(entries, list)
        else []
    )
    missing = next((file for file in files if not is_regular_file(folder / Path(file).name)), None)
    if not files or missing is not None:
        got = f"{missing!r:.60} is missing" if files else f"{STATE} names none"
        msg = f"{name} must hold the data files of save_to_disk: {got}. Save the data set again."
        raise DataError(msg)
    if state.get("_indices_files") or state.get("_indices_data_files"):
        msg = f"{name} must be saved without an index of rows: got one. Call flatten_indices(), and save it again."
        raise DataError(msg)
    return DataFiles(
        name=name,
        folder=folder,
        kind="Arrow",
        paths=tuple(folder / Path(file).name for file in files),
        class_names=names_in_features(read_json(folder / INFO).get("features")),
    )


def _saved_parts(folder: Path, name: str, split: str | None) -> DataFiles:
    """Return the files that `DatasetDict.save_to_disk` wrote, a folder for each part."""
    splits = read_json(folder / DICT).get("splits")
    if not isinstance(splits, list) or not splits:
        msg = f"{DICT} of {name} must name the parts of the data set: got none. Save the data set again."
        raise DataError(msg)
    saved = [_saved(folder / Path(str(part)).name, f"{name}/{part}") for part in splits]
    parts = {str(part): files for part, files in zip(splits, saved, strict=True)}
    return joined(parts, name=name, split=split, one_part=lambda part: (folder / part).as_posix())


def joined(
    parts: Mapping[str, DataFiles], *, name: str, split: str | None, one_part: Callable[[str], str] = lambda _: ""
) -> DataFiles:
    """Return the files of several parts of one data set as one, in the order of `part_order`.

    Parameters
    ----------
    parts : mapping of str to DataFiles
        Files of each part.
    name : str
        Name of the data.
    split : str or None
        Column of parts, beside which the names of parts do not count.
    one_part : callable
        Returns what to name for the rows of one part only.
    """
    parts = dict(sorted(parts.items(), key=lambda item: (part_order(item[0]), numeric_order(item[0]))))
    alone = one_part(next(iter(parts)))
    first = next(iter(parts.values()))
    told = [ShardName("", part) for part, files in parts.items() for _ in files.paths]
    return replace(
        first,
        name=name,
        paths=tuple(path for files in parts.values() for path in files.paths),
        parts=() if split else parts_of(told, data=name, one_part=alone),
        one_part=alone if len(parts) > 1 else "",
        class_names={},
        own_names={path: files.class_names for files in parts.values() for path in files.paths},
        several=True,
    )


def _names_above(folder: Path) -> ClassNames:
    """Return the names of classes that files beside the data or above ``data/`` tell."""
    folder = folder.resolve()
    return names_beside(folder) or (names_beside(folder.parent) if folder.name == "data" else {})
