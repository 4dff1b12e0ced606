"""Adaptive ensemble distillation: its weights, the head of the weighted targets, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.unit.strategies.several_teachers import several_teachers, variant, weights_of, with_scores
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.teacher_descent import TOLERANCE, logit_weights, teacher_descent
from w2s_probe.strategies.adaptive_ensemble import AdaptiveEnsembleConfig, adaptive_ensemble
from w2s_probe.strategies.registry import load_strategy

STRONG = 300.0  # a strength at which descents take tens of steps, not hundreds
DISTANCE = "distance of the last step's head"


@pytest.mark.parametrize("scale", ["none", "standard"])
@pytest.mark.parametrize("hard", [False, True])
def test_the_head_is_the_ridge_head_of_the_weighted_pseudolabels(scale: str, hard: bool) -> None:
    pseudolabels = "hard" if hard else "soft"
    problem = several_teachers(1.0, 2.0, 3.0, scale=scale, pseudolabels=pseudolabels, classes=3)
    student = adaptive_ensemble(problem, AdaptiveEnsembleConfig())
    alpha = student.head.alpha
    X, targets = problem.X_unlabeled, np.tensordot(weights_of(student), np.array(problem.pseudolabels), axes=1)
    scale_of = X.std(axis=0) if scale == "standard" else 1.0
    theirs = Ridge(alpha=alpha).fit(X / scale_of, targets).predict(problem.X_labeled / scale_of)
    np.testing.assert_allclose(student.head.scores(problem.X_labeled), theirs, atol=1e-8)
    assert student.targets is not None
    np.testing.assert_allclose(student.targets, targets, atol=1e-12)
    assert alpha == problem.fit(X, student.targets).alpha
    path = ridge_path(X / scale_of, np.hstack(problem.pseudolabels), alphas=[alpha])
    loadings = np.stack(np.split(path.loadings, 3, axis=1))
    descent = teacher_descent(path.spectrum.eigenvalues, loadings, alpha=alpha, cap=0.6)
    np.testing.assert_allclose(weights_of(student), descent.weights, atol=1e-8)
    for step in (1, 10, 100):
        np.testing.assert_allclose(weights_of(student, f"step {step}"), descent.at(step), atol=1e-8)
    assert student.fitted["steps"] == descent.steps
    assert student.fitted[DISTANCE] == pytest.approx(descent.distance, rel=1e-6)
    assert student.fitted[DISTANCE] <= TOLERANCE
    assert student.rivals == ("mean_teacher",)


def test_without_a_cap_the_weight_lies_on_the_most_shrunken_teacher_which_the_caution_names() -> None:
    problem = several_teachers(1.0, 1.0, 3.0, student_alpha=STRONG)
    first, second, third = problem.teacher_scores
    problem = with_scores(problem, first, second, 0.5 + 0.1 * (third - 0.5))
    student = adaptive_ensemble(problem, AdaptiveEnsembleConfig())
    assert weights_of(student)[2] == pytest.approx(0.6)
    alone = variant(student, "cap=1")
    assert weights_of(alone)[2] > 0.9
    assert alone.caution.startswith("Its weight lies on weak 2: the smallest gradient")


def test_the_lowest_cap_is_the_mean_of_the_teachers_and_a_lower_one_names_the_flag() -> None:
    problem = several_teachers(1.0, 2.0, 3.0, student_alpha=STRONG)
    plain = adaptive_ensemble(problem, AdaptiveEnsembleConfig(cap=1 / 3))
    assert plain.targets is not None
    np.testing.assert_allclose(plain.targets, np.mean(problem.pseudolabels, axis=0), atol=1e-12)
    with pytest.raises(ConfigError, match=r"by the number of teachers \(3\): got 0\.3\.") as error:
        adaptive_ensemble(problem, AdaptiveEnsembleConfig(cap=0.3))
    advice = str(error.value).rpartition("Use --set ")[2].split()[0]
    assert advice == "adaptive_ensemble.cap=0.3334"
    assert "\n" not in str(error.value)
    adaptive_ensemble(problem, AdaptiveEnsembleConfig(cap=float(advice.partition("=")[2])))


def test_every_other_setting_is_a_variant() -> None:
    problem = several_teachers(1.0, 2.0, 3.0, student_alpha=STRONG)
    student = adaptive_ensemble(problem, AdaptiveEnsembleConfig())
    assert list(student.variants) == ["cap=1", "gradient=normalized", "gradient=logits"]
    logits = variant(student, "gradient=logits")
    means = np.array([targets.mean(axis=0) for targets in problem.pseudolabels])
    np.testing.assert_allclose(weights_of(logits), logit_weights(means, cap=0.6), atol=1e-9)
    assert (logits.fitted["steps"], logits.fitted[DISTANCE]) == (0, 0)
    assert "class shares" in logits.caution
    own = adaptive_ensemble(problem, AdaptiveEnsembleConfig(cap=1.0, gradient="normalized"))
    assert list(own.variants) == ["gradient=weights", "gradient=logits"]
    np.testing.assert_array_equal(weights_of(variant(own, "gradient=weights")), weights_of(variant(student, "cap=1")))
    assert not variant(student, "cap=1").variants


def test_equal_opposite_and_constant_teachers_are_defined() -> None:
    problem = several_teachers(1.0, 2.0, 3.0, student_alpha=STRONG)
    first = problem.teacher_scores[0]
    equal = adaptive_ensemble(with_scores(problem, first, first, first), AdaptiveEnsembleConfig())
    np.testing.assert_allclose(weights_of(equal), np.full(3, 1 / 3), atol=1e-6)  # rounding against the term for ties
    opposite = adaptive_ensemble(with_scores(problem, first, 1 - first, first), AdaptiveEnsembleConfig())
    np.testing.assert_allclose(weights_of(opposite), [0.25, 0.5, 0.25], atol=1e-5)  # 0 is in the hull: ties decide
    constant = np.tile([0.6, 0.4], (len(first), 1))
    still = adaptive_ensemble(with_scores(problem, constant, constant, constant), AdaptiveEnsembleConfig())
    np.testing.assert_allclose(still.head.scores(problem.X_labeled), constant[: len(problem.X_labeled)], atol=1e-12)


def test_numbers_are_learned_too_and_what_does_not_apply_is_refused() -> None:
    config = AdaptiveEnsembleConfig()
    numbers = several_teachers(1.0, 2.0, 3.0, classes=None, student_alpha=STRONG)
    assert weights_of(adaptive_ensemble(numbers, config)).sum() == pytest.approx(1)
    with pytest.raises(NotApplicableError, match="adaptive_ensemble needs two teachers or more"):
        adaptive_ensemble(several_teachers(1.0), config)
    softmax = several_teachers(1.0, 2.0, head="softmax")
    with pytest.raises(NotApplicableError, match=r"got `head` softmax\. Use the strategy mean_teacher"):
        adaptive_ensemble(softmax, config)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("cap", 0, "above 0 and at most 1: got 0. Use 0.6"),
        ("cap", 1.5, "above 0 and at most 1: got 1.5"),
        ("cap", True, "above 0 and at most 1: got True"),
        ("cap", "all", "above 0 and at most 1: got 'all'"),
        ("gradient", "head", "must be one of weights, normalized, logits: got 'head'. Use weights."),
    ],
)
def test_odd_settings_are_refused(setting: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_strategy("adaptive_ensemble", {f"adaptive_ensemble.{setting}": value})
    assert said in str(error.value)
