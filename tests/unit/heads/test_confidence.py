"""The confidence loss: decisions with given class counts, and the head they come to rest with."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import load_digits

from w2s_probe.core.errors import ConfigError
from w2s_probe.heads.confidence import assign, class_counts, confidence_targets
from w2s_probe.heads.losses import cross_entropy, get_loss
from w2s_probe.heads.softmax import fit_softmax, softmax_path

Array = NDArray[np.float64]


def noisy_digits(n: int = 400, classes: int = 4) -> tuple[Array, Array]:
    X, y = load_digits(n_class=classes, return_X_y=True)
    X, y = X[:n] / 16, y[:n]
    rng = np.random.default_rng(0)
    P = 0.6 * np.eye(classes)[y] + 0.4 * rng.dirichlet(np.ones(classes), size=n)
    return X, P


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), classes=st.integers(2, 5), level=st.booleans())
def test_assignment_equals_the_hungarian_algorithm(seed: int, n: int, classes: int, level: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, size=(n, classes)).astype(float) if level else rng.standard_normal((n, classes)) ** 3
    counts = rng.multinomial(n, rng.dirichlet(np.ones(classes)))
    chosen = assign(scores, counts)
    np.testing.assert_array_equal(np.bincount(chosen, minlength=classes), counts)
    copies = np.repeat(np.arange(classes), counts)
    rows, columns = linear_sum_assignment(scores[:, copies], maximize=True)
    best = scores[rows, copies[columns]].sum()
    assert scores[np.arange(n), chosen].sum() == pytest.approx(best, abs=1e-9)


def test_assignment_of_many_rows_has_no_better_exchange() -> None:
    rng = np.random.default_rng(0)
    scores, counts = 3 * rng.standard_normal((4000, 4)), np.array([100, 1900, 1000, 1000])
    chosen = assign(scores, counts)
    np.testing.assert_array_equal(np.bincount(chosen), counts)
    moves = [[(scores[chosen == a][:, b] - scores[chosen == a][:, a]).max() for b in range(4)] for a in range(4)]
    for length in (2, 3, 4):  # any better assignment contains a cycle of classes that gains
        for cycle in itertools.permutations(range(4), length):
            assert sum(moves[a][b] for a, b in zip(cycle, (*cycle[1:], cycle[0]), strict=True)) <= 1e-9


def test_two_classes_are_burns_threshold_at_a_quantile() -> None:
    rng = np.random.default_rng(1)
    F, P = rng.standard_normal((101, 2)), rng.dirichlet([2, 1], size=101)
    mixed = confidence_targets(F, P, confidence=1.0)
    log_odds = F[:, 1] - F[:, 0]
    positives = int(class_counts(P.mean(axis=0), 101)[1])
    np.testing.assert_array_equal(mixed[:, 1] == 1, log_odds >= np.sort(log_odds)[-positives])


def test_counts_are_whole_and_closest() -> None:
    np.testing.assert_array_equal(class_counts(np.array([0.5, 0.3, 0.2]), 10), [5, 3, 2])
    np.testing.assert_array_equal(class_counts(np.array([0.34, 0.33, 0.33]), 10), [4, 3, 3])


@pytest.mark.parametrize("classes", [2, 4])
def test_weight_0_is_cross_entropy(classes: int) -> None:
    X, P = noisy_digits(classes=classes, n=300)
    (ce,) = softmax_path(X, P, alphas=[0.3])
    (confident,) = softmax_path(X, P, alphas=[0.3], loss="confidence", confidence=0.0)
    assert confident.objective == ce.objective
    np.testing.assert_array_equal(confident.coef, ce.coef)
    F = X @ ce.coef + ce.intercept
    for ours, theirs in zip(get_loss("confidence", confidence=0.0)(F, P), cross_entropy(F, P), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_turns_lower_the_objective_and_come_to_rest(classes: int, weighted: bool) -> None:
    X, P = noisy_digits(classes=classes, n=300)
    w = np.random.default_rng(3).uniform(0, 2, size=len(X)) if weighted else np.ones(len(X))
    w[:5] = 0 if weighted else 1
    (ce,) = softmax_path(X, P, alphas=[0.3], sample_weight=w)
    (confident,) = softmax_path(X, P, alphas=[0.3], loss="confidence", confidence=0.6, sample_weight=w)

    def value(coef: Array, intercept: Array) -> float:
        F = X @ coef + intercept
        targets = confidence_targets(F, P, confidence=0.6, weights=w)
        penalty = ((coef[:, 1] - coef[:, 0]) ** 2).sum() if classes == 2 else (coef**2).sum()
        return float(w @ cross_entropy(F, targets)[0] + 0.15 * penalty)

    assert confident.converged
    assert confident.iterations >= 1
    assert value(confident.coef, confident.intercept) == pytest.approx(confident.objective, rel=1e-9)
    assert confident.objective < value(ce.coef, ce.intercept)
    # what the head decides is what it was fitted to
    F = X @ confident.coef + confident.intercept
    targets = confidence_targets(F, P, confidence=0.6, weights=w)
    (again,) = softmax_path(X, targets, alphas=[0.3], sample_weight=w)
    assert again.objective == pytest.approx(confident.objective, rel=1e-8)


def test_a_confident_head_is_surer_than_its_teacher() -> None:
    X, P = noisy_digits()
    plain = fit_softmax(X, P, alpha=0.3)
    confident = fit_softmax(X, P, alpha=0.3, loss="confidence", confidence=0.5)
    top = [head.probabilities(head.scores(X)).max(axis=1).mean() for head in (plain, confident)]
    assert top[1] > top[0] + 0.05


def test_a_head_that_does_not_come_to_rest_says_so() -> None:
    X, P = noisy_digits()
    (fit,) = softmax_path(X, P, alphas=[1e-4], loss="confidence", max_iter=1)
    assert not fit.converged


def test_a_weight_outside_0_and_1_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"confidence must lie in \[0, 1\]"):
        get_loss("confidence", confidence=1.5)
