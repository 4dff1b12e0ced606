"""Moments, what is computed from them, and sweeps, against scikit-learn and against the machine."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tests.bench.race import race, seconds

__all__ = ["gcv_from_moments", "moments_pass", "sweep_cells"]

Cell = tuple[int, int, int, int]  # seed, n, N, alpha


def moments_pass() -> None:
    """1,000,000 rows x (256 + 384) float32 read from files: the pass beside its own products, and beside reading."""
    from w2s_probe.core.arrays import BLOCK_ROWS, row_blocks
    from w2s_probe.linalg.moments import moments_of

    n, widths = 1_000_000, {"teacher": 256, "student": 384}
    rng = np.random.default_rng(0)

    def reading(maps: dict[str, NDArray[Any]]) -> None:
        for rows in row_blocks(n):
            for array in maps.values():
                array[rows].max()

    def products(block: NDArray[Any]) -> None:
        for _ in row_blocks(n):
            block.T @ block  # numpy takes half the multiplications, by symmetry

    with tempfile.TemporaryDirectory() as folder:
        for name, d in widths.items():
            file = np.lib.format.open_memmap(Path(folder) / f"{name}.npy", mode="w+", dtype=np.float32, shape=(n, d))
            for rows in row_blocks(n):
                file[rows] = rng.standard_normal((rows.stop - rows.start, d), dtype=np.float32)
            del file
        maps = {name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in widths}
        for dtype in (np.float64, np.float32):
            block = rng.standard_normal((BLOCK_ROWS, sum(widths.values()))).astype(dtype)
            tasks: dict[str, Callable[[], object]] = {
                "products": partial(products, block),
                "reading": partial(reading, maps),
                "ours": partial(moments_of, maps, dtype=dtype),
            }
            runs = [{name: seconds(task) for name, task in tasks.items()} for _ in range(3)]
            middle = {name: statistics.median(run[name] for run in runs) for name in tasks}
            print(f"  {np.dtype(dtype)}: " + ", ".join(f"{name} {spent:.2f} s" for name, spent in middle.items()))
            share = max(middle["products"], middle["reading"]) / middle["ours"]
            print(f"  {np.dtype(dtype)}: {share:.0%} of the tighter limit, median of 3")


def gcv_from_moments() -> None:
    """50,000 x 768, 33 alphas, 10 targets: GCV at every strength, from ready moments and with the pass over rows."""
    from sklearn.linear_model import RidgeCV

    from w2s_probe.linalg.moments import Moments, moments_of
    from w2s_probe.linalg.ridge import RidgePath, path_of_gram, ridge_path

    rng = np.random.default_rng(0)
    n, d, targets = 50_000, 768, 10
    X = rng.standard_normal((n, d)) * np.logspace(0, -2, d)
    Y = X[:, :20] @ rng.standard_normal((20, targets)) + rng.standard_normal((n, targets))

    def path_of(moments: Moments) -> RidgePath:
        return path_of_gram(
            moments.gram("X"),
            moments.gram("X", "Y"),
            n=n,
            mean=moments.mean_of("X"),
            target_mean=moments.mean_of("Y"),
            total=float(np.trace(moments.gram("Y"))),
        )

    def accumulated() -> Moments:
        return moments_of({"X": X, "Y": Y})

    ready, explicit = accumulated(), ridge_path(X, Y)
    difference = np.abs(path_of(ready).gcv / explicit.gcv - 1).max()
    assert difference < 1e-8
    print(f"  largest relative difference from explicit rows: {difference:.1e}")

    def peer() -> None:
        with threadpool_limits(1, user_api="blas"):
            RidgeCV(alphas=explicit.alphas).fit(X, Y)

    peers: dict[str, Callable[[], object]] = {
        "ours with the pass over rows": lambda: path_of(accumulated()).gcv,
        "RidgeCV, one BLAS thread": peer,
    }
    with threadpool_limits(1, user_api="blas"):
        race(lambda: path_of(ready).gcv, peers, runs=3)


NS, POOLS, SEEDS = (50, 100, 200, 400, 800), (1000, 2000, 4000, 8000, 16_000), (0, 1, 2)
PEER_CELLS = 60  # of the 975, drawn at random: all of them would take minutes


def sweep_cells() -> None:
    """975 cells (5 n x 5 N x 13 alphas x 3 seeds; 20,000 rows, 256 -> 384 features, 4 classes), against Ridge."""
    from w2s_probe.core.features import EmbeddingSpec, FeatureSet
    from w2s_probe.core.labels import Labels
    from w2s_probe.core.splits import draw_splits
    from w2s_probe.core.sweep_config import SweepConfig
    from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep

    rng = np.random.default_rng(0)
    core = rng.standard_normal((20_000, 40))
    y = (core @ rng.standard_normal((40, 4)) + 2 * rng.standard_normal((20_000, 4))).argmax(axis=1)
    weak = (core[:, :20] @ rng.standard_normal((20, 256)) + 9 * rng.standard_normal((20_000, 256))).astype(np.float32)
    strong = (core @ rng.standard_normal((40, 384)) + 3 * rng.standard_normal((20_000, 384))).astype(np.float32)
    labels = Labels(values=y, classes=("0", "1", "2", "3"))
    alphas = tuple(np.logspace(0, 6, 13).tolist())
    config = SweepConfig(
        n_labeled=NS, n_unlabeled=POOLS, seeds=SEEDS, n_test=2000, teacher_alpha=(1e3,), student_alpha=alphas
    )
    ids, spec = np.arange(20_000).astype(np.str_), EmbeddingSpec(backbone="bench", revision="1")
    teacher, student = (FeatureSet(ids=ids, X=X, spec=spec) for X in (weak, strong))

    def ours() -> SweepResult:
        return run_sweep({"t": teacher}, {"s": student}, SplitSource(labels=labels), config=config)

    found = ours()
    assert found.cells == 975
    columns = ("seed", "n", "N", "student_alpha", "system", "metric", "value")
    rows = zip(*(found.table[name] for name in columns), strict=True)
    mine = {tuple(key): value for *key, value in rows}
    splits = {
        (seed, n, N): draw_splits(labels, seeds=[seed], n_labeled=n, n_unlabeled=N, n_test=2000)[0]
        for seed in SEEDS
        for n in NS
        for N in POOLS
    }

    def cells() -> list[Cell]:
        """Return as many random cells at each N."""
        each = PEER_CELLS // len(POOLS)
        grid = [(seed, n, at) for seed in SEEDS for n in NS for at in range(len(alphas))]
        chosen = [[grid[i] for i in rng.choice(len(grid), each, replace=False)] for _ in POOLS]
        return [(seed, n, N, at) for N, some in zip(POOLS, chosen, strict=True) for seed, n, at in some]

    drawn = cells()
    for dtype in (np.float64, np.float32):
        right = [_peer_cell(weak, strong, y, splits[cell[:3]], alphas[cell[3]], dtype) for cell in drawn]
        agreed = [
            mine[seed, n, N, alphas[at], "student", "accuracy"] == accuracy
            for (seed, n, N, at), (accuracy, _) in zip(drawn, right, strict=True)
        ]
        print(f"  {np.dtype(dtype)} Ridge: equal accuracy in {sum(agreed)} of {len(agreed)} cells")
        assert all(agreed) or dtype is np.float32
    times: dict[str, list[float]] = {"ours": [], "float64": [], "float32": []}
    for _ in range(3):
        times["ours"].append(seconds(ours))
        for dtype in (np.float64, np.float32):
            spent = [_peer_cell(weak, strong, y, splits[cell[:3]], alphas[cell[3]], dtype)[1] for cell in drawn]
            times[np.dtype(dtype).name].append(sum(spent) * 975 / len(spent))
    middle = {name: statistics.median(found) for name, found in times.items()}
    print(f"  ours {middle['ours']:.2f} s, one BLAS thread, with baselines, ceilings, four scores and intervals")
    for name in ("float64", "float32"):
        print(
            f"  Ridge, {name}, one BLAS thread, students only, {middle[name]:.1f} s (from {len(drawn)} random cells): "
            f"{middle[name] / middle['ours']:.1f} x ours"
        )


def _peer_cell(
    weak: NDArray[Any], strong: NDArray[Any], y: NDArray[Any], split: Any, alpha: float, dtype: Any
) -> tuple[float, float]:
    """Return the accuracy of one student by scikit-learn, and the time its fit and its predictions took."""
    from sklearn.linear_model import Ridge

    L, U, T = split.labeled, split.unlabeled, split.test
    teacher = Ridge(alpha=1e3).fit(weak[L].astype(np.float64), np.eye(4)[y[L]])
    pseudolabels = teacher.predict(weak[U].astype(np.float64)).astype(dtype)
    X_unlabeled, X_test = strong[U].astype(dtype), strong[T].astype(dtype)
    said: list[NDArray[Any]] = []
    with threadpool_limits(1, user_api="blas"):
        spent = seconds(lambda: said.append(Ridge(alpha=alpha).fit(X_unlabeled, pseudolabels).predict(X_test)))
    return float((said[0].argmax(axis=1) == y[T]).mean()), spent
