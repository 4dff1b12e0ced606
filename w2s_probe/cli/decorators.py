"""Options as decorators: defaults of configs, several values, and one object for a group of options."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import reduce, wraps
from typing import Any

import click

from w2s_probe.cli.lists import Listed
from w2s_probe.cli.values import Values

MOST_THREADS = 1024
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


def together(*decorators: Decorator) -> Decorator:
    """Return several options as one decorator, in the order of the help."""
    return lambda function: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), function)


def into(build: Callable[[Values], dict[str, object]], *decorators: Decorator) -> Decorator:
    """Return options whose values reach the verb as the objects that `build` makes of them."""
    options = [option.name for option in click.command(together(*decorators)(lambda: None)).params]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def verb(**values: Any) -> object:
            own = {name: values.pop(name) for name in options}
            return command(**build(own), **values)

        return together(*decorators)(verb)

    return decorate


def default_of(config: type[Any], field: str) -> Any:
    """Return the default of a config's field."""
    return next(f.default for f in dataclasses.fields(config) if f.name == field)


def setting(config: type[Any], field: str, *names: str, **kwargs: Any) -> Decorator:
    """Return the option of a config's field, with the field's default."""
    default = default_of(config, field)
    return click.option(*names, field, default=default, show_default=default is not None, **kwargs)


def axis(field: str, *names: str, type: Listed[Any], help: str, required: bool = False) -> Decorator:  # noqa: A002
    """Return the option of a field with several values."""
    text = f"{help.removesuffix('.')}; separate several by commas."
    return click.option(*names, field, multiple=True, type=type, metavar=type.metavar, required=required, help=text)
