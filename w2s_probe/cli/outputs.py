"""What the verbs around `run` print with ``--json``: one dataclass each, from which its schema is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from w2s_probe.backbones.registry import Listing
from w2s_probe.cache import REASONS, Contents
from w2s_probe.pipeline import Fetched
from w2s_probe.plain import Keys, Mark
from w2s_probe.report.installation import Check
from w2s_probe.theory.intrinsic_dimension import IntrinsicDimension, SystemErrors
from w2s_probe.theory.simulation import Simulated

__all__ = [
    "CacheListing",
    "Catalog",
    "Cleaned",
    "Embedded",
    "Installation",
    "Listed",
    "Ratios",
    "Simulation",
    "TheoryOfVariance",
    "Verified",
]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """How a simulation was made.

    Parameters
    ----------
    trials : int
        Independent draws.
    seed : int
        Of the draws.
    """

    trials: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """What the expected errors make.

    Parameters
    ----------
    pgr : float
        Share of the gap from teacher to ceiling that the student closes.
    pgr_unlabeled : float
        The same with the ceiling of the pool alone.
    opr : float
        The baseline's error over the student's.
    """

    pgr: float
    pgr_unlabeled: float
    opr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TheoryOfVariance:
    """Expected errors and ratios of linear heads.

    Parameters
    ----------
    config : mapping
        Dimensions, sizes and noise.
    total : mapping
        Expected squared errors of each system, PGR and OPR; null where undefined.
    variance, bias : mapping
        The two parts of each error.
    simulated : mapping of the same names, or None
        Means over trials with their standard errors; without them if there was no simulation.
    simulation : Simulation or None
        How they were made.
    """

    config: Annotated[Mapping[str, Any], Keys(IntrinsicDimension)]
    total: Annotated[Mapping[str, float], Keys(SystemErrors, Ratios, required=True), Mark.INLINE]
    variance: Annotated[Mapping[str, float], Keys(SystemErrors, required=True)]
    bias: Annotated[Mapping[str, float], Keys(SystemErrors, required=True)]
    simulated: Annotated[Mapping[str, Simulated] | None, Mark.UNLESS_NONE] = None
    simulation: Annotated[Simulation | None, Mark.UNLESS_NONE] = None
