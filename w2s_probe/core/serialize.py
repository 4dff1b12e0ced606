"""Results ↔ JSON: marks on a dataclass's fields say how it is written, read back and described by its JSON Schema.

Numbers have 12 significant digits, and a number that is rounding error of its own scale is 0.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from w2s_probe.core.errors import DataError
from w2s_probe.core.shown import Shown
from w2s_probe.core.text import json_text

SCHEMA = 2
DIGITS = 12
ROUNDING = 1e-14  # of its own scale: what rounding may leave of a difference that is 0
ANY_SIZE_SCORES = ("squared_error", "worst_group_squared_error")  # in squared units of the labels
READABLE = (1, 2)  # schemas of files that `from_dict` reads; `results/schema_1.py` says what changed


class Mark(Enum):
    """How JSON shows a field that has the mark."""

    HIDDEN = "left out"
    INLINE = "flattened into the parent object"
    UNLESS_NONE = "left out if it is None"
    UNIT = "numbers of order 1, also those below it: what is smaller than rounding error is 0"
    ANY_SIZE = "numbers that may be tiny, also where UNIT stands above"
    AS_GIVEN = "settings: all digits"


class Keys:
    """Mark of a mapping: the keys that it may have, and must have if `required`.

    Each of `keys` is a name, or a dataclass that stands for its fields: their names, types and descriptions.
    """

    def __init__(self, *keys: str | type, required: bool = False) -> None:
        self.keys = keys
        self.required = required


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A field or property of a dataclass as JSON shows it.

    Parameters
    ----------
    name : str
        Name of the field, and its key.
    hint : Any
        Type of the field; inner types keep their marks.
    marks : tuple
        Marks of the field.
    """

    name: str
    hint: Any
    marks: tuple[Any, ...]


