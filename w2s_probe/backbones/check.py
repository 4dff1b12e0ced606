"""The contract of a backbone, checked by a function for the tests of plug-in authors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, Items, take
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
        order or the batch size, or if the spec changes between two loads.
    """
    first, second, single = make(8), make(8), make(1)
    X = first.encode(items)
    _expect(X.dtype == np.float32 and X.ndim == 2, first, f"return a 2-D float32 array: got {X.dtype} {X.shape}")
    _expect(len(X) == len(items), first, f"return one row for each of {len(items)} items: got {len(X)}")
    _expect(bool(np.isfinite(X).all()), first, "return finite features")
    _expect(np.array_equal(X, second.encode(items)), first, "be deterministic: a second load returned other numbers")
    _expect(
        first.spec == second.spec == single.spec, first, "have the same spec in every load and for every batch size"
    )
    reverse = np.arange(len(items))[::-1]
    _expect(_close(first.encode(take(items, reverse)), X[reverse], atol), first, "not depend on the order of items")
    _expect(_close(single.encode(items), X, atol), first, "not depend on the batch size")
    _expect(all(0 <= i < len(items) for i in first.truncated(items)), first, "report truncated items by position")


def _close(left: NDArray[np.float32], right: NDArray[np.float32], atol: float) -> bool:
    return left.shape == right.shape and bool(np.abs(left - right).max() <= atol)


def _expect(holds: bool, backbone: Backbone, duty: str) -> None:  # noqa: FBT001  # reads as a sentence
    if not holds:
        msg = f"backbone {backbone.name} must {duty}. Fix the code of its class."
        raise BackboneError(msg)
