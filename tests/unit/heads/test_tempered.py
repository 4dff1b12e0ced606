"""Softmax heads on labels and on pseudolabels at a temperature, and heads of an early-stopped descent."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from w2s_probe.core.fit_options import FitOptions
from w2s_probe.heads import LinearHead
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.gradient_path import early_stopped
from w2s_probe.heads.tempered import JointRows, fit_tempered
from w2s_probe.linalg.distilled import joint_weights

Array = NDArray[np.float64]
n, N, d = 20, 40, 5
SOFTMAX = FitOptions(kind="softmax", scale="standard", rule="cv")
PAIRS = replace(SOFTMAX, intercept=False)
KINDS = {"ridge": FitOptions(), "softmax": SOFTMAX, "pairs": PAIRS, "unscaled": replace(SOFTMAX, scale="none")}
EXACT = 1e-6  # the bound


def rows_of(K: int, *, temperature: float = 1.0, soft_weight: float = 1.0, offset: float = 1.0) -> JointRows:
    rng = np.random.default_rng(K)
    X = rng.standard_normal((n + N, d)) * np.linspace(0.5, 1.5, d) + offset
    F = X @ rng.standard_normal((d, K)) + rng.standard_normal((n + N, K))
    Y = np.vstack([np.eye(K)[F[:n].argmax(axis=1)], softmax(2 * F[n:] / temperature, axis=1)])
    return JointRows(X=X, Y=Y, n=n, weights=joint_weights(n, N, soft_weight), temperature=temperature)


def odd_start(K: int, kind: Any = "softmax") -> LinearHead:
    rng = np.random.default_rng(9)
    coef, b = rng.standard_normal((d, K)), rng.standard_normal(K)
    if kind != "ridge":
        coef, b = coef - coef.mean(axis=1, keepdims=True), b - b.mean()
    return LinearHead(kind=kind, coef=coef, intercept=b, alpha=1.0, rule="given", at_edge=False)


def objective(rows: JointRows, options: FitOptions, theta: Array, alpha: float) -> float:
    """Return the objective of the issue for weights (d, K) on scaled features, and intercepts."""
    K = rows.Y.shape[1]
    W, b = theta[: d * K].reshape(d, K), theta[d * K :] if options.intercept else np.zeros(K)
    X = rows.X / rows.divisor(options)
    tau = np.where(np.arange(n + N) < n, 1.0, rows.temperature)[:, None]
    log_q = log_softmax((X @ W + b) / tau, axis=1)
    divergence = (rows.Y * (np.log(np.maximum(rows.Y, 1e-300)) - log_q)).sum(axis=1)
    total = rows.weights @ (tau[:, 0] ** 2 * divergence)
    # two classes have one vector of log-odds, and its penalty
    size = (W[:, 1] - W[:, 0]) @ (W[:, 1] - W[:, 0]) if K == 2 else (W**2).sum()
    return float(total + alpha / 2 * size)


@pytest.mark.parametrize(("K", "kind"), [(2, "softmax"), (3, "softmax"), (2, "pairs"), (3, "unscaled")])
def test_the_head_minimizes_cross_entropy_plus_the_divergence_at_the_temperature(K: int, kind: str) -> None:
    rows, options = rows_of(K, temperature=2.5), KINDS[kind]
    head = fit_tempered(rows, options, alpha=0.8)
    size = d * K + (K if options.intercept else 0)
    ours = np.concatenate([(head.coef * rows.divisor(options)[:, None]).ravel(), head.intercept])[:size]

    def least_of(theta: Array) -> float:
        return objective(rows, options, theta, 0.8)

    theirs: Any = minimize(least_of, np.zeros(size), tol=1e-4)
    least = objective(rows, options, ours, 0.8)
    assert least <= theirs.fun + 1e-9
    assert least == pytest.approx(theirs.fun, rel=1e-6)
    assert head.converged
    if kind == "pairs":
        assert not head.intercept.any()


@pytest.mark.parametrize(("K", "kind"), [(2, "softmax"), (3, "softmax"), (2, "pairs"), (3, "unscaled")])
def test_a_converged_head_does_not_depend_on_its_start(K: int, kind: str) -> None:
    options = KINDS[kind]
    for temperature in (1.0, 3.0):
        rows = rows_of(K, temperature=temperature)
        start = odd_start(K)
        if kind == "pairs":
            start = replace(start, intercept=np.zeros(K))
        one, other = fit_tempered(rows, options, alpha=0.5), fit_tempered(rows, options, alpha=0.5, start=start)
        np.testing.assert_allclose(other.scores(rows.X), one.scores(rows.X), atol=EXACT)
        if temperature == 1:
            plain = fit_head(rows.X, rows.Y, replace(options, alpha=0.5), sample_weight=rows.weights)
            np.testing.assert_allclose(one.scores(rows.X), plain.scores(rows.X), atol=EXACT)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_long_descent_ends_at_the_converged_head_from_any_start_and_schedule(K: int, kind: str) -> None:
    if (K, kind) == (3, "pairs"):
        return
    options, alpha = KINDS[kind], 20.0  # a strength at which descents are short
    tau = 1.0 if kind == "ridge" else 2.0
    rows = rows_of(K, temperature=tau, soft_weight=0.5)
    schedule = [joint_weights(n, N, a) for a in np.linspace(2.0, 0.5, 50)] + [rows.weights] * 1500
    start = odd_start(K, options.kind)
    ends = [
        early_stopped(rows, options, alpha=alpha, weights=repeat(rows.weights, 1500)),
        early_stopped(rows, options, alpha=alpha, weights=schedule, start=start),
    ]
    if kind == "ridge":
        exact = fit_head(rows.X, rows.Y, replace(options, alpha=alpha), sample_weight=rows.weights)
    else:
        exact = fit_tempered(rows, options, alpha=alpha)
    for end in ends:
        np.testing.assert_allclose(end.scores(rows.X), exact.scores(rows.X), atol=EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_few_steps_depend_on_start_and_schedule(kind: str) -> None:
    options, rows = KINDS[kind], rows_of(2, soft_weight=1.0)
    falling = [joint_weights(n, N, a) for a in np.linspace(4.0, 1.0, 10)]
    plain = early_stopped(rows, options, alpha=1.0, weights=[rows.weights] * 10)
    for other in (
        early_stopped(rows, options, alpha=1.0, weights=falling),
        early_stopped(rows, options, alpha=1.0, weights=[rows.weights] * 10, start=odd_start(2, options.kind)),
        early_stopped(rows, options, alpha=1.0, weights=[rows.weights] * 11),
    ):
        assert np.abs(other.scores(rows.X) - plain.scores(rows.X)).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_no_steps_return_the_start(kind: str) -> None:
    options, rows = KINDS[kind], rows_of(2)
    start = odd_start(2, options.kind)
    if kind == "pairs":
        start = replace(start, intercept=np.zeros(2))
    same = early_stopped(rows, options, alpha=1.0, weights=[], start=start)
    np.testing.assert_allclose(same.scores(rows.X), start.scores(rows.X), atol=1e-12)
    assert not early_stopped(rows, options, alpha=1.0, weights=[]).scores(rows.X).any()


def test_every_step_lowers_the_objective() -> None:
    rows, values = rows_of(3), []
    for steps in range(6):
        head = early_stopped(rows, SOFTMAX, alpha=0.8, weights=repeat(rows.weights, steps))
        ours = np.concatenate([(head.coef * rows.divisor(SOFTMAX)[:, None]).ravel(), head.intercept])
        values.append(objective(rows, SOFTMAX, ours, 0.8))
    assert all(np.diff(values) < 0)


def test_swapped_sides_of_pairs_swap_the_sign_of_every_score() -> None:
    rows = rows_of(2, temperature=2.0)
    side = np.where(np.random.default_rng(1).random(n + N) < 0.5, -1.0, 1.0)[:, None]
    swapped = replace(rows, X=side * rows.X, Y=np.where(side < 0, rows.Y[:, ::-1], rows.Y))
    weights = [rows.weights] * 20
    one, other = (early_stopped(of, PAIRS, alpha=0.1, weights=weights).scores(rows.X) for of in (rows, swapped))
    np.testing.assert_allclose(other, one, atol=1e-10 * np.abs(one).max())
