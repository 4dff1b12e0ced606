"""Names of classes whose labels are stored as numbers: `ClassLabel` in the metadata of `datasets`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.core.errors import DataError, listed

if TYPE_CHECKING:
    import polars as pl

ClassNames = Mapping[str, tuple[str, ...]]  # by column
NO_LABEL = -1
SHOWN = 8  # names of which a message lists all
LARGEST = 2**22  # bytes of a file of metadata
ENTRY = re.compile(r"""^['"]?(\d+)['"]?:\s*(.*)$""")


def names_in_features(features: Any) -> dict[str, tuple[str, ...]]:
    """Return the names of classes in a description of columns, as ``dataset_info.json`` has it.

    Parameters
    ----------
    features : mapping of column to mapping
        Description of the columns; anything else has no names.
    """
    if not isinstance(features, Mapping):
        return {}
    return {
        column: tuple(map(str, feature["names"]))
        for column, feature in features.items()
        if isinstance(feature, Mapping)
        and feature.get("_type") == "ClassLabel"
        and isinstance(feature.get("names"), list)
    }


def names_in_metadata(text: str | None) -> dict[str, tuple[str, ...]]:
    """Return the names of classes in the value of the key ``huggingface`` of a file's metadata.

    Parameters
    ----------
    text : str or None
        JSON; None without this key.
    """
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    info = value.get("info") if isinstance(value, dict) else None
    return names_in_features(info.get("features")) if isinstance(info, dict) else {}


