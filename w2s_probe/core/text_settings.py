"""How language models read texts: settings that change their features, and are therefore in the spec."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

LANGUAGE_MODELS_ONLY = {"chat_template", "precision"}  # the others apply to models of sentence-transformers, too


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSettings:
    """How a language model reads texts.

    Parameters
    ----------
    max_length : int, optional
        Tokens of a text that the model reads; by default its own limit.
    prefix : str
        Text before each text, in the place of a prompt that the model has by default.
    chat_template : bool
        Whether a text is the message of a user in the template of a chat model.
    precision : {"float32", "bfloat16"}
        Arithmetic of the model. bfloat16 changes features by about a hundredth of their norm on any device. The device
        does not choose it: features would depend on the machine.
    """

    max_length: int | None = None
    prefix: str = ""
    chat_template: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"

    @property
    def given(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        values = {field.name: getattr(self, field.name) for field in fields(TextSettings)}
        return {field.name: values[field.name] for field in fields(TextSettings) if values[field.name] != field.default}
