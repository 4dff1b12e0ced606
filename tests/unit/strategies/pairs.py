"""The problem of preference pairs on small data: differences of two items' features, heads without intercept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.conftest import feature_set
from tests.problems import problem_of, views
from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.strategies import W2SProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig(W2SConfig):
    """Heads without intercept, as those of preference pairs."""

    def fit_options(self, system: System) -> FitOptions:
        """Return the options of a Bradley–Terry head."""
        return replace(W2SConfig.fit_options(self, system), intercept=False)


def pairs_problem(*noises: float, swapped: bool = False, pool: int = 180, seed: int = 0, **settings: Any) -> W2SProblem:
    """Return a problem of 60 labeled pairs; with `swapped`, the sides of every third pair are exchanged."""
    n = pool + 100
    weak, strong, _ = views(2 * n, seed=seed, noises=noises)
    truth = np.random.default_rng(seed).standard_normal(strong.X.shape[1])
    score = strong.X @ truth
    side = np.where(np.arange(n) % 3 == 0, -1.0, 1.0) if swapped else np.ones(n)
    second = side * (score[:n] - score[n:]) > 0
    labels = Labels(values=second.astype(np.int64), classes=("first", "second"))
    unswapped = Labels(values=(score[:n] > score[n:]).astype(np.int64), classes=labels.classes)
    (split,) = draw_splits(unswapped, seeds=[0], n_labeled=60, n_unlabeled=pool, n_test=30)
    differences = [
        feature_set(side[:, None] * (features.X[:n] - features.X[n:]), features.name) for features in (*weak, strong)
    ]
    config = PairConfig(**{"head": "softmax", "alphas": 4, **settings})
    return problem_of(differences[:-1], differences[-1], labels, split=split, config=config)
