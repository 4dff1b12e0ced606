"""Features that came with the package: those of the demo, a cache that is only read."""

from __future__ import annotations

from pathlib import Path

from w2s_probe.cache.listing import Listing
from w2s_probe.core.features import EmbeddingSpec

SHIPPED = Path(__file__).with_name("shipped")


def shipped_spec(backbone: str) -> EmbeddingSpec | None:
    """Return the spec of the shipped features of a backbone, or None if there are none.

    Parameters
    ----------
    backbone : str
        Its name in specs, as in ``packaged:wordllama``.
    """
    listing = Listing(SHIPPED)
    specs = (sidecar.spec for folder in listing.folders() for sidecar in listing.sidecars(folder))
    return next((spec for spec in specs if spec.backbone == backbone), None)
