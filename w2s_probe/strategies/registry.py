"""Loads strategies by name: built-in ones from a table, others from entry points."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast, get_type_hints

from w2s_probe.core.errors import ConfigError, did_you_mean, plug_in
from w2s_probe.strategies.base import Strategy, Student, W2SProblem

GROUP = "w2s_probe.strategies"

# name -> "module:function"
BUILT_IN: dict[str, str] = {
    "vanilla": "w2s_probe.strategies.vanilla:vanilla",
    "high_confidence": "w2s_probe.strategies.high_confidence:high_confidence",
    "oracle_dfr": "w2s_probe.strategies.oracle_dfr:oracle_dfr",
    "oracle_group_weights": "w2s_probe.strategies.oracle_group_weights:oracle_group_weights",
}


def strategy_names() -> list[str]:
    """Return the names of all installed strategies, without importing them."""
    return [*BUILT_IN, *(point.name for point in entry_points(group=GROUP) if point.name not in BUILT_IN)]


def load_strategy(name: str, settings: Mapping[str, Any]) -> tuple[Strategy, Any]:
    """Return a strategy and its config, filled from ``{"NAME.FIELD": value}``.

    The config's class is the dataclass that annotates the strategy's parameter ``config``.

    Parameters
    ----------
    name : str
        Name of the strategy, as in ``--strategy``.
    settings : mapping of str to value
        Settings of all strategies; only those of this strategy are used.

    Raises
    ------
    ConfigError
        If no strategy has this name, or its config has no such field.
    """
    strategy = _load(name)
    config = _config_class(strategy)
    fields = {field.name for field in dataclasses.fields(config)}
    own = {key.partition(".")[2]: value for key, value in settings.items() if key.partition(".")[0] == name}
    for key in own:
        if key not in fields:
            msg = (
                f"a setting of the strategy {name} must be one of {', '.join(sorted(fields))}: got {key!r}."
                f"{did_you_mean(key, fields) or ' Remove it.'}"
                if fields
                else f"the strategy {name} has no settings: got {key!r}. Remove it."
            )
            raise ConfigError(msg)
    if name in BUILT_IN:
        return strategy, config(**own)

    def named(problem: W2SProblem, config: Any) -> Student:
        with plug_in(name):
            return strategy(problem, config)

    with plug_in(name):
        return named, config(**own)


def _load(name: str) -> Strategy:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return cast("Strategy", getattr(import_module(module), attribute))
    for point in entry_points(group=GROUP, name=name):
        with plug_in(name):
            return cast("Strategy", point.load())
    msg = (
        f"strategy must be one of {', '.join(strategy_names())}: got {name!r}."
        f"{did_you_mean(name, strategy_names()) or ' Use vanilla, or install the package of the strategy.'}"
    )
    raise ConfigError(msg)


def _config_class(strategy: Strategy) -> type[Any]:
    function = strategy if hasattr(strategy, "__annotations__") else type(strategy).__call__
    with plug_in(getattr(strategy, "__name__", repr(strategy))):
        config = get_type_hints(function).get("config")
    if not dataclasses.is_dataclass(config) or not isinstance(config, type):
        msg = (
            f"the strategy {strategy!r} must annotate its parameter config with a dataclass: got {config!r}. "
            "Write the annotation in its signature, as strategies.vanilla does."
        )
        raise ConfigError(msg)
    return config
