"""What the verbs around `run` print with ``--json``: one dataclass each, from which its schema is made."""

from __future__ import annotations

from dataclasses import dataclass

from w2s_probe.backbones.registry import Listing
from w2s_probe.cache import Contents
from w2s_probe.pipeline import Fetched
from w2s_probe.report.installation import Check

__all__ = ["CacheListing", "Catalog", "Embedded", "Installation", "Verified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What it took to embed the data.

    Parameters
    ----------
    backbones : tuple of Fetched
        In the order asked for.
    """

    backbones: tuple[Fetched, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheListing:
    """What the feature cache holds.

    Parameters
    ----------
    features : tuple of Contents
        One entry for each backbone.
    """

    features: tuple[Contents, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How many shards of the feature cache are as they were written.

    Parameters
    ----------
    intact, damaged : int
        Shards.
    """

    intact: int
    damaged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The backbones that can be named.

    Parameters
    ----------
    backbones : tuple of Listing
        Installed or not.
    """

    backbones: tuple[Listing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What was found of Python, packages, linear algebra and the cache.

    Parameters
    ----------
    checks : tuple of Check
        Everything that was looked at.
    """

    checks: tuple[Check, ...]
