"""Spectra of columns whose sizes differ by many orders of magnitude, against an SVD of the rows."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_probe.linalg.spectra import centered_spectrum, spectrum_of_gram


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (300, [1.0] * 12 + [1e7]),
        (300, [1.0] * 12 + [1e3, 1e6, 1e9]),
        (300, [1.0] * 4 + [1e8] * 12),
        (300, [1e-5] * 6 + [1.0] * 6 + [1e5]),
        (40, [1.0] * 12 + [1e9]),
    ],
)
@pytest.mark.parametrize("extra", ["none", "constant", "copies"])
def test_small_eigenvalues_survive_beside_large_columns(n: int, sizes: list[float], extra: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, len(sizes))) * sizes
    if extra == "constant":
        X = np.c_[X, np.full((n, 2), 3.0)]
    if extra == "copies":
        X = np.c_[X, X[:, :2]]
    centered = X - X.mean(axis=0)
    expected = np.sort(np.linalg.svd(centered, compute_uv=False) ** 2)[-len(sizes) :]
    spectrum, _ = centered_spectrum(X, np.zeros((n, 1)), np.ones(n))
    of_gram = spectrum_of_gram(centered.T @ centered, n=n, mean=X.mean(axis=0))
    for found in (spectrum, of_gram):
        np.testing.assert_allclose(found.eigenvalues, expected, rtol=1e-4)
        np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(len(sizes)), atol=1e-10)
    U = spectrum.whitened(X, slice(None))
    np.testing.assert_allclose(U.T @ U, np.eye(len(sizes)), atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [1e3, 1e5, 1e7, 1e9])
@pytest.mark.parametrize(("n", "d"), [(5000, 12), (300, 20), (30, 80)])
def test_small_eigenvalues_survive_beside_large_rows(n: int, d: int, size: float, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, 2))
    X[[4, 7]] *= size
    weights = rng.uniform(0.5, 2, n) if weighted else np.ones(n)
    root = np.sqrt(weights)[:, None]
    Y = root * (Y - weights @ Y / weights.sum())
    mean = weights @ X / weights.sum()
    U, roots, axes = np.linalg.svd(root * (X - mean), full_matrices=False)
    rank = min(n - 1, d)
    spectrum, loadings = centered_spectrum(X, Y, weights)
    np.testing.assert_allclose(spectrum.eigenvalues, roots[:rank][::-1] ** 2, rtol=1e-4)
    shrunk = roots[:rank] / (roots[:rank] ** 2 + 1.0)
    expected = (axes[:rank].T * shrunk) @ (U[:, :rank].T @ Y)
    ours = (spectrum.axes * (np.sqrt(spectrum.eigenvalues) / (spectrum.eigenvalues + 1.0))) @ loadings
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("sizes", [[1.0, 1e7], [1.0, 1e3, 1e8], [1e-6, 1.0, 1e6, 1e7]])
def test_multiples_of_one_column_have_one_eigenvalue(sizes: list[float]) -> None:
    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal(300)
        X = (x - x.mean())[:, None] * sizes
        found = spectrum_of_gram(X.T @ X, n=300, mean=np.zeros(len(sizes)))
        np.testing.assert_allclose(found.eigenvalues, [(X**2).sum()], rtol=1e-9)
        np.testing.assert_allclose(np.abs(found.axes[:, 0]), np.array(sizes) / np.linalg.norm(sizes), atol=1e-12)
