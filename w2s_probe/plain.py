"""Dataclasses to plain JSON values and back; the dataclass is the only description there is."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from w2s_probe.errors import DataError

__all__ = ["from_plain", "plain"]

_NAMES: dict[type, str] = {str: "a text", int: "a whole number", float: "a number or null", bool: "true or false"}


def plain(value: Any) -> Any:
    """Return a result as dicts, lists, strings and finite numbers; NaN becomes None."""
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def from_plain(hint: Any, value: Any, where: str = "") -> Any:
    """Return the value that `plain` was given; None is NaN where a number is expected.

    Parameters
    ----------
    hint : type
        A frozen dataclass, or any annotation its fields use.
    value : object
        What JSON gave.
    where : str
        Its place, for messages, as in ``verdict.call``.

    Raises
    ------
    DataError
        If a key is missing or a value is of another kind.
    """
    if hint is Any:
        return value
    if is_dataclass(hint):
        return _dataclass(hint, value, where)
    reader = _READERS.get(get_origin(hint), _scalar)
    return reader(hint, value, where)


def _dataclass(cls: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), "an object", value, where)
    hints = get_type_hints(cls)
    found = {}
    for field in fields(cls):
        at = f"{where}.{field.name}" if where else field.name
        if field.name in value:
            found[field.name] = from_plain(hints[field.name], value[field.name], at)
        elif field.default is MISSING and field.default_factory is MISSING:
            _expect(False, "there", "nothing", at)  # noqa: FBT003  # reads as the sentence it makes
    return cls(**found)


def _mapping(hint: Any, value: Any, where: str) -> dict[str, Any]:
    _expect(isinstance(value, dict), "an object", value, where)
    return {key: from_plain(get_args(hint)[1], item, f"{where}.{key}") for key, item in value.items()}


def _sequence(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    _expect(isinstance(value, list), "a list", value, where)
    return tuple(from_plain(get_args(hint)[0], item, f"{where}.{i}") for i, item in enumerate(value))


def _optional(hint: Any, value: Any, where: str) -> Any:
    (arm,) = (arm for arm in get_args(hint) if arm is not type(None))
    return None if value is None else from_plain(arm, value, where)


def _literal(hint: Any, value: Any, where: str) -> Any:
    _expect(value in get_args(hint), f"one of {', '.join(get_args(hint))}", value, where)
    return value


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float:
        if value is None:
            return math.nan
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        _expect(number and math.isfinite(value), _NAMES[float], value, where)
        return float(value)
    _expect(type(value) is hint, _NAMES[hint], value, where)
    return value


def _expect(right: bool, expected: str, value: Any, where: str) -> None:  # noqa: FBT001  # the claim itself
    if not right:
        got = repr(value) if not isinstance(value, str) or value != "nothing" else value
        msg = f"{where or 'it'} must be {expected}: got {got[:60]}."
        raise DataError(msg)


_READERS: dict[Any, Callable[[Any, Any, str], Any]] = {
    Mapping: _mapping,
    dict: _mapping,
    tuple: _sequence,
    types.UnionType: _optional,
    Union: _optional,
    Literal: _literal,
}
