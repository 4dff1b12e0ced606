"""Ten classes: three weak teachers and one student, on scikit-learn's digits.

The student sees 8 x 8 pixels. Each teacher sees the same images averaged over a coarser grid, which is a linear
map of the student's features. A linear student can therefore copy soft pseudolabels exactly, with all their
errors: gain and PGR are then 0 for every teacher. Hard pseudolabels (the teacher's predicted classes) are no linear
function of the features: the student cannot copy them exactly. Needs the core install only:

    python examples/digits_ladder.py
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import product
from pathlib import Path

from w2s_probe import BackboneOptions, DataConfig, Estimate, FeatureStore, W2SConfig, W2SResult, run

CONFIG = W2SConfig(n_labeled=150, n_unlabeled=900, n_test=500, seeds=5)


def main() -> None:
    """Print the baseline and the ceiling, then one line for each teacher and kind of pseudolabel."""
    teachers = list(product(("2x2", "3x3", "4x4"), ("soft", "hard")))
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(grid, kind, FeatureStore(Path(folder))) for grid, kind in teachers]
    first = results[0]
    print(f"{len(first.classes or ())} classes; the largest has {first.majority_rate:.3f} of the test rows")
    print(f"baseline, 8x8 pixels, {CONFIG.n_labeled} labels: {interval(first.systems['baseline'].scores['accuracy'])}")
    print(
        f"ceiling,  8x8 pixels, {CONFIG.n_unlabeled} labels: {interval(first.systems['ceiling'].scores['accuracy'])}\n"
    )
    print("grid  pseudolabels  teacher  student  gain [95 % interval]      PGR")
    for (grid, kind), result in zip(teachers, results, strict=True):
        student = result.students["vanilla"]
        print(
            f"{grid:4}  {kind:12}  {result.systems['teacher'].scores['accuracy'].value:7.3f}"
            f"  {student.scores['accuracy'].value:7.3f}  {interval(student.gain):24}  {student.pgr.value:.2f}"
        )


def measure(grid: str, kind: str, store: FeatureStore) -> W2SResult:
    """Return the result of a teacher that sees this grid and labels the pool with this kind of pseudolabel."""
    return run(
        DataConfig(data="builtin:digits"),
        replace(CONFIG, pseudolabels=kind),
        teacher=f"classic:pixels-{grid}",
        student="classic:pixels-8x8",
        store=store,
        options=BackboneOptions(),
    ).result


def interval(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main()
