"""Results as JSON: the marks on a dataclass's fields say how, for `plain` and for the JSON Schemas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

__all__ = ["Keys", "Mark", "Member", "members", "plain"]


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
