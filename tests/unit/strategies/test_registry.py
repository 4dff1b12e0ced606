"""Strategies by name, and the settings that each of them receives."""

from __future__ import annotations

from pathlib import Path

import pytest

from w2s_probe.core.errors import ConfigError, W2SProbeError
from w2s_probe.strategies import load_strategy, strategy_names
from w2s_probe.strategies.high_confidence import HighConfidenceConfig, high_confidence
from w2s_probe.strategies.registry import BUILT_IN
from w2s_probe.strategies.vanilla import vanilla

OTHERS = """
from dataclasses import dataclass
@dataclass
class Config:
    keep: float = 0.5
class Callable:
    def __call__(self, problem, config: Config):
        return config.keep
def function(problem, config: Config):
    return config.keep
def number(problem, config: int):
    return 0
def instance(problem, config: Config()):
    return 0
def bare(problem, config):
    return 0
strategy = Callable()
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with strategies of several forms, one of them under the name of a built-in."""
    module = f"others_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(OTHERS, encoding="utf-8")
    info = tmp_path / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    points = "\n".join(f"{name} = {module}:{name}" for name in ("strategy", "function", "number", "instance", "bare"))
    points += f"\nvanilla = {module}:function\n"
    (info / "entry_points.txt").write_text(f"[w2s_probe.strategies]\n{points}", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_each_strategy_receives_its_own_settings_only() -> None:
    settings = {"high_confidence.keep": 0.3, "high_confidence_2.keep": 0.4, "a.keep": 0.5, "vanilla2.keep": 0.6}
    assert load_strategy("high_confidence", settings) == (high_confidence, HighConfidenceConfig(keep=0.3))
    assert load_strategy("vanilla", settings)[0] is vanilla


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        ("high_confidence", "high_confidence.kep", "got 'kep'. Did you mean keep"),
        ("high_confidence", "high_confidence.zzzz", "must be one of confidence, exponent, keep, labels, loss, quota"),
        ("high_confidence", "high_confidence.zzzz", "got 'zzzz'. Remove it."),
        ("vanilla", "vanilla.keep", "the strategy vanilla has no settings: got 'keep'. Remove it."),
    ],
)
def test_a_setting_that_does_not_exist_is_named(name: str, key: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_strategy(name, {key: 1})
    assert text in str(caught.value)


def test_a_name_that_is_not_installed_is_refused_with_a_near_one() -> None:
    with pytest.raises(ConfigError, match="Did you mean vanilla"):
        load_strategy("vanila", {})
    with pytest.raises(ConfigError, match="Use vanilla, or install the package"):
        load_strategy("qqqqqq", {})


@pytest.mark.usefixtures("installed")
def test_functions_and_callable_objects_of_other_packages_are_strategies() -> None:
    assert strategy_names() == [*BUILT_IN, "strategy", "function", "number", "instance", "bare"]
    for name in ("strategy", "function"):
        _, config = load_strategy(name, {f"{name}.keep": 0.25})
        assert config.keep == 0.25


@pytest.mark.usefixtures("installed")
def test_a_built_in_name_is_the_built_in_strategy() -> None:
    assert load_strategy("vanilla", {})[0] is vanilla


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["number", "instance", "bare"])
def test_a_config_must_be_a_dataclass(name: str) -> None:
    with pytest.raises(W2SProbeError, match="must annotate its parameter config with a dataclass"):
        load_strategy(name, {})
