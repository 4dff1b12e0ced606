from __future__ import annotations

import numpy as np
import pytest

from w2s_probe.core.types import Features
from w2s_probe.linalg.same_space import same_space

RNG = np.random.default_rng(0)
X = RNG.standard_normal((400, 12)) * np.exp(RNG.standard_normal(12))
HUGE = X * np.r_[1e5, np.ones(11)]


@pytest.mark.parametrize(
    "Z",
    [
        X,
        X[:, ::-1],
        -X + 3,
        1e-3 * X,
        X.astype(np.float16),
        X @ np.linalg.qr(RNG.standard_normal((12, 12)))[0],
    ],
    ids=["equal", "permuted", "mirrored and moved", "smaller", "float16", "rotated"],
)
def test_equal_spaces_are_noticed(Z: Features) -> None:
    assert same_space(X, Z)
    assert same_space(Z, X)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (X, X[:, 1:]),
        (X, np.hstack([X, X[:, :1] ** 2])),
        (X, RNG.standard_normal(X.shape)),
        (X, X / X.std(axis=0)),
        (HUGE, np.hstack([HUGE[:, :1], RNG.standard_normal((400, 11))])),
    ],
    ids=["fewer columns", "more columns", "others", "scaled columns", "one large column in common"],
)
def test_other_spaces_are_not_equal(left: Features, right: Features) -> None:
    assert not same_space(left, right)


def test_features_without_differences_are_equal_to_one_another_only() -> None:
    flat = np.ones((20, 3))
    assert same_space(flat, 2 * flat)
    assert not same_space(flat, X[:20, :3])
