"""Committees of teachers: ``A+B+C`` as the names of its members, and as their features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from w2s_probe.backbones import BackboneOptions
from w2s_probe.backbones.names import alternatives, members
from w2s_probe.backbones.registry import layers_of
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.features import FeatureSet
from w2s_probe.pipeline.data import Opened
from w2s_probe.pipeline.teachers import is_given, no_features

Committee = tuple[str, ...]  # backbone names as the user typed them; a single teacher is a committee of one


def committee(teacher: str | Iterable[str]) -> Committee:
    """Return the members of one committee, ``A+B``, or of several texts that are joined."""
    texts = [teacher] if isinstance(teacher, str) else list(teacher)
    for text in texts:
        _refuse_alternatives(text, "teacher", "one backbone or committee", "Join the members of a committee by +")
    return tuple(chain.from_iterable(members(text, "`teacher`") for text in texts))


def committees(teachers: Iterable[str], options: BackboneOptions | None = None) -> list[Committee]:
    """Return the members of several committees, each committee once; several layers of a model are one each."""
    several = (committee(text) for text in teachers)
    single = (layers_of(names[0], options) if len(names) == 1 else ["+".join(names)] for names in several)
    return list(dict.fromkeys(map(committee, chain.from_iterable(single))))


def single_backbones(names: Iterable[str], setting: str, options: BackboneOptions) -> list[str]:
    """Return names of one backbone each, where `one_backbone` takes them; several layers of a model are one each."""
    single = (layers_of(one_backbone(name, setting), options) for name in names)
    return list(chain.from_iterable(single))


def one_backbone(name: str, setting: str) -> str:
    """Return a name, or raise `ConfigError` if it is not that of one backbone; only teachers can be a committee.

    Predictions are refused, too, since they have no features.
    """
    _refuse_alternatives(name, setting, "one backbone", "Name one")
    names = members(name, f"`{setting}`")
    if len(names) > 1:
        msg = f"`{setting}` must be one backbone: got {len(names)} with + between, {name!r:.60}. Name one."
        raise ConfigError(msg)
    if is_given(names[0]):
        raise no_features(names[0], setting)
    return names[0]


def members_of(several: Iterable[Iterable[str]]) -> list[str]:
    """Return the members of all committees, each once, in their order."""
    return list(dict.fromkeys(chain.from_iterable(several)))


def shown_committee(names: Committee, opened: Opened) -> str:
    """Return the name of a committee in results: the names of its members with ``+`` between."""
    return "+".join(opened.shown(names))


def teachers_of(names: Committee, opened: Opened, features: Mapping[str, FeatureSet]) -> list[FeatureSet]:
    """Return the features of the members, each under its name in results."""
    return [replace(features[name], name=title) for name, title in zip(names, opened.shown(names), strict=True)]


def _refuse_alternatives(text: str, setting: str, expected: str, advice: str) -> None:
    names = alternatives(text, f"`{setting}`")
    if len(names) > 1:
        msg = (
            f"`{setting}` must be {expected}: got {len(names)} with commas between, {text!r:.60}. {advice}; only "
            "forecast and sweep take alternatives."
        )
        raise ConfigError(msg)
