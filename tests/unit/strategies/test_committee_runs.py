"""Runs with several teachers: what their strategies may see, and in which order they are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.problems import views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import fit_seed
from w2s_probe.strategies import chosen_strategies

EVERY = chosen_strategies(("all",))
NAMES = (
    "vanilla",
    "mean_teacher",
    "majority",
    "best_teacher",
    "two_stage",
    "bootstrapping",
    "confidence_weighted",
    "mutual",
)
SETTINGS = {"two_stage.votes": 3, "two_stage.tau": [0.6, 1], "mutual.rounds": 2}
OF_OTHERS = {"traces.votes": 3, "distill.soft_weight": [0, 1], "distill.teacher_rows": [25]}


def fitted(
    *, head: str = "ridge", names: tuple[str, ...] = NAMES, noisy: bool = False, pseudolabels: str = "soft"
) -> SeedOutcome:
    weak, strong, truth = views(400, classes=3)
    (split,) = draw_splits(truth, seeds=[0], n_labeled=60, n_unlabeled=200, n_test=100)
    values = truth.values.copy()
    if noisy:
        hidden = np.concatenate([split.unlabeled, split.test])
        values[hidden] = np.random.default_rng(1).integers(3, size=len(hidden))
    settings = SETTINGS if names == NAMES else SETTINGS | OF_OTHERS  # of strategies that are run
    options: dict[str, Any] = {"head": head, "strategies": names, "settings": settings, "pseudolabels": pseudolabels}
    labels = Labels(values=values, classes=truth.classes)
    config = W2SConfig(**options, alphas=3)  # strengths, for speed
    return fit_seed(weak[0], strong, labels, split=split, config=config, more_teachers=weak[1:], variants=True)


def content(outcome: SeedOutcome) -> dict[str, tuple[bytes, bytes]]:
    """Return the test scores and the kept rows of every student, variant and control."""
    return {name: (outcome.test_scores[name].tobytes(), s.kept.tobytes()) for name, s in outcome.students.items()}


@pytest.mark.parametrize(("head", "pseudolabels"), [("ridge", "soft"), ("ridge", "hard"), ("softmax", "soft")])
def test_noise_in_the_labels_of_pool_and_test_rows_changes_no_byte(head: str, pseudolabels: str) -> None:
    plain, noisy = (fitted(head=head, pseudolabels=pseudolabels, noisy=noise) for noise in (False, True))
    assert content(plain) == content(noisy)
    assert plain.test_scores["ceiling"].tobytes() != noisy.test_scores["ceiling"].tobytes()
    for name, student in plain.students.items():
        other = noisy.students[name]
        assert dict(student.fitted) == dict(other.fitted)
        assert (student.targets is None) == (other.targets is None)
        if student.targets is not None:
            np.testing.assert_array_equal(student.targets, other.targets)


@pytest.mark.slow
def test_the_order_of_the_strategies_changes_no_byte() -> None:
    forward = fitted(names=("all",))
    assert "confidence_loss" in forward.skipped  # needs softmax heads
    others = [name for name in EVERY if name not in forward.skipped]
    assert content(forward) == content(fitted(names=tuple(others[::-1])))


def test_every_variant_and_its_control_are_fitted() -> None:
    names = set(fitted().students)
    assert {"mean_teacher/targets=hard", "two_stage/second=no", "two_stage/tau=1,stages=1:control"} <= names
    assert "two_stage/second=no:control" not in names  # it keeps all rows
