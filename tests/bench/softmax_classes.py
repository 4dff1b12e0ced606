"""CPU time of a run with softmax heads on many classes: ``python -m tests.bench.softmax_classes [200|1000|wide]``.

One seed, one BLAS thread: teacher, student on soft pseudolabels, baseline and ceiling, each strength by five-fold
cross-validation. Beside it, scikit-learn fits one head of 13 strengths to the hard labels of the labeled rows.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.experiments.run.protocol import run_w2s

__all__ = ["main", "measure", "problem"]

Array = NDArray[np.float64]
SIZES = {"labeled": 3000, "unlabeled": 5000, "test": 2000}
CASES = {"200": (200, 64), "1000": (1000, 64), "wide": (10, 1280)}  # classes, features
LIMITS = {"200": 80, "1000": 600}  # CPU seconds


def main(arguments: Sequence[str]) -> None:
    """Run the named cases, all by default."""
    for library in threadpool_info():
        print({key: library.get(key) for key in ("internal_api", "version", "architecture", "num_threads")})
    for name in arguments or CASES:
        measure(name)


def measure(name: str) -> None:
    """Run one case beside its peer, and print CPU time, memory and heads."""
    classes, width = CASES[name]
    teacher, student, labels, split = problem(classes, width)
    print(f"{name}: {classes} classes, {width} features, {SIZES}", flush=True)
    config = W2SConfig(head="softmax", seeds=1)
    with threadpool_limits(1):
        took, (_, (outcome,)) = _cpu_seconds(lambda: run_w2s(teacher, student, labels, splits=[split], config=config))
    heads = {**outcome.heads, "student": outcome.students["vanilla"].head}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limit = f" (limit {LIMITS[name]})" if name in LIMITS else ""
    print(f"  ours: {took:.1f} CPU s{limit}, largest memory {peak:,.0f} MiB")
    for system, head in heads.items():
        rows = teacher.X if system == "teacher" else student.X
        right = (head.scores(rows[split.test]).argmax(axis=1) == labels.values[split.test]).mean()
        print(f"  {system}: converged {head.converged}, alpha {head.alpha:.3g}, accuracy {right:.3f}", flush=True)
    assert all(head.converged for head in heads.values())
    with threadpool_limits(1):
        took, _ = _cpu_seconds(lambda: _peer(teacher.X[split.labeled], labels.values[split.labeled]))
    print(f"  scikit-learn, one head of 13 strengths, tol 1e-4 (its default): {took:.1f} CPU s", flush=True)


def problem(classes: int, width: int, *, seed: int = 11) -> tuple[FeatureSet, FeatureSet, Labels, Split]:
    """Return features of teacher and student, labels and one split.

    The spectra fall like those of real embeddings. The teacher's features are the student's with added noise.
    """
    rng = np.random.default_rng(seed)
    n = sum(SIZES.values())
    y = np.concatenate([rng.permutation(np.arange(size) % classes) for size in SIZES.values()])
    spectrum = np.arange(1, width + 1) ** -0.7
    clean = rng.standard_normal((classes, width))[y] + 1.5 * rng.standard_normal((n, width))
    noisy = clean + rng.standard_normal((n, width))
    first, second = (np.linalg.qr(rng.standard_normal((width, width)))[0] for _ in range(2))
    bounds = np.cumsum([0, *SIZES.values()])
    rows = {part: np.arange(*bounds[i : i + 2]) for i, part in enumerate(SIZES)}
    names = tuple(sorted(f"{code:04d}" for code in range(classes)))
    return (
        _features("teacher", noisy * spectrum @ first),
        _features("student", clean * spectrum @ second),
        Labels(values=y, classes=names),
        Split(**rows, seed=seed),
    )


def _features(name: str, X: Array) -> FeatureSet:
    spec = EmbeddingSpec(backbone=f"test:{name}", revision="1")
    return FeatureSet(ids=np.arange(len(X)).astype(np.str_), X=X, spec=spec, name=f"{name} features")


def _peer(X: NDArray[np.floating[Any]], y: NDArray[Any]) -> None:
    X = X / X.std(axis=0)
    for alpha in ((X - X.mean(axis=0)) ** 2).sum() / X.shape[1] * np.logspace(-4, 4, 13):
        LogisticRegression(C=1 / alpha, tol=1e-4, max_iter=10_000).fit(X, y)


def _cpu_seconds(task: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = task()
    return time.process_time() - start, result


if __name__ == "__main__":
    main(sys.argv[1:])
