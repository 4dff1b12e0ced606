"""How language models read texts: settings that change their features, and are therefore in the spec."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

LANGUAGE_MODELS_ONLY = {"chat_template", "precision"}  # the others apply to models of sentence-transformers, too


def kinds_reading(setting: str) -> str:
    """Return the kinds of models that a setting applies to, in words.

    Parameters
    ----------
    setting : str
        A field of `TextSettings`.
    """
    if setting == "chat_template":
        return "transformers: models with a chat template"
    if setting in LANGUAGE_MODELS_ONLY:
        return "transformers: models"
    return "sentence-transformers:, transformers: and packaged:minilm-l6 models"


def no_room(prefix: str, *, tokens: int, limit: int, name: str, asked: int | None) -> str:
    """Return what is wrong with a prefix that fills what the model reads, so that every text would be cut away.

    Parameters
    ----------
    prefix : str
        Text before each text.
    tokens, limit : int
        Tokens of the prefix, with those that the model adds, and of the longest text.
    name : str
        Name of the model.
    asked : int or None
        Limit that the user set, which may be larger; None for the model's own.
    """
    larger = "" if asked is None else ", or a larger `max_length`"
    return (
        f"`prefix` must leave room for the texts: {prefix!r:.40} has {tokens:,} tokens, and {name} reads {limit:,}. "
        f"Use a shorter prefix{larger}."
    )


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
