"""Ten classes: a ladder of weaker teachers for one student, on scikit-learn's digits.

The student sees 8 x 8 pixels; its teachers see the same images averaged over coarser grids, which
is a linear map of what the student sees. A linear student of soft pseudolabels therefore copies
its teacher, errors and all, whatever the teacher's strength: gain and PGR are 0. Only decisions
(hard pseudolabels) leave it something of its own. Needs the core install only:

    python examples/digits_ladder.py
"""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

from w2s_probe import BackboneOptions, DataConfig, FeatureStore, W2SConfig, W2SResult, run
from w2s_probe.report.numbers import estimate_text
from w2s_probe.report.render.terminal import columns

CONFIG = W2SConfig(n_labeled=150, n_unlabeled=900, n_test=500, seeds=5)


def main() -> None:
    """Print what all runs share, then one row for each teacher and kind of pseudolabel."""
    ladder = list(itertools.product(("2x2", "3x3", "4x4"), ("soft", "hard")))
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(grid, kind, FeatureStore(Path(folder))) for grid, kind in ladder]
    rows = []
    for (grid, kind), result in zip(ladder, results, strict=True):
        student = result.students["vanilla"]
        accuracies = (result.systems["teacher"].scores["accuracy"].value, student.scores["accuracy"].value)
        gaps = (estimate_text(student.gain, signed=True), estimate_text(student.pgr, digits=2))
        rows.append((grid, kind, *(f"{accuracy:.3f}" for accuracy in accuracies), *gaps))
    first = results[0]
    baseline, ceiling = (estimate_text(first.systems[name].scores["accuracy"]) for name in ("baseline", "ceiling"))
    print(f"{len(first.classes or ())} classes, the largest has {first.majority_rate:.3f} of the rows")
    print(f"baseline, 8x8 pixels on {CONFIG.n_labeled} labels: {baseline}")
    print(f"ceiling, 8x8 pixels on {CONFIG.n_unlabeled} labels:  {ceiling}\n")
    print(columns(("grid", "labels", "teacher", "student", "gain", "PGR"), rows))


def measure(grid: str, kind: str, store: FeatureStore) -> W2SResult:
    """Return what a student of 8 x 8 pixels makes of a teacher of this grid."""
    return run(
        DataConfig(data="builtin:digits"),
        replace(CONFIG, pseudolabels=kind),
        teacher=f"classic:pixels-{grid}",
        student="classic:pixels-8x8",
        store=store,
        options=BackboneOptions(),
    ).result


if __name__ == "__main__":
    main()
