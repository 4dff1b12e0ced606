"""Types of settings: values that a call in Python gives are checked against the annotations of a config."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from w2s_probe.core.errors import require_setting

NOUNS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    bool: ("true or false", "true or false"),
    Mapping: ("a mapping", "mappings"),
    type(None): ("None", "None"),
}
_WRONG = object()


def check_types(config: Any, advice: Mapping[str, str]) -> None:
    """Raise `ConfigError` if a field of a config has another type than its annotation.

    Fields get the plain value of what they were given: numbers of numpy become numbers, and lists, ranges and arrays
    become tuples. A whole number is a float, too; a bool is no number. Fields of other types are not checked.

    Parameters
    ----------
    config : dataclass
        A config with its fields set.
    advice : mapping of str to str
        What to do about a wrong value, by field.
    """
    kind: Any = type(config)
    for name, hint in _hints(kind).items():
        value = getattr(config, name)
        plain = _plain(value, hint)
        if plain is _WRONG:
            shown = f"{value!r}" if isinstance(value, str | int | float | list | tuple | None) else type(value).__name__
            require_setting(False, name, _expected(hint), shown, advice.get(name) or _advice(value, hint))  # noqa: FBT003  # it is refused
        elif plain is not value:
            object.__setattr__(config, name, plain)


@cache
def _hints(config: Any) -> dict[str, tuple[Any, ...]]:
    """Return the types that each field of a config may have, without fields of types that are not checked."""
    hints = get_type_hints(config)
    options = {each.name: _options(hints[each.name]) for each in fields(config)}
    return {name: hint for name, hint in options.items() if all(_is_checked(one) for one in hint)}


def _options(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, each value of a literal by itself."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _options(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        return tuple(option for one in get_args(hint) for option in _options(one))
    return (hint,)


def _is_checked(hint: Any) -> bool:
    return hint in NOUNS or get_origin(hint) in (Literal, tuple, Mapping)


def _plain(value: Any, options: tuple[Any, ...]) -> Any:
    """Return a value in the first of some types that it fits, or `_WRONG`."""
    return next((plain for one in options if (plain := _as(value, one)) is not _WRONG), _WRONG)


def _as(value: Any, hint: Any) -> Any:
    origin = get_origin(hint) or hint
    if origin is Literal:
        return value if isinstance(value, str) and value in get_args(hint) else _WRONG
    if origin is tuple:
        return _as_tuple(value, get_args(hint))
    if origin is bool:
        return bool(value) if isinstance(value, (bool, *_of_numpy("bool_"))) else _WRONG
    if origin in (int, float):
        kind: Any = Integral if origin is int else Real
        right = isinstance(value, kind) and not isinstance(value, (bool, *_of_numpy("bool_")))
        return value if type(value) is origin else origin(value) if right else _WRONG
    if origin is str and isinstance(value, os.PathLike):
        path = os.fspath(value)
        return path if isinstance(path, str) else _WRONG
    return value if isinstance(value, origin) else _WRONG


def _of_numpy(name: str) -> tuple[type, ...]:
    """Return a type of numpy, or nothing before numpy was imported: then no value has it."""
    numpy = sys.modules.get("numpy")
    return () if numpy is None else (getattr(numpy, name),)


def _as_tuple(value: Any, inner: tuple[Any, ...]) -> Any:
    sequences: Any = (list, tuple, range, *_of_numpy("ndarray"))
    if not isinstance(value, sequences):
        return _WRONG
    plain = tuple(_plain(one, _options(inner[0])) for one in value)  # every tuple has one type of values
    if any(one is _WRONG for one in plain):
        return _WRONG
    return value if isinstance(value, tuple) and all(map(_is, plain, value)) else plain


def _is(mine: Any, theirs: Any) -> bool:
    return mine is theirs


def _expected(options: tuple[Any, ...]) -> str:
    """Return the types that a setting may have, in words."""
    words: list[str] = []
    for hint in options:
        if get_origin(hint) is Literal:
            words += map(str, get_args(hint))
        elif get_origin(hint) is tuple:
            inner = _options(get_args(hint)[0])
            several = [NOUNS[one][1] if one in NOUNS else " or ".join(get_args(one)) for one in inner]
            words.append(f"a tuple of {' or '.join(several)}")
        else:
            words.append(NOUNS[get_origin(hint) or hint][0])
    return " or ".join(words)


def _advice(value: Any, options: tuple[Any, ...]) -> str:
    """Return what to do about a value of another type."""
    origins = [get_origin(hint) for hint in options]
    if isinstance(value, (list, tuple, range, *_of_numpy("ndarray"))):
        return "Give every value this type." if tuple in origins else "Give one value."
    if tuple in origins:
        return f"Use ({value!r:.20},) for one value." if isinstance(value, str | int | float) else "Use a tuple."
    return "Use one of these." if isinstance(value, str) and Literal in origins else "Convert it first."
