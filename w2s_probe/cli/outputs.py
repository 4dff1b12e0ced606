"""What small verbs print with ``--json``, as dataclasses: the JSON Schemas are made from them."""

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
    """Result of ``embed``.

    Parameters
    ----------
    backbones : tuple of Fetched
        One entry for each backbone, in the order of the flags.
    notes : tuple of str
        Sentences on rows that were left out and on columns of features.
    """

    backbones: tuple[Fetched, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Cached features of one backbone.

    Parameters
    ----------
    contents : Contents
        Spec, sizes and fingerprint.
    name : str or None
        NAME of ``cached:NAME``, if the features were imported.
    """

    contents: Annotated[Contents, Mark.INLINE]
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheListing:
    """Content of the feature cache.

    Parameters
    ----------
    features : tuple of Listed
        One entry for each backbone.
    """

    features: tuple[Listed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Files that `cache gc` removed, or would remove.

    Parameters
    ----------
    dry_run : bool
        Whether nothing was removed.
    removed : mapping of reason to int
        Files or shards.
    freed_bytes : int
        Size of these files.
    """

    dry_run: bool
    removed: Annotated[Mapping[str, int], Keys(*REASONS, required=True)]
    freed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Number of intact and of damaged shards.

    Parameters
    ----------
    intact, damaged : int
        Shards.
    """

    intact: int
    damaged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All backbones.

    Parameters
    ----------
    backbones : tuple of Listing
        Installed or not.
    """

    backbones: tuple[Listing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Result of ``doctor``.

    Parameters
    ----------
    checks : tuple of Check
        One entry for each check.
    """

    checks: tuple[Check, ...]
