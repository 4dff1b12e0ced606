"""Features in the type in which they are stored, refused where that type cannot hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import as_matrix, check_same_rows
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Features

FEWEST = 10  # rows whose spread says how precise their features must be


def storable(features: NDArray[Any], spec: EmbeddingSpec, *, rows: int) -> Features:
    """Return features in the type of their spec, or raise `ShapeError` if this type cannot hold them.

    Parameters
    ----------
    features : array of shape (m, d)
        Features that a backbone returned.
    spec : EmbeddingSpec
        Embedding, with the type of stored features.
    rows : int
        Number of items.
    """
    name = f"features of {spec.backbone}"
    X = as_matrix(features, name)
    check_same_rows(name, len(X), "their items", rows)
    with np.errstate(over="ignore"):
        stored = X.astype(spec.dtype, copy=False)
    if not np.isfinite(stored).all():
        i, j = np.argwhere(~np.isfinite(stored))[0]
        advice = "Use --dtype float32, or scale the features." if spec.dtype == "float16" else "Scale the features."
        msg = (
            f"{name} must fit into {spec.dtype}: got {X[i, j]:.6g} in column {j}, the largest value is "
            f"{np.finfo(spec.dtype).max:.6g}. {advice}"
        )
        raise ShapeError(msg)
    if stored.dtype != X.dtype:
        _check_rounding(X, stored, name)
    return stored


def of_one_width(features: NDArray[Any], spec: EmbeddingSpec, *, rows: int, widths: set[int]) -> Features:
    """Return a matrix of features; it must have the one of `widths`, to which a first width is added."""
    name = f"features of {spec.backbone}"
    X = as_matrix(features, name)
    check_same_rows(name, len(X), "their items", rows)
    widths.add(X.shape[1])
    if len(widths) > 1:
        msg = (
            f"features of {spec.backbone} must have one width: got {listed_widths(widths)} columns, counting those in "
            f"the cache. Repair the backbone, then remove the others: w2s-probe cache gc --remove "
            f"{spec.fingerprint()[:12]}"
        )
        raise ShapeError(msg)
    return X


def listed_widths(widths: set[int]) -> str:
    """Return numbers of columns as text."""
    return " and ".join(map(str, sorted(widths)))


def _check_rounding(X: Features, stored: Features, name: str) -> None:
    """Raise `ShapeError` if rounding changes features by more than a tenth of their spread (root mean squares).

    Values below the smallest one of a type become 0, and a large mean leaves few digits to the differences between
    rows. Rows that are equal, or fewer than `FEWEST`, have no spread to compare with: their distance from 0 is used.
    """
    unit = float(np.abs(X).max()) or 1.0
    scaled = X.astype(np.float64) / unit
    center = scaled.mean(axis=0) if len(X) >= FEWEST and np.ptp(X, axis=0).any() else 0.0
    spread, change = np.linalg.norm(scaled - center), np.linalg.norm(scaled - stored.astype(np.float64) / unit)
    if change > spread / 10:
        half = stored.dtype == np.float16
        advice = "Use --dtype float32, or subtract" if half else "Subtract"
        msg = (
            f"{name} must keep their differences in {stored.dtype}: got values up to {unit:.3g}, which rounding "
            f"changes by {change / spread:.0%} of their spread. {advice} each column's mean and scale the features."
        )
        raise ShapeError(msg)
