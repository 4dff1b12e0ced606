"""What a verb prints with --json beside its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

__all__ = ["check_schema"]


def check_schema(verb: str, found: Mapping[str, Any]) -> None:
    """Compare what was printed with the verb's schema; where the wheel is tested alone, nothing makes schemas."""
    if find_spec("jsonschema") is None or find_spec("numpydoc") is None:
        return
    from jsonschema import Draft202012Validator

    from docs.schemas import schema_of

    Draft202012Validator(schema_of(verb)).validate(found)
