"""The problem that a strategy receives, from features and a split: one teacher or several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.conftest import feature_set
from w2s_probe.core.arrays import frozen
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.experiments.run.problem import SplitFits
from w2s_probe.heads import PoolFits
from w2s_probe.heads.fit import fit_head
from w2s_probe.strategies import W2SProblem


def views(
    n: int, *, seed: int = 0, classes: int = 2, noises: Sequence[float] = (2.5, 0.5, 3.5)
) -> tuple[list[FeatureSet], FeatureSet, Labels]:
    """Return a weak view of one truth for each noise, a strong view, and the labels."""
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((n, 10))
    score = core @ rng.standard_normal((10, classes)) + 0.5 * rng.standard_normal((n, classes))
    weak = [
        feature_set(core[:, :6] @ rng.standard_normal((6, 15)) + noise * rng.standard_normal((n, 15)), f"weak {place}")
        for place, noise in enumerate(noises)
    ]
    strong = core @ rng.standard_normal((10, 30)) + 0.3 * rng.standard_normal((n, 30))
    labels = Labels(values=score.argmax(axis=1), classes=tuple("abcdefgh"[:classes]))
    return weak, feature_set(strong, "strong"), labels


def problem_of(
    teachers: Sequence[FeatureSet], student: FeatureSet, labels: Labels, *, split: Split, config: W2SConfig
) -> W2SProblem:
    """Return the problem of these features on one split, as a run gives it to strategies."""
    Y = frozen(labels.targets(split.labeled))
    return SplitFits(
        teachers=teachers,
        student=student,
        Y=Y,
        classes=labels.classes,
        heads=[fit_head(features.X[split.labeled], Y, config.fit_options("teacher")) for features in teachers],
        baseline=fit_head(student.X[split.labeled], Y, config.fit_options("baseline")),
        split=split,
        config=config,
        fits=PoolFits(),
    ).problem(copies=True)
