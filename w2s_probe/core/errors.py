"""Errors that the user can fix.

Every message says what was expected, what came and what to do, in one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

LONGEST = 60  # characters of a name that a message shows
MOST_COMPARED = 1000  # names, each of which takes a fraction of a millisecond


class W2SProbeError(Exception):
    """Base of every error that a user of w2s_probe can fix."""


class ShapeError(W2SProbeError, ValueError):
    """Arrays that do not fit together, or hold what a head cannot use."""


class DataError(W2SProbeError, ValueError):
    """A table, a label column or a file that cannot be read as data."""


class SplitError(W2SProbeError, ValueError):
    """A split that the data cannot supply."""


class ConfigError(W2SProbeError, ValueError):
    """A setting that does not exist or has an impossible value.

    The message names settings in backticks; the command line replaces each by its flag.

    Parameters
    ----------
    message : str
        Expected, got, what to do.
    field : str
        The setting, as its config calls it.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotApplicableError(ConfigError):
    """A strategy that cannot work on this problem; ``--strategy all`` lists its message under ``skipped``.

    Parameters
    ----------
    message : str
        Expected, got, what to do.
    field : str
        The setting, as its config calls it.
    """


def require_setting(right: bool, field: str, expected: str, got: object, advice: str) -> None:  # noqa: FBT001  # the claim
    """Raise `ConfigError` unless `right`: what is expected of the setting, what came, what to do."""
    if not right:
        msg = f"`{field}` must be {expected}: got {got!s:.60}. {advice}"
        raise ConfigError(msg, field=field)


class BackboneError(W2SProbeError, RuntimeError):
    """A backbone that does not exist, does not load or does not fit the data."""


class PlugInError(W2SProbeError, RuntimeError):
    """A plug-in that cannot be imported, raised an error or returned what cannot be used."""


class MissingExtraError(BackboneError, ImportError):
    """A backbone whose packages are not installed."""


class CacheError(W2SProbeError, OSError):
    """A feature cache that cannot be read or written."""


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean A or B?"`` for names close to `name`, else an empty string.

    The only one that differs in case only stands alone.
    """
    short = [option for option in options if len(option) <= LONGEST][:MOST_COMPARED]
    same = [option for option in short if option.casefold() == name.casefold()]
    near = same if len(same) == 1 else difflib.get_close_matches(name[:LONGEST], short, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(_shown, near))}?" if near else ""


def listed(names: Sequence[str]) -> str:
    """Return the first names with commas between, short whatever they are; those with blanks at an end in quotes."""
    shown = [_shown(name if len(name) <= LONGEST else f"{name[:LONGEST]}…") for name in names[:8]]
    return ", ".join([*shown, "…"] if len(names) > 8 else shown)


def _shown(name: str) -> str:
    return repr(name) if name != name.strip() else name