def names_beside(folder: Path, config: str = "") -> dict[str, tuple[str, ...]]:
    """Return the names of classes that ``dataset_infos.json`` or the head of ``README.md`` in a folder tells.

    A column whose names differ between configurations has none.

    Parameters
    ----------
    folder : Path
        Folder of a data set.
    config : str
        The configuration that is read; empty if unknown.
    """
    infos = read_json(folder / "dataset_infos.json")
    if infos:
        chosen = [infos[config]] if config in infos else list(infos.values())
        return _agreed(names_in_features(info.get("features")) for info in chosen if isinstance(info, dict))
    readme = folder / "README.md"
    if not readme.is_file() or readme.stat().st_size > LARGEST:
        return {}
    return _agreed(_names_in_yaml(readme.read_text(encoding="utf-8", errors="replace")))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a small JSON file; empty if there is none.

    Parameters
    ----------
    path : Path
        The file.
    """
    try:
        value = json.loads(path.read_bytes()) if path.is_file() and path.stat().st_size <= LARGEST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def with_class_names(frame: pl.DataFrame, names: ClassNames, columns: Iterable[str | None], *, data: str) -> Any:
    """Return a frame in which whole numbers of these columns are names of classes; -1 is a missing label.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of the data.
    names : mapping of column to tuple of str
        Names of classes, in the order of their numbers.
    columns : iterable of str or None
        Columns that may have names.
    data : str
        Name of the data, for messages.

    Raises
    ------
    DataError
        If a number has no name, or two classes have the same name.
    """
    import polars as pl

    for column in named_columns(frame, names, columns):
        stored, classes = frame[column], names[column]
        values = stored.cast(pl.Int64, strict=False)  # unsigned numbers cannot be compared with -1
        wrong = stored.filter(
            (values < NO_LABEL) | (values >= len(classes)) | (values.is_null() & stored.is_not_null())
        )
        if len(wrong):
            msg = (
                f"column {column!r} of {data} must hold numbers of its {len(classes)} named classes, or -1 for none:"
                f" got {wrong[0]}. Repair the labels, or the names in the metadata."
            )
            raise DataError(msg)
        if len(set(classes)) < len(classes):
            msg = f"classes of column {column!r} of {data} must have distinct names: got {len(set(classes))} for "
            msg += f"{len(classes)} numbers. Rename the classes in the metadata."
            raise DataError(msg)
        named = pl.Series(column, classes, dtype=pl.String).gather(values.replace(NO_LABEL, None).cast(pl.UInt32))
        frame = frame.with_columns(named)
    return frame


def with_names_of_each(
    frames: Sequence[pl.DataFrame],
    names: Sequence[ClassNames],
    columns: Iterable[str | None],
    *,
    files: Sequence[str],
    data: str,
) -> tuple[list[pl.DataFrame], dict[str, str]]:
    """Return the rows of each file with its own names of classes, and a sentence (or none) on each column with names.

    A number may mean one class in one file and another class in the next. A file without names may hold texts, or no
    labels (-1 or null).

    Parameters
    ----------
    frames : sequence of polars.DataFrame
        Rows of each file.
    names : sequence of mapping of column to tuple of str
        Names of classes of each file.
    columns : iterable of str or None
        Columns that may have names.
    files : sequence of str
        Names of the files, for messages.
    data : str
        Name of the data, for messages.

    Raises
    ------
    DataError
        If files name different classes, or one has numbers without names; see also `with_class_names`.
    """
    notes: dict[str, str] = {}
    mapped = list(frames)
    for column in dict.fromkeys(columns):
        named = {i: told[column] for i, told in enumerate(names) if column in named_columns(frames[i], told, [column])}
        if column is None or not named:
            continue
        _check_same_classes(named, column, files, data)
        difference = _difference(named, files)
        note = (
            f"Files of {data} number the classes of column {column!r} in different ways: {difference}. Each file is "
            "read with its own names."
        )
        notes[column] = note if difference else ""
        for i, frame in enumerate(mapped):
            if i in named:
                where = files[i] if len(files) > 1 else data
                mapped[i] = with_class_names(frame, {column: named[i]}, [column], data=where)
            else:
                mapped[i] = _without_names(frame, column, named, file=files[i], files=files, data=data)
    return mapped, notes


def other_names(told: ClassNames, beside: ClassNames, *, file: str, data: str) -> dict[str, str]:
    """Return a sentence for each column whose names in a file differ from those that other files tell for it.

    Parameters
    ----------
    told, beside : mapping of column to tuple of str
        Names of classes in the metadata of the file, which are read, and in files of metadata beside it.
    file, data : str
        Names of the file and of the data, for messages.
    """
    return {
        column: (
            f"The names of classes of column {column!r:.60} differ in {file} ({listed(told[column])}) and in the "
            f"metadata beside it ({listed(beside[column])}): those in the files of {data} are used."
        )
        for column in told
        if beside.get(column, told[column]) != told[column]
    }


def _check_same_classes(named: Mapping[int, tuple[str, ...]], column: str, files: Sequence[str], data: str) -> None:
    """Raise `DataError` if a file has a class that the file with the most classes lacks."""
    first = max(named, key=lambda i: len(set(named[i])))
    for i, classes in named.items():
        more = [name for name in classes if name not in named[first]]
        if more:
            got = (
                f"{files[i]} says {listed(classes)}; {files[first]} says {listed(named[first])}"
                if max(len(classes), len(named[first])) <= SHOWN
                else f"{files[i]} has {more[0]!r:.60}, which {files[first]} lacks"
            )
            msg = (
                f"all files of {data} must name the same classes of column {column!r}: {got}. Save them with the same "
                "ClassLabel."
            )
            raise DataError(msg)


def _difference(named: Mapping[int, tuple[str, ...]], files: Sequence[str]) -> str:
    """Return which names two files tell for one number; empty if all agree."""
    longest = max(named, key=lambda i: len(named[i]))
    for i, classes in named.items():
        at = next((at for at, name in enumerate(classes) if name != named[longest][at]), None)
        if at is None:
            continue
        if len(named[longest]) <= SHOWN:
            return f"{files[longest]} says {listed(named[longest])}; {files[i]} says {listed(classes)}"
        return f"{at} is {named[longest][at]!r:.60} in {files[longest]} and {classes[at]!r:.60} in {files[i]}"
    return ""


def _without_names(
    frame: pl.DataFrame,
    column: str,
    named: Mapping[int, tuple[str, ...]],
    *,
    file: str,
    files: Sequence[str],
    data: str,
) -> pl.DataFrame:
    """Return the rows of a file without names beside files with names; `DataError` if it holds numbers of classes."""
    import polars as pl

    values = frame[column]
    if not values.dtype.is_numeric():
        return frame
    if (values.drop_nulls().cast(pl.Float64) != NO_LABEL).any():
        first = min(named)
        msg = (
            f"all files of {data} must name the classes of column {column!r}: {files[first]} says "
            f"{listed(named[first])}; {file} holds numbers without names. Save them with the same ClassLabel."
        )
        raise DataError(msg)
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(column))


def class_order(names: Sequence[ClassNames], column: str) -> tuple[str, ...]:
    """Return the names of a column's classes in the order of their numbers; none if files number them differently.

    Parameters
    ----------
    names : sequence of mapping of column to tuple of str
        Names of classes of each file.
    column : str
        The column.
    """
    told = [own[column] for own in names if column in own]
    longest = max(told, key=len, default=())
    return longest if all(own == longest[: len(own)] for own in told) else ()


def named_columns(frame: pl.DataFrame, names: ClassNames, columns: Iterable[str | None]) -> list[str]:
    """Return which of these columns hold whole numbers that have names.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of the data.
    names : mapping of column to tuple of str
        Names of classes.
    columns : iterable of str or None
        Columns that may have names.
    """
    return [
        column
        for column in dict.fromkeys(columns)
        if column and column in names and column in frame.columns and frame[column].dtype.is_integer()
    ]


def _agreed(all_names: Iterable[ClassNames]) -> dict[str, tuple[str, ...]]:
    """Return the names of columns that every description with this column names alike."""
    agreed: dict[str, tuple[str, ...] | None] = {}
    for names in all_names:
        for column, classes in names.items():
            agreed[column] = classes if agreed.get(column, classes) == classes else None
    return {column: classes for column, classes in agreed.items() if classes is not None}


def _names_in_yaml(text: str) -> list[dict[str, tuple[str, ...]]]:
    """Return the names of classes in the head of a README.

    The head is YAML as `datasets` writes it: ``- name: COLUMN``, then ``class_label:``, ``names:`` and a line
    ``'0': NAME`` for each class.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return []
    head = lines[1:]
    head = head[: next((at for at, line in enumerate(head) if line.strip() == "---"), 0)]
    columns: list[dict[str, tuple[str, ...]]] = []
    column = ""
    for at, line in enumerate(head):
        bare = line.strip().removeprefix("- ")
        if bare.startswith("name:"):
            column = _scalar(bare.removeprefix("name:"))
        elif bare == "names:" and at and head[at - 1].strip() == "class_label:" and column:
            columns.append({column: _entries(head[at + 1 :])})
    return [names for names in columns if all(names.values())]


def _entries(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the names in lines such as ``'0': neg``, up to the first other line; empty unless they count from 0."""
    names: list[str] = []
    for line in lines:
        match = ENTRY.match(line.strip())
        if match is None:
            break
        if int(match[1]) != len(names):
            return ()
        names.append(_scalar(match[2]))
    return tuple(names)


def _scalar(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
