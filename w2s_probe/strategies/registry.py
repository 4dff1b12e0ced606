"""Loads strategies by name: built-in ones from a table, others from entry points."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, cast, get_type_hints

from w2s_probe.core.errors import ConfigError, did_you_mean, listed
from w2s_probe.core.plug_ins import calls_to, plug_ins, refuse, unique_plug_in
from w2s_probe.core.text import visible
from w2s_probe.strategies.base import Strategy
from w2s_probe.strategies.plug_ins import plug_in_strategy

# name -> "module:function"
BUILT_IN: dict[str, str] = {
    "vanilla": "w2s_probe.strategies.vanilla:vanilla",
    "high_confidence": "w2s_probe.strategies.high_confidence:high_confidence",
    "oracle_dfr": "w2s_probe.strategies.oracle_dfr:oracle_dfr",
    "oracle_group_weights": "w2s_probe.strategies.oracle_group_weights:oracle_group_weights",
}


def strategy_names() -> list[str]:
    """Return the names of all installed strategies, without importing them."""
    return list(dict.fromkeys([*BUILT_IN, *(plug.name for plug in plug_ins("strategies"))]))


def check_strategies(names: Sequence[str], settings: Mapping[str, Any]) -> None:
    """Load the strategies of an experiment; raise `ConfigError` if a name or a setting is of none of them.

    Parameters
    ----------
    names : sequence of str
        Strategies that are run.
    settings : mapping of str to value
        ``{"NAME.FIELD": value}``.
    """
    for name in names:
        load_strategy(name, settings)
    for key in settings:
        name = key.partition(".")[0]
        if name in names:
            continue
        if name in strategy_names():
            msg = (
                f"`settings` must be of a strategy that is run: got {key!r:.60}. Add `strategies` {name}, or remove it."
            )
        else:
            near = did_you_mean(name, strategy_names())
            msg = (
                f"`settings` must begin with the name of a strategy that is run ({listed(names)}): got {key!r:.60}."
                f"{near or ' Remove it.'}"
            )
        raise ConfigError(msg)


def load_strategy(name: str, settings: Mapping[str, Any]) -> tuple[Strategy, Any]:
    """Return a strategy and its config, filled from ``{"NAME.FIELD": value}``.

    The config's class is the dataclass that annotates the strategy's parameter ``config``. What a strategy of another
    package returns is checked, and what it raises becomes a `PlugInError`.

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
    PlugInError
        If it is a plug-in that cannot be imported.
    """
    title, strategy = loaded(name)
    with calls_to(title):
        config = _config_class(strategy)
        annotation = f"{config!r:.60}"
    if not dataclasses.is_dataclass(config) or not isinstance(config, type):
        advice = "Write the annotation in its signature, as docs/extending.md does."
        refuse(title, "annotate its parameter config with a dataclass", annotation, advice)
    fields = {field.name for field in dataclasses.fields(config) if field.init}
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
    with calls_to(title):
        return plug_in_strategy(title, strategy), config(**own)


def loaded(name: str) -> tuple[str, Strategy]:
    """Return how messages call a strategy, and its function as its package has it."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return f"the strategy {name}", cast("Strategy", getattr(import_module(module), attribute))
    plug = unique_plug_in("strategies", name)
    if plug is not None:
        return plug.title(), cast("Strategy", plug.load())
    msg = (
        f"strategy must be one of {', '.join(map(visible, strategy_names()))}: got {name!r:.60}."
        f"{did_you_mean(name, strategy_names()) or ' Use vanilla, or install the package of the strategy.'}"
    )
    raise ConfigError(msg)


def _config_class(strategy: Strategy) -> Any:
    """Return the annotation of the parameter `config`, None without one."""
    function = strategy if hasattr(strategy, "__annotations__") else type(strategy).__call__
    return get_type_hints(function).get("config")
