"""Speed against named peers in the same run: ``make bench``. Prints ratios; asserts equal results, never times."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from tests.bench.layers import all_layers
from tests.bench.memory import memory
from tests.bench.race import race, seconds
from tests.bench.runs import one_seed_run
from tests.bench.sweeps import gcv_from_moments, moments_pass, sweep_cells

SENTENCES = 2000


def ridge_path_and_loo() -> None:
    """50,000 x 768, 33 alphas, 10 targets: the whole path with exact leave-one-out."""
    from sklearn.linear_model import RidgeCV

    from w2s_probe.linalg import loo_error, ridge_path

    rng = np.random.default_rng(0)
    n, d, targets = 50_000, 768, 10
    X = rng.standard_normal((n, d)) * np.logspace(0, -2, d)
    Y = X[:, :20] @ rng.standard_normal((20, targets)) + rng.standard_normal((n, targets))
    path = ridge_path(X, Y)
    scores = loo_error(path, X, Y)
    theirs = RidgeCV(alphas=path.alphas, store_cv_results=True, gcv_mode="eigen").fit(X, Y)
    difference = np.abs(theirs.cv_results_.sum(axis=1).mean(axis=0) / scores - 1).max()
    assert theirs.alpha_ == path.alphas[scores.argmin()]
    assert difference < 1e-8
    print(f"  largest relative difference of scores: {difference:.1e}")

    def ours() -> None:
        loo_error(ridge_path(X, Y), X, Y)

    def peer(mode: str) -> Callable[[], object]:
        return lambda: RidgeCV(alphas=path.alphas, gcv_mode=mode).fit(X, Y)

    peers = {
        "RidgeCV (default mode, default threads)": peer("auto"),
        "RidgeCV (eigen mode, default threads)": peer("eigen"),
    }
    race(ours, peers, runs=3)


def decaying_features(n: int, d: int) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.random.Generator]:
    """Return features whose spectrum falls like that of real embeddings, in a random basis."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return 3 * (rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.7) @ basis, rng


def softmax_grid() -> None:
    """13 strengths of a softmax head, 10 classes, 10,000 x 768, power-law spectrum, at equal objective."""
    from scipy.special import log_softmax
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    from w2s_probe.heads.softmax import softmax_path

    X, rng = decaying_features(10_000, 768)
    F = X @ rng.standard_normal((768, 10))
    y = (2 * F / F.std() + rng.gumbel(size=F.shape)).argmax(axis=1)
    P, alphas = np.eye(10)[y], ((X - X.mean(axis=0)) ** 2).sum() / 768 * np.logspace(-4, 4, 13)
    above: list[float] = []

    def objective(W: np.ndarray[Any, Any], b: np.ndarray[Any, Any], alpha: float) -> float:
        return float(-(P * log_softmax(X @ W + b, axis=1)).sum() + alpha / 2 * (W**2).sum())

    def ours(threads: int) -> Callable[[], object]:
        def fit() -> None:
            with threadpool_limits(threads, user_api="blas"):
                above.extend(fit.gap / fit.objective for fit in softmax_path(X, P, alphas=alphas))

        return fit

    def theirs(threads: int) -> Callable[[], object]:
        def fit() -> None:
            with threadpool_limits(threads, user_api="blas"):
                for alpha in alphas:
                    LogisticRegression(C=1 / alpha, tol=1e-4, max_iter=10_000).fit(X, y)

        return fit

    peers = {f"LogisticRegression, tol 1e-4 (its default), {t} BLAS threads": theirs(t) for t in (1, 2)}
    race(ours(1), {"ours, 2 BLAS threads": ours(2), **peers}, runs=3)
    worst = []
    for alpha, fit in zip(alphas, softmax_path(X, P, alphas=alphas), strict=True):
        head = LogisticRegression(C=1 / alpha, tol=1e-4, max_iter=10_000).fit(X, y)
        worst.append(objective(head.coef_.T, head.intercept_, alpha) / fit.objective - 1)
    print(f"  above the minimum: ours at most {max(above):.0e} by duality, theirs up to {max(worst):.0e}")
    assert min(worst) > -1e-8


