"""A pool whose minority contradicts a cue that the labeled rows trust."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.conftest import feature_set
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Features of both views, labels, the split, and which rows of the table contradict the cue."""

    teacher: FeatureSet
    student: FeatureSet
    labels: Labels
    split: Split
    conflicting: NDArray[np.bool_]

    @property
    def minority(self) -> NDArray[np.bool_]:
        return self.conflicting[self.split.unlabeled]


def planted(*, n: int = 150, N: int = 1000, seed: int = 0, classes: int = 2) -> Planted:
    """Return a teacher that sees the cue, and a student that sees cue and truth; 5 % conflict in L, 20 % in U."""
    rng = np.random.default_rng([seed, 99])
    m = n + N + 50
    truth = rng.integers(classes, size=m)
    conflicting = rng.random(m) < np.where(np.arange(m) < n, 0.05, 0.2)
    cue = np.where(conflicting, (truth + rng.integers(1, classes, size=m)) % classes, truth)
    of_cue, of_truth = np.eye(classes)[cue], np.eye(classes)[truth]
    weak = np.hstack([3 * of_cue, of_truth]) + rng.standard_normal((m, 2 * classes))
    strong = np.hstack([3 * of_cue, 3 * of_truth, np.zeros((m, 8))]) + rng.standard_normal((m, 2 * classes + 8))
    return Planted(
        teacher=feature_set(weak, "teacher features"),
        student=feature_set(strong, "student features"),
        labels=Labels(values=truth, classes=tuple("abcdefgh"[:classes])),
        split=Split(labeled=np.arange(n), unlabeled=np.arange(n, n + N), test=np.arange(n + N, m), seed=seed),
        conflicting=conflicting,
    )
