"""Code of other packages: listed by its entry points, and named in one line if it fails."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, distributions, entry_points
from threading import Lock
from types import TracebackType
from typing import Any, Literal, NoReturn

import numpy as np

from w2s_probe.core.errors import MissingExtraError, PlugInError, W2SProbeError
from w2s_probe.core.text import visible

Kind = Literal["backbones", "strategies"]
OWN = "w2s_probe."
LONGEST = 300  # characters of what a plug-in raised


@dataclass(frozen=True, slots=True)
class PlugIn:
    """One entry point of another package.

    Parameters
    ----------
    kind : {"backbones", "strategies"}
        What it provides; its group is ``w2s_probe.KIND``.
    name : str
        Name on the command line: of a strategy, or the part of a backbone's name before the colon.
    point : EntryPoint
        Where its code is.
    """

    kind: Kind
    name: str
    point: EntryPoint

    @property
    def package(self) -> str:
        """Name and version of its distribution; its module if it has none."""
        try:
            metadata = self.point.dist.metadata if self.point.dist else None
            parts = [str(metadata[key]) for key in ("Name", "Version") if metadata[key]] if metadata else []
        except Exception:  # the metadata are another package's file
            parts = []
        return visible(" ".join(parts)) or visible(self.point.value.partition(":")[0])

    def title(self, name: str = "") -> str:
        """Return how messages call it: ``the plug-in NAME (PACKAGE, MODULE:OBJECT)``; `name` replaces its own."""
        return f"the plug-in {visible(name or self.name):.60} ({self.package:.60}, {visible(self.point.value):.80})"

    def load(self, name: str = "") -> Any:
        """Return its function; raise `PlugInError` if it cannot be imported or is no function."""
        with calls_to(self.title(name)):
            function = self.point.load()
        if not callable(function):
            refuse(self.title(name), "name a function", f"{type(function).__name__}", "Correct its entry point.")
        return function

    def problem(self) -> str:
        """Return why it cannot be imported, in one line; empty if it can."""
        try:
            self.load()
        except PlugInError as error:
            cause = error.__cause__
            return described(cause) if cause else str(error)
        return ""


def plug_ins(kind: Kind) -> list[PlugIn]:
    """Return the plug-ins of one kind, without importing them; a package with unreadable metadata has none."""
    return [PlugIn(kind, point.name, point) for point in _points(f"w2s_probe.{kind}", tuple(sys.path))]


def unique_plug_in(kind: Kind, name: str) -> PlugIn | None:
    """Return the plug-in of this name, None without one; raise `PlugInError` if two packages have it."""
    same = [plug for plug in plug_ins(kind) if plug.name == name]
    if len(same) > 1:
        packages = " and ".join(plug.package for plug in same)
        msg = f"the plug-in {visible(name):.60} must be of one package: got {packages}. Uninstall all but one."
        raise PlugInError(msg)
    return same[0] if same else None


@lru_cache(maxsize=8)
def _points(group: str, folders: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group; `folders` are where packages are looked for, read once."""
    try:
        return tuple(entry_points(group=group))
    except Exception:  # one package's file cannot be parsed; the others are read one by one
        return tuple(_readable_points(group))


def _readable_points(group: str) -> list[EntryPoint]:
    points: list[EntryPoint] = []
    for distribution in distributions():
        try:
            points += distribution.entry_points.select(group=group)
        except Exception:  # noqa: S112  # its file cannot be parsed, so that it provides nothing
            continue
    return points


def refuse(title: str, duty: str, got: str, advice: str) -> NoReturn:
    """Raise `PlugInError`: what a plug-in must do, what it did, what to do."""
    msg = f"{title} must {duty}: got {got}. {advice}"
    raise PlugInError(msg)


class calls_to:  # noqa: N801  # read as a verb: with calls_to(title)
    """Context manager around a call of a plug-in's code: whatever the code raises becomes a `PlugInError`.

    An error of w2s_probe that the code raises on purpose passes unchanged, and so does Ctrl-C. What the code prints
    goes to stderr; the way numpy treats overflow and division by zero is restored. It is a class, since a generator
    with `contextlib.contextmanager` lets StopIteration pass.

    Parameters
    ----------
    title : str
        How messages call the plug-in, see `PlugIn.title`.
    """

    def __init__(self, title: str) -> None:
        self.title, self._arithmetic = title, np.errstate()

    def __enter__(self) -> None:
        _STDOUT.begin()
        self._arithmetic.__enter__()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._arithmetic.__exit__(None, None, None)
        _STDOUT.end()
        if error is None or isinstance(error, KeyboardInterrupt):
            return
        if isinstance(error, W2SProbeError) and _on_purpose(error):
            return
        msg = f"{self.title} must not fail: got {described(error)}. {_advice(error)}"
        raise PlugInError(msg) from error


class _Stdout:
    """Sends stdout to stderr while plug-ins are called, from any number of threads."""

    def __init__(self) -> None:
        self._lock, self._calls, self._own = Lock(), 0, sys.stdout

    def begin(self) -> None:
        """Receive that a call begins."""
        with self._lock:
            if not self._calls:
                self._own, sys.stdout = sys.stdout, sys.stderr
            self._calls += 1

    def end(self) -> None:
        """Receive that a call ends."""
        with self._lock:
            self._calls -= 1
            if not self._calls:
                sys.stdout = self._own


_STDOUT = _Stdout()


def described(error: BaseException) -> str:
    """Return class and message of an error as one short line without control characters."""
    name, text = type(error).__name__, _message(error)
    line = f"{name}, whose message cannot be read" if text is None else f"{name}: {text}"
    return visible(" ".join(line.split()))[:LONGEST].rstrip(".: ")


def _message(error: BaseException) -> str | None:
    """Return the text of an error; None if its `__str__`, which is the plug-in's code too, fails."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def _advice(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "Use fewer rows, or a smaller --batch-size."
    if isinstance(error, ValueError) and described(error).endswith("read-only"):
        return "It must copy an array before it changes it: the problem is shared with other strategies."
    return "Repair or update its package."


def _on_purpose(error: W2SProbeError) -> bool:
    """Return whether the plug-in's own code raised an error of ours, rather than our code that it called."""
    if isinstance(error, PlugInError | MissingExtraError):
        return True
    module = _innermost(error.__traceback__)
    return _message(error) is not None and (not module.startswith(OWN) or module == "w2s_probe.core.errors")


def _innermost(traceback: TracebackType | None) -> str:
    """Return the name of the module in which an error was raised."""
    module = ""
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next
    return module
