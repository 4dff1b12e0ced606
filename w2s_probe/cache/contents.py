"""What the cache holds of one spec, as ``cache ls`` and ``cache info`` print it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from w2s_probe.cache.quarantine import size_of
from w2s_probe.cache.shards import Sidecar
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.serialize import Mark


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Features of one spec in the cache.

    Parameters
    ----------
    spec : EmbeddingSpec
        Embedding that computed the features.
    rows : int
        Distinct items: processes that embed at the same time may write one into several shards.
    dim : int
        Features in each row.
    shards : int
        Number of shards.
    bytes : int
        Size of the shards and their sidecars.
    truncated : int
        Distinct items that were too long for the backbone and were cut.
    recorded : mapping
        Facts recorded with the first shard: device, threads, versions.
    shipped : bool
        Whether all shards came with the package.
    """

    also_shown: ClassVar = ("fingerprint",)
    spec: EmbeddingSpec
    rows: int
    dim: int
    shards: int
    bytes: int
    truncated: int
    recorded: Annotated[Mapping[str, Any], Mark.HIDDEN]
    shipped: bool = False

    @property
    def fingerprint(self) -> str:
        """The spec's fingerprint, which is the name of the folder of the shards."""
        return self.spec.fingerprint()


def contents_of(sidecars: Sequence[Sidecar], *, below: Path | None) -> Contents:
    """Return the contents of the shards of one spec; `below` is the folder of the cache that is only read."""
    return Contents(
        shipped=below is not None and all(sidecar.path.is_relative_to(below) for sidecar in sidecars),
        spec=sidecars[0].spec,
        shards=len(sidecars),
        rows=len({digest for sidecar in sidecars for digest in sidecar.digests.tolist()}),
        dim=sidecars[0].dim,
        bytes=size_of([file for sidecar in sidecars for file in (sidecar.path, sidecar.path.with_suffix(".npy"))]),
        truncated=len({sidecar.digests[row] for sidecar in sidecars for row in sidecar.recorded.get("truncated", [])}),
        recorded=sidecars[0].recorded,
    )
