"""Revision of the code behind a number: a hash of its source, or what a plug-in states."""

from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import w2s_probe
from w2s_probe.core.plug_ins import calls_to, refuse
from w2s_probe.strategies.registry import BUILT_IN, loaded

LONGEST = 200  # characters of a stated revision
NUMERICAL = (
    "core",
    "diagnostics",
    "experiments",
    "heads",
    "linalg",
    "metrics",
    "strategies",
    "theory",
)  # packages of w2s_probe


def code_revisions(strategies: Iterable[str]) -> dict[str, str]:
    """Return the revision of w2s_probe's numerical code, and of each strategy of another package.

    A strategy states its revision in the attribute `revision`. Without one, its revision is a hash of all Python files
    of its package, or of its module if that is in no package.

    Parameters
    ----------
    strategies : iterable of str
        Names of strategies.

    Raises
    ------
    PlugInError
        If a strategy cannot be imported, or its `revision` is not a short text.
    """
    plug_ins = {name: _revision(name) for name in strategies if name not in BUILT_IN}
    return {"w2s_probe": f"{w2s_probe.__version__} {_own_code()}", **plug_ins}


def _revision(name: str) -> str:
    title, strategy = loaded(name)
    with calls_to(title):
        stated = getattr(strategy, "revision", None)
    if stated is None:
        with calls_to(title):
            return _source_hash(_modules(strategy))
    if type(stated) is not str or not 0 < len(stated) <= LONGEST:
        advice = 'Write a text such as "1", and change it with the code.'
        refuse(title, f"have a revision of 1 to {LONGEST} characters", type(stated).__name__, advice)
    return stated


@cache
def _own_code() -> str:
    """Return a hash of the modules of w2s_probe that decide numbers."""
    home = Path(w2s_probe.__file__).parent
    return _hash_of_files(home, [file for package in NUMERICAL for file in (home / package).rglob("*.py")])


def _modules(strategy: Any) -> list[ModuleType]:
    """Return the modules in which a function, or the class of a callable object, is written."""
    names = {getattr(strategy, "__module__", None), type(strategy).__module__, _module_of_call(strategy)}
    return [sys.modules[name] for name in sorted(filter(None, names)) if name in sys.modules and name != "builtins"]


def _module_of_call(strategy: Any) -> str | None:
    """Return the module of the function that a `functools.partial` calls."""
    return getattr(getattr(strategy, "func", None), "__module__", None)


def _source_hash(modules: Sequence[ModuleType]) -> str:
    """Return a hash of the files of these modules' packages; a random text if no file can be read."""
    hashes = []
    for module in modules:
        package = sys.modules.get(module.__name__.partition(".")[0], module)
        file = getattr(package, "__file__", None) or getattr(module, "__file__", None)
        if file is None:
            return secrets.token_hex()  # typed in, so that nothing tells whether it is the same code
        try:
            home = Path(file).parent
            whole = Path(file).stem == "__init__"
            hashes.append(_hash_of_files(home, home.rglob("*.py") if whole else [Path(file)]))
        except OSError:  # in an archive
            return secrets.token_hex()
    return " ".join(hashes) or secrets.token_hex()


def _hash_of_files(home: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(home).as_posix()} {len(content)} ".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"