def softmax_seeds() -> None:
    """20 draws of noisy labels x 5 strengths at once, 2 and 10 classes, 10,000 x 768, power-law spectrum."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    from w2s_probe.heads.softmax import softmax_paths

    for classes in (2, 10):
        X, rng = decaying_features(10_000, 768)
        F = X @ rng.standard_normal((768, classes))
        labels = [(2 * F / F.std() + rng.gumbel(size=F.shape)).argmax(axis=1) for _ in range(20)]
        Ps = [np.eye(classes)[y] for y in labels]
        alphas = ((X - X.mean(axis=0)) ** 2).sum() / 768 * np.logspace(-3, 1, 5)

        def ours(X: Any = X, Ps: Any = Ps, alphas: Any = alphas) -> None:
            with threadpool_limits(2, user_api="blas"):
                fits = softmax_paths(X, Ps, alphas=alphas)
            assert all(fit.converged for path in fits for fit in path)

        def theirs(X: Any = X, labels: Any = labels, alphas: Any = alphas) -> None:
            with threadpool_limits(1, user_api="blas"):
                for y in labels:
                    for alpha in alphas:
                        LogisticRegression(C=1 / alpha, tol=1e-4, max_iter=10_000).fit(X, y)

        print(f"  {classes} classes")
        race(ours, {"LogisticRegression one by one, tol 1e-4 (its default), 1 BLAS thread": theirs}, runs=1)


def embed_sentences() -> None:
    """2,000 sentences with MiniLM-L6 into an empty cache, against a bare encode; models loaded."""
    from w2s_probe.backbones import BackboneOptions, get_backbone
    from w2s_probe.backbones.text import SentenceTransformerBackbone
    from w2s_probe.cache import FeatureStore, item_digests
    from w2s_probe.core.config import DataConfig
    from w2s_probe.datasets import open_data
    from w2s_probe.pipeline.embed import embed_items

    texts = list(open_data(DataConfig(data="builtin:vader-movie")).items or [])[:SENTENCES]
    backbone = get_backbone("packaged:minilm-l6", BackboneOptions())
    assert isinstance(backbone, SentenceTransformerBackbone)
    bare = backbone.model.encode(texts, show_progress_bar=False)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = FeatureStore(Path(folder))
            embed_items([backbone], texts, store=store)
            cached = store.read(backbone.spec, item_digests(texts))
        assert np.abs(cached - bare).max() < 1e-5

    race(ours, {"SentenceTransformer.encode": lambda: backbone.model.encode(texts, show_progress_bar=False)}, runs=5)


def help_text() -> None:
    """``w2s-probe --help``, against starting Python and doing nothing."""
    import subprocess

    def call(*arguments: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    race(call("-m", "w2s_probe", "--help"), {"python -c pass": call("-c", "pass")}, runs=11)


def whole_run() -> None:
    """Four systems at 10,000 rows x 768/384 features, n = 400, N = 7,600, 5 seeds, against scikit-learn's RidgeCV."""
    from sklearn.linear_model import RidgeCV

    from w2s_probe.core.config import W2SConfig
    from w2s_probe.core.features import EmbeddingSpec, FeatureSet
    from w2s_probe.core.labels import Labels
    from w2s_probe.core.splits import draw_splits
    from w2s_probe.experiments.run.protocol import run_w2s
    from w2s_probe.linalg import ridge_path

    rng = np.random.default_rng(0)
    core = rng.standard_normal((10_000, 60))
    weak = (core[:, :30] @ rng.standard_normal((30, 768)) + 9 * rng.standard_normal((10_000, 768))).astype(np.float32)
    strong = (core @ rng.standard_normal((60, 384)) + 3 * rng.standard_normal((10_000, 384))).astype(np.float32)
    labels = Labels(values=(core[:, 0] + core[:, 40] > 0).astype(np.int64), classes=("0", "1"))
    splits = draw_splits(labels, seeds=range(5), n_labeled=400)
    spec = EmbeddingSpec(backbone="bench", revision="1")
    ids = np.arange(10_000).astype(np.str_)
    teacher, student = (FeatureSet(ids=ids, X=X, spec=spec) for X in (weak, strong))
    Y = np.eye(2)[labels.values]

    def ours() -> None:
        run_w2s(teacher, student, labels, splits=splits, config=W2SConfig())

    def theirs() -> None:
        for split in splits:
            L, U = split.labeled, split.unlabeled
            head = RidgeCV(ridge_path(weak[L], Y[L]).alphas).fit(weak[L], Y[L])
            pseudolabels = head.predict(weak[U])
            alphas = ridge_path(strong[U], pseudolabels).alphas
            for rows, targets in ((U, pseudolabels), (L, Y[L]), (U, Y[U])):
                RidgeCV(alphas).fit(strong[rows], targets).predict(strong[split.test])

    race(ours, {"RidgeCV for each system (default threads)": theirs}, runs=3)


def million_rows() -> None:
    """A cache of 1,000,000 rows x 64 in float16: list it, open 2,000 rows of it; from a warm page cache."""
    from w2s_probe.cache import FeatureStore
    from w2s_probe.core.features import EmbeddingSpec

    n = 1_000_000
    rng = np.random.default_rng(0)
    digests = np.frombuffer(rng.bytes(16 * n), dtype="S16")
    X = rng.standard_normal((n, 64), dtype=np.float32).astype(np.float16)
    spec = EmbeddingSpec(backbone="bench", revision="1", dtype="float16")
    together, scattered = np.arange(100_000, 102_000), rng.choice(n, 2000, replace=False)
    with tempfile.TemporaryDirectory() as folder:
        root, whole = Path(folder) / "cache", Path(folder) / "whole.npy"
        shards = FeatureStore(root).add([spec], digests, lambda rows: [(X[rows], {})], positions=np.arange(n))
        print(f"  written in {seconds(lambda: list(shards)):.1f} s")
        np.save(whole, X)
        sidecars = sorted((root / "features").rglob("*.json"))

        def listed() -> None:
            assert FeatureStore(root).contents()[0].rows == n

        def opened(rows: np.ndarray) -> None:
            store = FeatureStore(root)
            assert len(store.missing(spec, digests[rows])) == 0
            np.testing.assert_array_equal(store.read(spec, digests[rows]), X[rows])

        def verb() -> None:
            command = [sys.executable, "-m", "w2s_probe", "cache", "ls", "--json", "--cache", str(root)]
            subprocess.run(command, check=True, capture_output=True)  # our own command

        print("  list:")
        race(listed, {"reading all sidecars as bytes": lambda: [path.read_bytes() for path in sidecars]}, runs=3)
        print("  cache ls, a process of its own:")
        race(verb, {"python -c pass": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)}, runs=3)
        for name, rows in (("2,000 rows in a row", together), ("2,000 rows anywhere", scattered)):
            print(f"  open and read {name}:")
            race(partial(opened, rows), {"np.load of one .npy": lambda: np.load(whole).max()}, runs=3)


