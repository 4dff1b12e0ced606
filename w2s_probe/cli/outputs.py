"""What small verbs print with ``--json``, as dataclasses: the JSON Schemas are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from w2s_probe.backbones.registry import Listing
from w2s_probe.cache import REASONS, Contents
from w2s_probe.cli.installation import Check
from w2s_probe.core.serialize import Keys, Mark
from w2s_probe.linalg.kernels import Blas
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
    quarantine_bytes : int
        Size of the files that `cache gc` moved to `quarantine/`, from which nothing is read.
    shipped : tuple of Listed
        Features that came with the package and are only read.
    """

    features: tuple[Listed, ...]
    quarantine_bytes: int
    shipped: tuple[Listed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Files that `cache gc` removed, or would remove.

    Parameters
    ----------
    dry_run : bool
        Whether nothing was removed.
    removed : mapping of reason to int
        Files or shards; "quarantined" are moved to `quarantine/`, "emptied" are folders that were there before.
    left : int
        Files that stay because they cannot be read or are of a newer version.
    freed_bytes : int
        Size of the files that were deleted.
    """

    dry_run: bool
    removed: Annotated[Mapping[str, int], Keys(*REASONS, required=True)]
    left: int
    freed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Number of intact shards and of files that are not served.

    Parameters
    ----------
    intact : int
        Shards.
    damaged : int
        Shards and names that have other bytes than were written.
    unreadable : int
        Files that the system does not let us read.
    newer : int
        Files whose format or fields this version does not know.
    unsealed : int
        Names of an earlier version, which have no seal: import the features again to seal the name.
    shipped, shipped_damaged : int
        Shards that came with the package, intact and not.
    """

    intact: int
    damaged: int
    unreadable: int
    newer: int
    unsealed: int
    shipped: int
    shipped_damaged: int


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
    blas : tuple of Blas
        The BLAS of numpy, scipy and faiss, with their kernels.
    """

    checks: tuple[Check, ...]
    blas: tuple[Blas, ...]
