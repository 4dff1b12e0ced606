"""What the verbs around `run` print with ``--json``: one dataclass each, from which its schema is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from w2s_probe.backbones.registry import Listing
from w2s_probe.cache import REASONS, Contents
from w2s_probe.cli.installation import Check
from w2s_probe.core.serialize import Keys, Mark
from w2s_probe.pipeline.embed import Fetched


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
class Listed:
    """What the feature cache holds of one backbone.

    Parameters
    ----------
    contents : Contents
        Spec, sizes and fingerprint.
    name : str or None
        What ``cached:NAME`` calls it, if it was imported.
    """

    contents: Annotated[Contents, Mark.INLINE]
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheListing:
    """What the feature cache holds.

    Parameters
    ----------
    features : tuple of Listed
        One entry for each backbone.
    """

    features: tuple[Listed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What `cache gc` removed, or would.

    Parameters
    ----------
    dry_run : bool
        Whether everything is still there.
    removed : mapping of reason to int
        Files or shards.
    freed_bytes : int
        Their size.
    """

    dry_run: bool
    removed: Annotated[Mapping[str, int], Keys(*REASONS, required=True)]
    freed_bytes: int


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
