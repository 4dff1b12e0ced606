"""The contract of a backbone, checked by a function for the tests of plug-in authors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, Items, take
from w2s_probe.backbones.contract import (
    checked_features,
    checked_modality,
    checked_positions,
    checked_record,
    checked_spec,
)
from w2s_probe.core.errors import BackboneError


def check_backbone(make: Callable[[int], Backbone], items: Items, *, atol: float = 1e-5) -> None:
    """Raise `BackboneError` unless a backbone has the properties on which the cache relies.

    Parameters
    ----------
    make : callable
        Function from a batch size to a new backbone.
    items : texts or images
        At least three items; texts of different lengths.
    atol : float
        Largest change of a feature that another order or batch size may cause.

    Raises
    ------
    BackboneError
        If features are not finite float32 of equal width, change between two loads, or depend on the
        order or the batch size, if the spec changes between two loads, or if spec, modality, truncated items or
        recorded facts are not what the cache can keep.
    """
    first, second, single = make(8), make(8), make(1)
    title = f"backbone {first.name}"
    checked_modality(first.modality, title=title)
    checked_spec(first.spec, title=title)
    X = first.encode(items)
    checked_features(X, rows=len(items), title=title)
    _expect(X.dtype == np.float32, first, f"return float32: got {X.dtype}")
    one = checked_features(first.encode(take(items, [0])), rows=1, title=title, width=X.shape[1])
    _expect(_close(one, X[:1], atol), first, "return the same features for an item alone")
    _expect(np.array_equal(X, second.encode(items)), first, "be deterministic: a second load returned other numbers")
    _expect(
        first.spec == second.spec == single.spec, first, "have the same spec in every load and for every batch size"
    )
    reverse = np.arange(len(items))[::-1]
    _expect(_close(first.encode(take(items, reverse)), X[reverse], atol), first, "not depend on the order of items")
    _expect(_close(single.encode(items), X, atol), first, "not depend on the batch size")
    checked_positions(first.truncated(items), items=len(items), title=title)
    checked_record(first.recorded(), title=title)


def _close(left: NDArray[np.float32], right: NDArray[np.float32], atol: float) -> bool:
    return left.shape == right.shape and bool(np.abs(left - right).max() <= atol)


def _expect(holds: bool, backbone: Backbone, duty: str) -> None:  # noqa: FBT001  # reads as a sentence
    if not holds:
        msg = f"backbone {backbone.name} must {duty}. Fix the code of its class."
        raise BackboneError(msg)
