"""Several backbones in one text: commas separate alternatives, ``+`` joins the members of a committee.

Both separate only where a registered ``KIND:`` follows: ``features:a+b.npy`` is one name, and so is
``features:x.parquet#a,b``.
"""

from __future__ import annotations

import re

from w2s_probe.backbones.registry import kinds_of_backbones
from w2s_probe.core.errors import ConfigError, did_you_mean

MARKS = {",": "comma", "+": "+"}
PLAIN = ("packaged", "classic")  # kinds whose names have neither mark


def alternatives(text: str, setting: str) -> list[str]:
    """Return the names between commas, each of one backbone or of a committee, whose ``+`` has no spaces around it.

    `setting` is named if a name is empty, or if a misspelt kind follows a comma or ``+``.

    Examples
    --------
    >>> alternatives("classic:hashing-64 + features:a,b.npy, cached:c", "--teacher")
    ['classic:hashing-64+features:a,b.npy', 'cached:c']
    """
    return ["+".join(members(part, setting)) for part in _parts(text, ",", setting)]


def members(text: str, setting: str) -> list[str]:
    """Return the names that ``+`` joins; one name is a committee of one. `setting` is that of `alternatives`.

    Examples
    --------
    >>> members("features:a+b.npy + classic:hashing-64", "--teacher")
    ['features:a+b.npy', 'classic:hashing-64']
    """
    kinds, names = kinds_of_backbones(), _parts(text, "+", setting)
    for name in names:
        _check_kinds(name, kinds, setting)
    return names


def _parts(text: str, mark: str, setting: str) -> list[str]:
    kinds = "|".join(map(re.escape, kinds_of_backbones()))
    parts = [part.strip() for part in re.split(rf"{re.escape(mark)}(?=\s*(?:{kinds}):)", text)]
    for part in parts:
        lone = next((end for end in (part[:1], part[-1:]) if end in MARKS), None) if part else mark
        if lone:
            title = MARKS[lone]
            msg = (
                f"{setting} must have a value before and after each {title}: got {text!r:.60}. Remove the {title}, or "
                "the flag if it has no value."
            )
            raise ConfigError(msg)
    return parts


def _check_kinds(name: str, kinds: tuple[str, ...], setting: str) -> None:
    """Raise `ConfigError` if a kind is missing after a comma or ``+``, or is spelt nearly as one that exists."""
    own, _, rest = name.partition(":")
    if own in ("features", "labels"):
        return  # a file or column may have any name
    for mark, kind in re.findall(r"([,+])\s*([\w.-]+):", rest):
        if kind not in kinds and (near := did_you_mean(kind, kinds)):
            raise _no_kind(setting, mark, f"{kind}:", name, near.strip())
    if own in PLAIN and (bare := re.search(r"([,+])\s*([^,+\s][^,+]*)", rest)):
        raise _no_kind(setting, bare[1], bare[2].strip(), name, f"Write {own}:{bare[2].strip()}, for example.")


def _no_kind(setting: str, mark: str, got: str, name: str, advice: str) -> ConfigError:
    return ConfigError(
        f"{setting} must have KIND:NAME after each {MARKS[mark]}: got {got!r:.60} in {name!r:.60}. {advice}"
    )