class Printed(Shown):
    """Base of a dataclass that ``--json`` prints as one object and that can be read back."""

    def to_json(self) -> str:
        """Return the object that ``--json`` prints, as one line, NaN written as null."""
        return to_json(self)

    def as_printed(self) -> Self:
        """Return the result with the numbers that ``--json`` prints, without its hidden fields."""
        result: Self = from_plain(type(self), plain(self))
        return result

    @classmethod
    def from_dict(cls, value: Any) -> Self:
        """Return the result that `to_json` wrote, parsed from JSON as `value`, without its hidden fields.

        A result of schema 1 is read as `from_schema_1` returns it. Raises `DataError` if `value` has another form,
        another schema or fields that contradict each other.
        """
        content = checked_schema(value)
        if content["schema"] == 1:
            content = cls.from_schema_1(content)
        items = {key: item for key, item in content.items() if key not in hidden_fields(cls)}
        result: Self = from_plain(cls, items)
        for condition, holds in result.conditions().items():
            if not holds:
                msg = f"{condition}: got something else."
                raise DataError(msg)
        return result

    @classmethod
    def from_schema_1(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Return content of schema 1 as content of schema 2: the same, unless `results/schema_1.py` has a step for it.

        Fields that schema 1 lacked are not added: they get the defaults of their dataclass.
        """
        return content

    def conditions(self) -> Mapping[str, bool]:
        """Return the conditions that fields must meet together, each a sentence with whether it holds."""
        return {}


def to_json(result: Any) -> str:
    """Return a dataclass as one line of JSON that begins with the number of the schema."""
    return json_text({"schema": SCHEMA, **plain(result)})


def checked_schema(value: Any) -> dict[str, Any]:
    """Return `value`, parsed from JSON, or raise `DataError` unless it is an object of a schema in `READABLE`."""
    if not isinstance(value, dict) or "schema" not in value:
        msg = "it must be an object with a schema: got something else."
        raise DataError(msg)
    if type(value["schema"]) is not int or value["schema"] not in READABLE:
        numbers = " or ".join(map(str, READABLE))
        msg = f"its schema must be {numbers}: got {str(value['schema'])[:60]}, which another w2s_probe wrote."
        raise DataError(msg)
    return value


def plain(value: Any, *, exact: bool = False) -> Any:
    """Return a result as dicts, lists, strings and finite numbers; NaN becomes None.

    A dataclass becomes its fields, then the properties that its class variable ``also_shown`` names. Unless `exact`,
    numbers are rounded to `DIGITS`, and those below `ROUNDING` of their scale are 0. The scale is 1 for fields with
    ``Mark.UNIT``; fields that a class variable ``one_scale`` names share the scale of the largest one.
    """
    return _plain(value, None if exact else 0.0)


def _plain(value: Any, scale: float | None) -> Any:
    """Return `plain` of a value whose numbers have this scale; 0 if they may have any size, None for all digits."""
    if is_dataclass(value):
        return dict(_items(value, scale))
    if isinstance(value, Mapping):
        scales = {key: 0.0 if scale and key in ANY_SIZE_SCORES else scale for key in value}
        return {str(key): _plain(item, scales[key]) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, scale) for item in value]
    if isinstance(value, float):
        return _number(value, scale)
    return value


def _number(value: float, scale: float | None) -> float | None:
    if not math.isfinite(value):
        return None
    if scale is None:
        return value
    return 0.0 if abs(value) <= ROUNDING * scale else float(f"{value:.{DIGITS}g}")


def from_plain(hint: Any, value: Any, where: str = "") -> Any:
    """Return the object that `plain` turned into `value`; None becomes NaN where a number is expected.

    `hint` is a frozen dataclass or any annotation of its fields. Raises `DataError` if a key is missing or a value
    has another type; `where` is the place of the value in the message, as in ``verdict.call``.
    """
    if hint is Any:
        return value
    if is_dataclass(hint):
        return _dataclass(hint, value, where)
    reader = _READERS.get(get_origin(hint), _scalar)
    return reader(hint, value, where)


@cache
def members(cls: type) -> tuple[Member, ...]:
    """Return the fields and properties of a dataclass that JSON shows, in order."""
    hints = get_type_hints(cls, include_extras=True)
    for name in getattr(cls, "also_shown", ()):
        hints[name] = get_type_hints(getattr(cls, name).fget, include_extras=True)["return"]
    names = [*(field.name for field in fields(cls)), *getattr(cls, "also_shown", ())]
    every = [_member(name, hints[name]) for name in names]
    return tuple(member for member in every if Mark.HIDDEN not in member.marks)


def hidden_fields(cls: type) -> frozenset[str]:
    """Return the names of a dataclass's fields that JSON does not show."""
    return frozenset(field.name for field in fields(cls)) - {member.name for member in members(cls)}


def _member(name: str, hint: Any) -> Member:
    marks = tuple(hint.__metadata__) if get_origin(hint) is Annotated else ()
    return Member(name=name, hint=get_args(hint)[0] if marks else hint, marks=marks)


def _items(value: Any, scale: float | None) -> Iterator[tuple[str, Any]]:
    alike = getattr(value, "one_scale", ())
    largest = max((abs(getattr(value, name)) for name in alike if math.isfinite(getattr(value, name))), default=0.0)
    for member in members(value.__class__):
        item, own = getattr(value, member.name), _scale(member.marks, scale)
        if member.name in alike and own is not None:
            own = max(own, largest)
        if Mark.INLINE in member.marks:
            yield from _plain(item, own).items()
        elif item is not None or Mark.UNLESS_NONE not in member.marks:
            yield member.name, _plain(item, own)


def _scale(marks: tuple[Any, ...], above: float | None) -> float | None:
    """Return the scale of a field with these marks in an object whose numbers have the scale `above`."""
    if above is None or Mark.AS_GIVEN in marks:
        return None
    if Mark.ANY_SIZE in marks:
        return 0.0
    return 1.0 if Mark.UNIT in marks else above


@cache
def _hints(cls: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields: to find them takes longer than to read most objects."""
    return get_type_hints(cls)


def _dataclass(cls: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), "an object", value, where)
    hints = _hints(cls)
    inline = {member.name for member in members(cls) if Mark.INLINE in member.marks}
    own = {field.name for field in fields(cls)} - inline
    value = {**value, **{name: {key: item for key, item in value.items() if key not in own} for name in inline}}
    arguments = {}
    for field in fields(cls):
        at = f"{where}.{field.name}" if where else field.name
        if field.name in value:
            arguments[field.name] = from_plain(hints[field.name], value[field.name], at)
        elif field.default is MISSING and field.default_factory is MISSING:
            _expect(False, "there", "nothing", at)  # noqa: FBT003  # reads as the sentence it makes
    return cls(**arguments)


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


_NAMES: dict[type, str] = {str: "a text", int: "a whole number", float: "a number or null", bool: "true or false"}
_READERS: dict[Any, Callable[[Any, Any, str], Any]] = {
    Mapping: _mapping,
    dict: _mapping,
    tuple: _sequence,
    types.UnionType: _optional,
    Union: _optional,
    Literal: _literal,
}
