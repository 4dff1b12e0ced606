"""Where strategies are found by name: a table of our own, entry points for the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from w2s_probe.core.errors import ConfigError, did_you_mean
from w2s_probe.strategies.base import Strategy

GROUP = "w2s_probe.strategies"

# name -> "module:function"
BUILT_IN: dict[str, str] = {
    "vanilla": "w2s_probe.strategies.vanilla:vanilla",
    "high_confidence": "w2s_probe.strategies.high_confidence:high_confidence",
    "oracle_dfr": "w2s_probe.strategies.oracle_dfr:oracle_dfr",
    "oracle_group_weights": "w2s_probe.strategies.oracle_group_weights:oracle_group_weights",
}


def strategy_names() -> list[str]:
    """Return the names of all strategies that can be loaded, without importing them."""
    return [*BUILT_IN, *(point.name for point in entry_points(group=GROUP) if point.name not in BUILT_IN)]


def load_strategy(name: str, settings: Mapping[str, Any]) -> tuple[Strategy, Any]:
    """Return a strategy and its config, filled from ``{"NAME.FIELD": value}``.

    The config is the dataclass that annotates the strategy's ``config`` parameter.

    Parameters
    ----------
    name : str
        As in ``--strategy``.
    settings : mapping of str to value
        Of all strategies; those of others are left alone.

    Raises
    ------
    ConfigError
        If no strategy has this name, or its config has no such field.
    """
    strategy = _find(name)
    config = _config_class(strategy)
    fields = {field.name for field in dataclasses.fields(config)}
    own = {key.partition(".")[2]: value for key, value in settings.items() if key.partition(".")[0] == name}
    for key in own:
        if key not in fields:
            msg = (
                f"strategy {name!r} must be set by its own fields: got {key!r}, it has "
                f"{', '.join(sorted(fields)) or 'none'}.{did_you_mean(key, fields)}"
            )
            raise ConfigError(msg)
    return strategy, config(**own)


def _find(name: str) -> Strategy:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: Strategy = getattr(import_module(module), attribute)
        return found
    for point in entry_points(group=GROUP, name=name):
        plugged: Strategy = point.load()
        return plugged
    msg = (
        f"strategy must be one of {', '.join(strategy_names())}: got {name!r}."
        f"{did_you_mean(name, strategy_names()) or ' See --help.'}"
    )
    raise ConfigError(msg)


def _config_class(strategy: Strategy) -> type[Any]:
    import typing

    function = strategy if hasattr(strategy, "__annotations__") else type(strategy).__call__
    hints = typing.get_type_hints(function)
    config = hints.get("config")
    if not dataclasses.is_dataclass(config) or not isinstance(config, type):
        msg = f"strategy {strategy!r} must annotate its parameter config with a dataclass: got {config!r}. Annotate it."
        raise ConfigError(msg)
    return config
