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
    "anchored": "w2s_probe.strategies.anchored:anchored",
    "average": "w2s_probe.strategies.average:average",
    "distill": "w2s_probe.strategies.distill:distill",
    "mean_teacher": "w2s_probe.strategies.mean_teacher:mean_teacher",
    "majority": "w2s_probe.strategies.majority:majority",
    "best_teacher": "w2s_probe.strategies.best_teacher:best_teacher",
    "two_stage": "w2s_probe.strategies.two_stage:two_stage",
    "bootstrapping": "w2s_probe.strategies.bootstrapping:bootstrapping",
    "stacked": "w2s_probe.strategies.stacked:stacked",
    "simplex": "w2s_probe.strategies.simplex:simplex",
    "adaptive_ensemble": "w2s_probe.strategies.adaptive_ensemble:adaptive_ensemble",
    "trust": "w2s_probe.strategies.trust:trust",
    "label_filter": "w2s_probe.strategies.label_filter:label_filter",
    "overlap": "w2s_probe.strategies.overlap:overlap",
    "confidence_loss": "w2s_probe.strategies.confidence_loss:confidence_loss",
    "confidence_weighted": "w2s_probe.strategies.confidence_weighted:confidence_weighted",
    "mutual": "w2s_probe.strategies.mutual:mutual",
    "traces": "w2s_probe.strategies.traces:traces",
    "oracle_traces": "w2s_probe.strategies.traces:oracle_traces",
}


ALL = "all"  # every built-in strategy but the oracles
ORACLE = "oracle_"  # prefix of strategies that see ground truth


def chosen_strategies(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without repeats; ``all`` stands for every built-in strategy but the oracles.

    Parameters
    ----------
    names : sequence of str
        As in ``--strategy``.

    Examples
    --------
    >>> chosen_strategies(["all", "oracle_dfr"])[0], chosen_strategies(["vanilla", "all"])[:2]
    ('vanilla', ('vanilla', 'high_confidence'))
    """
    built_in = [name for name in BUILT_IN if not name.startswith(ORACLE)]
    return tuple(dict.fromkeys(one for name in names for one in (built_in if name == ALL else [name])))


def strategy_names() -> list[str]:
    """Return the names of all installed strategies, without importing them."""
    return list(dict.fromkeys([*BUILT_IN, *(plug.name for plug in plug_ins("strategies"))]))


def check_strategies(names: Sequence[str], settings: Mapping[str, Any]) -> None:
    """Load the strategies of an experiment; raise `ConfigError` if a name or a setting is of none of them.

    Parameters
    ----------
    names : sequence of str
        Strategies that are run, or ``all``.
    settings : mapping of str to value
        ``{"NAME.FIELD": value}``.
    """
    names = chosen_strategies(names)
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
