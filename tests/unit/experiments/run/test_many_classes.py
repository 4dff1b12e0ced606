"""Runs, forecasts and sweeps around 50 classes: the number of strengths is recorded and a note says why."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import feature_set
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.sweep import SplitSource, run_sweep

NOTE = "5 strengths are tried instead of 13"


def views(classes: int) -> tuple[FeatureSet, FeatureSet, Labels, Split]:
    rng = np.random.default_rng(2)
    y = np.concatenate([rng.permutation(np.arange(size) % classes) for size in (2 * classes, 2 * classes, 60)])
    strong = rng.standard_normal((classes, 6))[y] + 0.5 * rng.standard_normal((len(y), 6))
    weak = strong[:, :3] + 0.5 * rng.standard_normal((len(y), 3))
    rows = np.split(np.arange(len(y)), [2 * classes, 4 * classes])
    split = Split(labeled=rows[0], unlabeled=rows[1], test=rows[2], seed=0)
    names = tuple(f"{code:03d}" for code in range(classes))
    return feature_set(weak, "teacher"), feature_set(strong, "student"), Labels(values=y, classes=names), split


@pytest.mark.parametrize(
    ("classes", "asked", "used", "noted"), [(50, None, 13, False), (51, None, 5, True), (60, 7, 7, False)]
)
def test_a_run_records_its_strengths(classes: int, asked: int | None, used: int, *, noted: bool) -> None:
    weak, strong, labels, split = views(classes)
    config = W2SConfig(head="softmax", seeds=1, alphas=asked)
    result, (outcome,) = run_w2s(weak, strong, labels, splits=[split], config=config)
    assert result.config["alphas"] == used
    assert any(NOTE in note and f"{classes} classes" in note for note in result.notes) is noted
    assert all(head.converged for head in outcome.heads.values())


@pytest.mark.parametrize(("head", "noted"), [("softmax", True), ("ridge", False)])
def test_a_forecast_says_so(head: str, *, noted: bool) -> None:
    weak, strong, labels, split = views(51)
    L, U = split.labeled, split.unlabeled
    forecast = forecast_pair(
        weak.X[L],
        strong.X[L],
        labels.targets(L),
        pool_teacher=weak.X[U],
        pool_student=strong.X[U],
        config=W2SConfig(head=head),  # type: ignore[arg-type]
    )
    assert any(NOTE in note for note in forecast.notes) is noted


def test_a_sweep_says_so() -> None:
    weak, strong, labels, split = views(51)
    source = SplitSource(labels=labels, groups=None, splits=(split,))
    config = SweepConfig(head=("softmax",), seeds=(0,))
    result = run_sweep({"t": weak}, {"s": strong}, source, config=config)
    assert any(NOTE in note for note in result.notes)
