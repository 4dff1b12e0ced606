"""Types of options that take several values with commas between."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from w2s_probe.core.errors import ConfigError, did_you_mean
from w2s_probe.core.fit_options import Head
from w2s_probe.core.limits import MOST_SEEDS, require_count
from w2s_probe.core.sweep_config import SweepConfig

T = TypeVar("T")
CHOSEN = "chosen"
HEADS: dict[str, Head] = {"ridge": "ridge", "softmax": "softmax", "logistic": "softmax"}
NO_VALUE = "Remove the comma, or the flag if it has no value."
EXAMPLES = {int: ("whole numbers", "50,100,200"), float: ("numbers", "0.1,1,10")}


class Listed(click.ParamType[tuple[T, ...]]):
    """Values with commas between; a value that `parse` refuses is an error with an example.

    Parameters
    ----------
    parse : callable
        Returns the value of one text, or raises `ValueError`.
    metavar : str
        Shown in the help.
    also : str
        A word that is allowed besides numbers; its value is None.
    """

    name = "list"

    def __init__(self, parse: Callable[[str], T], metavar: str, also: str = "") -> None:
        self.parse, self.metavar, self.also = parse, metavar, also

    @staticmethod
    def parts(texts: Iterable[str], flag: str) -> list[str]:
        """Return the parts between commas of several texts; raise `ConfigError` if one is empty."""
        return _without_empty([part.strip() for text in texts for part in text.split(",")], texts, flag)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[T, ...]:
        """Return the values in a text."""
        flag = param.opts[0] if param else self.name
        return (
            value if isinstance(value, tuple) else tuple(self.single(part, flag) for part in self.parts([value], flag))
        )

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Return what a shell offers in place of an incomplete value."""
        from w2s_probe.cli.completion import completed

        return completed(ctx, param, incomplete)

    def single(self, text: str, flag: str) -> T:
        """Return one value."""
        if self.also and text == self.also:
            return cast("T", None)
        try:
            return self.parse(text)
        except ValueError:
            wanted, example = EXAMPLES[cast("type[int] | type[float]", self.parse)]
            also = f", or {self.also}" if self.also else ""
            msg = f"{flag} must be {wanted}{also}, with commas between: got {text!r:.60}. Write it as {flag} {example}."
            raise ConfigError(msg) from None


class HeadNames(Listed[Head]):
    """Kinds of linear heads."""

    def __init__(self) -> None:
        super().__init__(lambda name: HEADS[name], "NAME")

    def single(self, text: str, flag: str) -> Head:
        """Return the kind that a name means."""
        if text not in HEADS:
            msg = f"{flag} must be ridge or softmax, with commas between: got {text!r:.60}.{did_you_mean(text, HEADS)}"
            raise ConfigError(msg)
        return HEADS[text]


class Sizes(Listed[int]):
    """Numbers of parameters, as whole numbers or with k or M."""

    def __init__(self) -> None:
        super().__init__(int, "SIZE")

    def single(self, text: str, flag: str) -> int:
        """Return the number that a text means."""
        match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([kM]?)", text, flags=re.ASCII)
        if match is None:
            msg = f"{flag} must be a number of parameters: got {text!r:.60}. Write it as {flag} 100k or 2M."
            raise ConfigError(msg)
        return round(float(match[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[match[2]])


class BackboneNames(Listed[str]):
    """Names of backbones; `alternatives` says which commas separate them."""

    def __init__(self) -> None:
        super().__init__(str, "BACKBONE")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names in a text."""
        from w2s_probe.backbones.names import alternatives

        flag = param.opts[0] if param else self.name
        return value if isinstance(value, tuple) else tuple(alternatives(value, flag))


class Epochs(click.ParamType[int | None]):
    """A number of epochs, or auto, whose value is None."""

    name = "epochs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return the number in a text, or None."""
        if value == "auto" or value is None:
            return None
        try:
            return int(value)
        except ValueError:
            msg = f"--epochs must be auto or a whole number: got {value!r:.60}. Write it as --epochs 2."
            raise ConfigError(msg) from None


def _without_empty(parts: list[str], texts: Iterable[str], flag: str) -> list[str]:
    """Return the parts of texts; raise `ConfigError` if one is empty."""
    if not all(parts):
        msg = f"{flag} must have a value before and after each comma: got {','.join(texts)!r:.60}. {NO_VALUE}"
        raise ConfigError(msg)
    return parts


BACKBONE = BackboneNames()
EPOCHS = Epochs()
INTEGER: Listed[int] = Listed(int, "INTEGER")
NUMBER: Listed[float] = Listed(float, "NUMBER")
SIZE = Sizes()
STRENGTH: Listed[float | None] = Listed(float, "NUMBER", also=CHOSEN)


def flattened(values: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    """Return the values of an option that was given several times."""
    return tuple(value for several in values for value in several)


def seeds_of(seeds: tuple[int, ...], count: int | None) -> tuple[int, ...]:
    """Return the seeds of a grid: those that are listed, or `count` from the first."""
    if len(seeds) > 1:
        if count is not None:
            msg = f"--seed must be one seed where --seeds counts from it: got {len(seeds)} seeds. Remove one flag."
            raise ConfigError(msg)
        return seeds
    first, count = seeds[0] if seeds else 0, len(SweepConfig().seeds) if count is None else count
    require_count(count, "seeds", least=1, most=MOST_SEEDS)
    return tuple(range(first, first + count))


def distinct(flag: str, texts: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the names of an option that was given several times, each once."""
    names = list(flattened(texts))
    if not names or len(set(names)) < len(names):
        msg = f"{flag} must be distinct backbones, at least one: got {', '.join(names) or 'none'}. Name each once."
        raise ConfigError(msg)
    return names
