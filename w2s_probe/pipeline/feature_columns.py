"""Which columns of a Parquet file are features and which holds the ids; a reading with two meanings is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, did_you_mean, listed

if TYPE_CHECKING:
    import polars as pl

    Schema = Mapping[str, pl.DataType]

NOT_FEATURES = re.compile(
    r"|__index_level_\d+__|unnamed: ?\d+|level_\d+|index|idx|row|row_?(nr|number|num|index)|(.*_)?ids?|(.*_)?labels?|y"
    r"|targets?|class(es)?|category|split|part|fold|(.*_)?groups?|source|n_(tokens|words|chars)|tokens?(_count)?|length",
    re.IGNORECASE,
)  # names that indices, ids, labels and counts usually have


def id_column(columns: Collection[str], data: DataConfig | None) -> str | None:
    """Return the column that holds the ids: the one that --id names, else one called id."""
    names = [data.id] if data is not None and data.id else []
    return next((name for name in [*names, "id", "ids"] if name in columns), None)


def choose_columns(
    schema: Schema, chosen: str | None, *, ids: str | None, data: DataConfig | None, file: str
) -> list[str]:
    """Return the columns of the features: one list column, or numeric columns.

    `chosen` is what follows ``#``, and `file` what messages write before it. Without `chosen`: a list column
    ``features``, else the only list column, else all numeric columns, if every other column is the ids and none has a
    name or type that suggests another meaning. Raises `DataError` if a file can be read in two ways.
    """
    if chosen is not None:
        return _explicit(schema, chosen, file)
    lists = [name for name in schema if name != ids and holds_lists(schema[name])]
    if "features" in schema and ("features" in lists or not lists):
        return ["features"]
    if len(lists) > 1:
        msg = (
            f"features:{file} must have one list column, or one called features: it has {listed(lists)}. "
            f"Name one, as in features:{file}#{lists[0]}."
        )
        raise DataError(msg)
    return lists or _numeric(schema, ids=ids, data=data, file=file)


def holds_lists(dtype: pl.DataType) -> bool:
    """Return whether values of a type are lists of numbers, at any depth."""
    import polars as pl

    if not isinstance(dtype, (pl.List, pl.Array)):
        return False
    inner = dtype.inner
    return isinstance(inner, pl.DataType) and (inner.is_numeric() or holds_lists(inner))


def is_number(dtype: pl.DataType) -> bool:
    """Return whether values of a type are numbers or truth values."""
    return dtype.is_numeric() or str(dtype) == "Boolean"


def described(columns: Sequence[str], kind: str = "column") -> str:
    """Return ``column a`` or ``columns a … z``; `kind` may also be ``array``, and X is always one."""
    if tuple(columns) == ("X",):
        return "array X"
    return f"{kind} {columns[0]}" if len(columns) == 1 else f"{kind}s {columns[0]} … {columns[-1]}"


def _explicit(schema: Schema, chosen: str, file: str) -> list[str]:
    names = [chosen] if chosen in schema else [name.strip() for name in chosen.split(",") if name.strip()]
    unknown = [name for name in names if name not in schema]
    if unknown or not names:
        msg = (
            f"features:{file}#COLUMN must name columns of the file: got {(unknown or [''])[0]!r:.60}, not one of "
            f"{listed(list(schema))}.{did_you_mean((unknown or [''])[0], schema) or ' Use these names.'}"
        )
        raise DataError(msg)
    others = [name for name in names if not is_number(schema[name])]
    if len(set(names)) < len(names) or (others and len(names) > 1):
        problem = f"{others[0]!r:.60} holds {schema[others[0]]!s:.60}" if others else "a name occurs twice"
        msg = (
            f"features:{file}#COLUMN must name one list column, or distinct numeric columns: {problem}. "
            f"Write features:{file}#COLUMN or features:{file}#a,b,c."
        )
        raise DataError(msg)
    return names


def _numeric(schema: Schema, *, ids: str | None, data: DataConfig | None, file: str) -> list[str]:
    """Return all numeric columns, or raise `DataError` if any column suggests that some are no features."""
    rest = [name for name in schema if name != ids]
    numeric = [name for name in rest if schema[name].is_numeric()]
    if not numeric:
        msg = (
            f"features:{file} must have a list column, or numeric columns: it has {listed(list(schema)) or 'none'}. "
            "Save the features as numbers."
        )
        raise DataError(msg)
    decimals = [name for name in numeric if not schema[name].is_integer()]
    features = [name for name in decimals or numeric if not _means_something_else(name, data)]
    doubtful = [name for name in rest if name not in features]
    if doubtful:
        example = ",".join([*features[:3], "…"] if len(features) > 3 else features or ["COLUMN"])
        msg = (
            f"features:{file} must have features as its only columns beside id: {listed(doubtful)} may be something "
            f"else ({_why(schema, doubtful[0], data)}). Name the columns to use, as in features:{file}#{example}, or "
            "remove the others from the file."
        )
        raise DataError(msg)
    return numeric


def _means_something_else(name: str, data: DataConfig | None) -> bool:
    return name in _roles(data) or NOT_FEATURES.fullmatch(name.strip()) is not None


def _roles(data: DataConfig | None) -> dict[str, str]:
    """Return what the columns of DATA mean: ``{column: flag}``."""
    if data is None:
        return {}
    flags = ("label", "group", "id", "split", "group_split", "text", "image", "prompt")
    return {str(getattr(data, flag)): f"--{flag.replace('_', '-')}" for flag in flags if getattr(data, flag)}


def _why(schema: Schema, name: str, data: DataConfig | None) -> str:
    dtype = schema[name]
    if not dtype.is_numeric():
        return f"{name!r:.60} holds {dtype!s:.60}"
    if name in _roles(data):
        return f"{name!r:.60} is DATA's {_roles(data)[name]}"
    if _means_something_else(name, data):
        return f"an index, id, label or count is usually called {name!r:.60}"
    return f"{name!r:.60} holds whole numbers, the other columns do not"
