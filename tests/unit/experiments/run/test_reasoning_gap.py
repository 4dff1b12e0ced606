"""RGR: the share of the gap between the majority class of the labeled rows and the ceiling that a student recovers."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.conftest import feature_set
from tests.problems import views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.results.run import W2SResult

SIZES: dict[str, Any] = {"n_labeled": 40, "n_unlabeled": 200, "n_test": 120}
SPLITS: dict[str, Any] = {"seeds": [0, 1, 2], **SIZES}
STRATEGIES = ("vanilla", "traces", "oracle_traces")


@cache
def measured() -> tuple[W2SResult, list[SeedOutcome], Labels]:
    weak, strong, labels = views(420, classes=3)
    config = W2SConfig(seeds=3, strategies=STRATEGIES, **SIZES)
    return *run_w2s(weak[0], strong, labels, splits=draw_splits(labels, **SPLITS), config=config), labels


def right(outcome: SeedOutcome, name: str, labels: Labels) -> float:
    return float((outcome.test_scores[name].argmax(axis=1) == labels.values[outcome.split.test]).mean())


@pytest.mark.parametrize("name", ["vanilla", "traces/arm=hard", "oracle_traces", "oracle_traces:control"])
def test_it_is_the_gap_between_the_majority_of_the_labeled_rows_and_the_ceiling(name: str) -> None:
    result, outcomes, labels = measured()
    majority = [np.bincount(labels.values[outcome.split.labeled]).argmax() for outcome in outcomes]
    untrained = np.mean(
        [(labels.values[outcome.split.test] == k).mean() for outcome, k in zip(outcomes, majority, strict=True)]
    )
    student, ceiling = (np.mean([right(o, system, labels) for o in outcomes]) for system in (name, "ceiling"))
    owner, _, key = name.removesuffix(":control").partition("/")
    shown: Any = result.students[owner]
    shown = (shown.variants or {})[key] if key else shown
    shown = shown.control if name.endswith(":control") else shown
    assert shown.rgr.value == pytest.approx((student - untrained) / (ceiling - untrained), rel=1e-12)
    assert shown.rgr.low < shown.rgr.value < shown.rgr.high
    assert shown.rgr.resolved


@pytest.mark.parametrize("counts", [(16, 14), (15, 15)])
def test_the_majority_is_that_of_the_labeled_rows_and_the_lower_class_wins_a_tie(counts: tuple[int, int]) -> None:
    every = np.arange(240)
    labels = Labels(values=np.where(every < 200, every % 2, 0), classes=("a", "b"))
    noise = np.random.default_rng(0).standard_normal((240, 5))
    weak, strong = (feature_set(noise + size * labels.values[:, None], name) for size, name in ((0.3, "w"), (2, "s")))
    first, second = (np.flatnonzero(labels.values[:200] == k) for k in (0, 1))
    labeled = np.concatenate([second[: counts[1]], first[: counts[0]]])
    pool = np.concatenate([first[counts[0] :][:40], second[counts[1] :]])  # most of class b
    test = np.arange(200, 240)  # all of class a: its majority class scores 1, the other one 0
    split = Split(labeled=labeled, unlabeled=pool, test=test, seed=0)
    result, _ = run_w2s(weak, strong, labels, splits=[split], config=W2SConfig(seeds=1))
    assert result.systems["ceiling"].scores["accuracy"].value > 0.8
    rgr = result.students["vanilla"].rgr
    assert rgr is not None
    assert math.isnan(rgr.value)  # no ceiling is above 1
    assert not rgr.resolved


def test_it_is_unresolved_where_features_say_nothing() -> None:
    rng = np.random.default_rng(0)
    labels = Labels(values=rng.integers(2, size=420), classes=("a", "b"))
    noise = [feature_set(rng.standard_normal((420, 6)), name) for name in ("weak", "strong")]
    splits, config = draw_splits(labels, **SPLITS), W2SConfig(seeds=3, **SIZES)
    result, _ = run_w2s(noise[0], noise[1], labels, splits=splits, config=config)
    rgr = result.students["vanilla"].rgr
    assert rgr is not None
    assert math.isnan(rgr.value)
    assert json.loads(result.to_json())["students"]["vanilla"]["rgr"]["value"] is None


def test_numbers_have_none() -> None:
    weak, strong, labels = views(420)
    numbers = Labels(values=strong.X[:, 0] + 0.1 * labels.values, classes=None)
    config = W2SConfig(seeds=3, task="regression", **SIZES)
    result, _ = run_w2s(weak[0], strong, numbers, splits=draw_splits(numbers, **SPLITS), config=config)
    assert result.students["vanilla"].rgr is None
    assert "rgr" not in json.loads(result.to_json())["students"]["vanilla"]


def test_results_without_it_can_be_read() -> None:
    content = json.loads(measured()[0].to_json())
    for student in content["students"].values():
        del student["rgr"]
    assert W2SResult.from_dict(content).students["vanilla"].rgr is None
