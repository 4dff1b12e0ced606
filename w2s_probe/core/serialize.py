"""Results as JSON and back: the marks on a dataclass's fields say how, for both ways and for the JSON Schemas."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from w2s_probe.core.errors import DataError
from w2s_probe.core.text import json_text

_NAMES: dict[type, str] = {str: "a text", int: "a whole number", float: "a number or null", bool: "true or false"}


class Mark(Enum):
    """How a field marked with it is shown."""

    HIDDEN = "not at all"
    INLINE = "its items stand beside the other fields"
    UNLESS_NONE = "left out where it is None"


class Keys:
    """Mark of a mapping: the keys it may have.

    Parameters
    ----------
    *keys : str or dataclass
        Names, or dataclasses whose fields are the names (and say what is under them).
    required : bool
        Whether each mapping has all of them.
    """

    def __init__(self, *keys: str | type, required: bool = False) -> None:
        self.keys = keys
        self.required = required


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One field or property of a dataclass as JSON shows it.

    Parameters
    ----------
    name : str
        Of the field, and of the key.
    hint : Any
        Its type, with the marks of its inner types.
    marks : tuple
        Its own marks.
    """

    name: str
    hint: Any
    marks: tuple[Any, ...]


def plain(value: Any) -> Any:
    """Return a result as dicts, lists, strings and finite numbers; NaN becomes None.

    A dataclass becomes its fields, then the properties that its class variable ``also_shown`` names.
    """
    if is_dataclass(value):
        return dict(_items(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


@cache
def members(cls: type) -> tuple[Member, ...]:
    """Return what is shown of a dataclass, in order."""
    hints = get_type_hints(cls, include_extras=True)
    for name in getattr(cls, "also_shown", ()):
        hints[name] = get_type_hints(getattr(cls, name).fget, include_extras=True)["return"]
    names = [*(field.name for field in fields(cls)), *getattr(cls, "also_shown", ())]
    shown = [_member(name, hints[name]) for name in names]
    return tuple(member for member in shown if Mark.HIDDEN not in member.marks)


def hidden_fields(cls: type) -> frozenset[str]:
    """Return the names of a dataclass's fields that are not shown."""
    return frozenset(field.name for field in fields(cls)) - {member.name for member in members(cls)}


def _member(name: str, hint: Any) -> Member:
    marks = tuple(hint.__metadata__) if get_origin(hint) is Annotated else ()
    return Member(name=name, hint=get_args(hint)[0] if marks else hint, marks=marks)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    for member in members(value.__class__):
        held = getattr(value, member.name)
        if Mark.INLINE in member.marks:
            yield from plain(held).items()
        elif held is not None or Mark.UNLESS_NONE not in member.marks:
            yield member.name, plain(held)


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
    inline = {member.name for member in members(cls) if Mark.INLINE in member.marks}
    own = {field.name for field in fields(cls)} - inline
    value = {**value, **{name: {key: item for key, item in value.items() if key not in own} for name in inline}}
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


SCHEMA = 1


class Printed:
    """A dataclass that ``--json`` prints as one object, to be read back from it."""

    def to_json(self) -> str:
        """Return the object that ``--json`` prints, as one line, NaN written as null."""
        return to_json(self)

    @classmethod
    def from_dict(cls, found: Any) -> Self:
        """Return what `to_json` described, without what it hides.

        Parameters
        ----------
        found : object
            What JSON gave.

        Raises
        ------
        DataError
            If it is something else, of a newer schema, or was changed into what cannot be.
        """
        output: Self = from_plain(cls, {k: v for k, v in checked_schema(found).items() if k not in hidden_fields(cls)})
        for said, right in output.conditions().items():
            if not right:
                msg = f"{said}: got something else."
                raise DataError(msg)
        return output

    def conditions(self) -> Mapping[str, bool]:
        """Return what must hold of parts that are well formed to belong together, and whether it does."""
        return {}


def to_json(found: Any) -> str:
    """Return what a verb found, a dataclass, as one line of JSON that begins with the schema's number."""
    return json_text({"schema": SCHEMA, **plain(found)})


def checked_schema(found: Any) -> dict[str, Any]:
    """Return the object that JSON gave, if it says that it has the form of this version."""
    if not isinstance(found, dict) or "schema" not in found:
        msg = "it must be an object with a schema: got something else."
        raise DataError(msg)
    if found["schema"] != SCHEMA:
        msg = f"its schema must be {SCHEMA}: got {str(found['schema'])[:60]}, which another w2s_probe wrote."
        raise DataError(msg)
    return found