def neighbors() -> None:
    """TwoNN, MLE and mutual neighbors of two spaces, 10,000 x 768 each, against scikit-dimension's TwoNN and MLE."""
    import skdim

    from w2s_probe.diagnostics import mle_dimension, mutual_knn, nearest_neighbors, twonn_dimension

    X, rng = decaying_features(10_000, 768)
    Y = X + 0.1 * rng.standard_normal(X.shape)
    spaces = [space.astype(np.float32) for space in (X, Y)]
    graph = nearest_neighbors(spaces[0], k=20)
    found = np.array([twonn_dimension(graph), mle_dimension(graph)])

    def ours() -> None:
        graphs = [nearest_neighbors(space, k=20) for space in spaces]
        for graph in graphs:
            twonn_dimension(graph)
            mle_dimension(graph)
        mutual_knn(graphs[0], graphs[1], k=10)

    def theirs(space: Any) -> list[float]:
        return [skdim.id.TwoNN().fit(space).dimension_, skdim.id.MLE().fit(space, comb="mle").dimension_]

    def both() -> None:
        for space in spaces:
            theirs(space)

    print(f"  largest relative difference: {np.abs(found / theirs(spaces[0]) - 1).max():.1e}")
    race(ours, {"scikit-dimension, default threads": both}, runs=3)


def cka_and_angles() -> None:
    """Biased and debiased CKA and all principal angles at 50,000 x (768, 384) float32, in one pass, against scipy."""
    from scipy.linalg import subspace_angles

    from w2s_probe.diagnostics import linear_cka, paired_moments, principal_angles

    rng = np.random.default_rng(0)
    X = decaying_features(50_000, 768)[0].astype(np.float32)
    Y = (X @ rng.standard_normal((768, 384)) / 20 + rng.standard_normal((50_000, 384))).astype(np.float32)

    def ours() -> tuple[float, Any]:
        pair = paired_moments(X, Y, rng=rng)
        return linear_cka(pair).debiased, principal_angles(pair, energy=1.0)

    def unbiased(A: Any, B: Any) -> float:
        n, a, b = len(A), (A**2).sum(axis=1), (B**2).sum(axis=1)
        return float(((A.T @ B) ** 2).sum() - n / (n - 2) * a @ b + a.sum() * b.sum() / ((n - 1) * (n - 2)))

    def theirs() -> tuple[float, Any]:
        A, B = (F.astype(np.float64) - F.mean(axis=0, dtype=np.float64) for F in (X, Y))
        return unbiased(A, B) / np.sqrt(unbiased(A, A) * unbiased(B, B)), subspace_angles(A, B)

    (cka, angles), (their_cka, their_angles) = ours(), theirs()
    print(f"  differences: CKA {abs(cka - their_cka):.0e}, angles {np.abs(angles - their_angles).max():.0e}")
    race(ours, {"numpy and scipy.linalg.subspace_angles, default threads": theirs}, runs=3)


TASKS = (
    ridge_path_and_loo,
    whole_run,
    one_seed_run,
    softmax_grid,
    softmax_seeds,
    neighbors,
    cka_and_angles,
    help_text,
    embed_sentences,
    all_layers,
    million_rows,
    memory,
    moments_pass,
    gcv_from_moments,
    sweep_cells,
)


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    tasks = {task.__name__: task for task in TASKS}
    if unknown := [name for name in sys.argv[1:] if name not in tasks]:
        sys.exit(f"benchmarks must be among {', '.join(tasks)}: got {', '.join(unknown)}. Correct ONLY.")
    print_threads()
    for name in sys.argv[1:] or tasks:
        print(f"{name}: {tasks[name].__doc__}")
        tasks[name]()
    print("threads after all imports:")
    print_threads()


def print_threads() -> None:
    """Print the linear algebra in this process: library, version, threads and kernel."""
    for pool in threadpool_info():
        owner = Path(pool["filepath"]).parent.name
        values = (pool[key] for key in ("internal_api", "version", "num_threads", "architecture") if pool.get(key))
        print(" ", owner, *values)


if __name__ == "__main__":
    main()
