"""A sweep over fractions of conflicting rows that several tests use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.conftest import feature_set
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups, read_groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep

CONFIG = SweepConfig(
    n_labeled=(40,),
    n_unlabeled=(120,),
    n_test=100,
    seeds=(0, 1),
    eta_labeled=(0.1, 0.5),
    eta_unlabeled=(0.1, 0.3),
    eta_test=0.5,
    balance_classes=True,
)


def cue_views(n: int = 1600) -> tuple[FeatureSet, FeatureSet, Labels, Groups]:
    """Return two views of a label and a cue that goes with it in half of the rows; the weak one sees the cue best."""
    rng = np.random.default_rng(3)
    y, v = rng.integers(0, 2, n), rng.integers(0, 2, n)
    weak, strong = rng.standard_normal((n, 8)), rng.standard_normal((n, 12))
    weak[:, 0] += 1.5 * y
    weak[:, 1] += 2.5 * v
    strong[:, 0] += 3.0 * y
    strong[:, 1] += 1.5 * v
    labels = Labels(values=y, classes=("ham", "spam"))
    groups = read_groups(
        np.array(["plain", "html"])[v].tolist(), labels, name="format", cue={"ham": "plain", "spam": "html"}
    )
    return feature_set(weak, "weak view"), feature_set(strong, "strong view"), labels, groups


def cue_sweep(*, students: tuple[str, ...] = ("strong",), **changes: Any) -> SweepResult:
    """Return the sweep of these views, changed."""
    weak, strong, labels, groups = cue_views()
    source = SplitSource(labels=labels, groups=groups)
    return run_sweep({"weak": weak}, dict.fromkeys(students, strong), source, config=replace(CONFIG, **changes))
