"""Validate the docstrings of public names with numpydoc: ``python -m docs.docstrings``.

Public is what the package or one of its subpackages exports, with the public methods of its classes.
numpydoc's own hook reads source text and does not see the parameters that ``@dataclass`` generates;
this asks the imported objects. Checks are those of ``[tool.numpydoc_validation]`` in pyproject.toml.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from numpydoc.validate import ERROR_MSGS, validate

import w2s_probe

__all__ = ["complaints", "public_names"]

SETTINGS = Path(__file__).parents[1] / "pyproject.toml"


def complaints() -> Iterator[str]:
    """Yield one line for each check that a public docstring does not pass."""
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))["tool"]["numpydoc_validation"]
    checks = set(ERROR_MSGS) - set(settings["checks"])  # "all but", numpydoc's own meaning
    for name in sorted(set(public_names())):
        found = validate(name)
        for code, message in found["errors"]:
            if code in checks:
                yield f"{found['file']}:{found['file_line']}: {name}: {code} {message}"


def public_names() -> Iterator[str]:
    """Yield the dotted names of exported functions and classes, and of their public methods."""
    below = (info.name for info in pkgutil.iter_modules(w2s_probe.__path__, "w2s_probe.") if info.ispkg)
    for package in map(import_module, ("w2s_probe", *below)):
        for exported in (getattr(package, name) for name in getattr(package, "__all__", ())):
            if inspect.isclass(exported) or inspect.isfunction(exported):
                home = f"{exported.__module__}.{exported.__name__}"
                yield home
                yield from (f"{home}.{method}" for method in _methods(exported))


def _methods(exported: Any) -> Iterator[str]:
    kinds = (property, cached_property, classmethod, staticmethod)
    for name, value in vars(exported).items() if inspect.isclass(exported) else ():
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds)):
            yield name


if __name__ == "__main__":
    lines = list(complaints())
    for line in lines:
        click.echo(line)
    sys.exit(1 if lines else 0)
