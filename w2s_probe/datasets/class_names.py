"""Names of classes whose labels are stored as numbers: `ClassLabel` in the metadata of `datasets`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

ClassNames = Mapping[str, tuple[str, ...]]  # by column
NO_LABEL = -1
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
        values, classes = frame[column], names[column]
        wrong = values.filter((values < NO_LABEL) | (values >= len(classes)))
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
