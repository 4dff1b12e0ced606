"""JSON Schemas (2020-12) of what every verb prints with ``--json``, from the dataclasses that hold it.

Written here because no library does it: pydantic's ``TypeAdapter(…).json_schema()`` and msgspec know
neither fields that stand beside their neighbors, nor NaN as null, nor numpydoc's descriptions, which
leaves only the walk over the types, below.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from numpydoc.docscrape import NumpyDocString

from w2s_probe.cache import Contents
from w2s_probe.cli import outputs
from w2s_probe.core.serialize import SCHEMA, Keys, Mark, hidden_fields, members
from w2s_probe.experiments.sweep import SweepResult
from w2s_probe.pipeline.exchange import Exchanged
from w2s_probe.results.diagnosis import Diagnosis
from w2s_probe.results.finetune import FinetuneResult
from w2s_probe.results.forecast import ForecastResult
from w2s_probe.results.reason import ReasonResult
from w2s_probe.results.run import W2SResult
from w2s_probe.theory.spurious.output import SpuriousOutput
from w2s_probe.theory.variance.output import VarianceOutput

__all__ = ["OUTPUTS", "schema_files", "schema_of"]

OUTPUTS: dict[str, type] = {
    "backbones": outputs.Catalog,
    "cache export": Exchanged,
    "cache gc": outputs.Cleaned,
    "cache import": Exchanged,
    "cache info": Contents,
    "cache ls": outputs.CacheListing,
    "cache verify": outputs.Verified,
    "demo": W2SResult,
    "diagnose": Diagnosis,
    "doctor": outputs.Installation,
    "embed": outputs.Embedded,
    "finetune": FinetuneResult,
    "forecast": ForecastResult,
    "reason": ReasonResult,
    "report": W2SResult,
    "run": W2SResult,
    "sweep": SweepResult,
    "theory spurious": SpuriousOutput,
    "theory variance": VarianceOutput,
}
Schema = dict[str, Any]
# A float that is not finite is written as null.
SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": ["number", "null"]},
    NoneType: {"type": "null"},
    Any: {},
}


def schema_files() -> dict[str, str]:
    """Return the text of each verb's schema by the name of its file."""
    return {
        f"{verb.replace(' ', '-')}.json": json.dumps(schema_of(verb), indent=2, ensure_ascii=False) + "\n"
        for verb in OUTPUTS
    }


def schema_of(verb: str) -> Schema:
    """Return the schema of one verb's output."""
    definitions: dict[str, Schema] = {}
    top = _object(OUTPUTS[verb], definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"w2s-probe {verb} --json",
        **top,
        "properties": {"schema": {"const": SCHEMA, "description": "Number of this form."}, **top["properties"]},
        "required": ["schema", *top["required"]],
        "$defs": dict(sorted(definitions.items())),
    }


def _object(cls: type, definitions: dict[str, Schema]) -> Schema:
    said = _descriptions(cls)
    properties: dict[str, Schema] = {}
    required = []
    for member in members(cls):
        shape = _shape(member.hint, member.marks, definitions)
        if Mark.INLINE in member.marks:
            whole = _object(member.hint, {}) if "$ref" in shape else shape
            properties |= whole["properties"]
            required += whole.get("required", [])
            continue
        properties[member.name] = {**shape, **said.get(member.name, {})}
        if Mark.UNLESS_NONE not in member.marks:
            required.append(member.name)
    return {
        "description": NumpyDocString(cls.__doc__ or "")["Summary"][0],
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _shape(hint: Any, marks: tuple[Any, ...], definitions: dict[str, Schema]) -> Schema:
    """Return the schema of one type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _shape(arguments[0], (*marks, *arguments[1:]), definitions)
    if origin is None:
        return SCALARS[hint] if hint in SCALARS else _reference(hint, definitions)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, UnionType):
        inner = [one for one in arguments if not (one is NoneType and Mark.UNLESS_NONE in marks)]
        return _any_of([_shape(one, (), definitions) for one in inner])
    if issubclass(origin, Mapping):
        return _mapping(arguments[1], next((mark for mark in marks if isinstance(mark, Keys)), None), definitions)
    return {"type": "array", "items": _shape(arguments[0], (), definitions)}


def _reference(cls: type, definitions: dict[str, Schema]) -> Schema:
    """Return a reference to a dataclass, which becomes a definition."""
    if cls.__name__ not in definitions:
        definitions[cls.__name__] = {}  # there before its fields are, one of which may be of the same class
        definitions[cls.__name__] = _object(cls, definitions)
    return {"$ref": f"#/$defs/{cls.__name__}"}


def _any_of(shapes: list[Schema]) -> Schema:
    if all(set(shape) == {"type"} and isinstance(shape["type"], str) for shape in shapes):
        types = [shape["type"] for shape in shapes]
        return {"type": types if len(types) > 1 else types[0]}
    return {"anyOf": shapes}


def _mapping(value: Any, keys: Keys | None, definitions: dict[str, Schema]) -> Schema:
    shape = _shape(value, (), definitions)
    if keys is None:
        return {"type": "object", "additionalProperties": shape}
    properties: dict[str, Schema] = {}
    for key in keys.keys:
        if isinstance(key, str):
            properties[key] = shape or {"type": "string"}
        else:
            properties |= _settings(key, definitions)
    required = {"required": list(properties)} if keys.required else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _settings(cls: type, definitions: dict[str, Schema]) -> dict[str, Schema]:
    hints, said = get_type_hints(cls), _descriptions(cls)
    return {
        field.name: {**_shape(hints[field.name], (), definitions), **said.get(field.name, {})}
        for field in fields(cls)
        if field.name not in hidden_fields(cls)
    }


def _descriptions(cls: type) -> dict[str, Schema]:
    """Return what the class's Parameters section, or a property's docstring, says of each name."""
    documented = NumpyDocString(cls.__doc__ or "")["Parameters"]
    said = {name.strip(): " ".join(text) for names, _, text in documented for name in names.split(",")}
    return {name: {"description": text} for name, text in (*said.items(), *_of_properties(cls))}


def _of_properties(cls: type) -> Iterator[tuple[str, str]]:
    for name in getattr(cls, "also_shown", ()):
        yield name, NumpyDocString(getattr(cls, name).__doc__)["Summary"][0]
