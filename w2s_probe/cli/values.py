"""Values of flags as the configs hold them."""

from __future__ import annotations

import dataclasses
import tomllib
from typing import Any, TypeVar

from w2s_probe.cli.lists import Listed
from w2s_probe.core.errors import ConfigError

T = TypeVar("T")
Values = dict[str, Any]  # what click gives, by the names of the options


def filled(kind: type[T], values: Values) -> T:
    """Return a config with the values of its fields; other values belong to other configs."""
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in fields})


def parsed(values: Values) -> Values:
    """Return the values with strategies, their settings and the cue as their configs hold them."""
    return {
        **values,
        "strategies": tuple(Listed.parts(values["strategies"], "--strategy")),
        "settings": dict(_setting(text) for text in values["settings"]),
        "cue": _cue(values["cue"]),
    }


def _cue(texts: tuple[str, ...]) -> dict[str, str]:
    usual: dict[str, str] = {}
    for part in Listed.parts(texts, "--cue"):
        label, equals, value = part.partition("=")
        if not equals or not label or label in usual:
            msg = f"--cue must be LABEL=VALUE, each label once: got {part!r:.60}. Write it as --cue spam=yes,ham=no."
            raise ConfigError(msg)
        usual[label.strip()] = value.strip()
    return usual


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    name, _, field = key.strip().partition(".")
    if not equals or not name or not field:
        msg = f"--set must be STRATEGY.FIELD=VALUE: got {text!r:.60}. Write it as --set high_confidence.keep=0.6."
        raise ConfigError(msg)
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return key.strip(), value
