"""A ladder of weaker teachers for one student, on scikit-learn's digits.

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

from w2s_probe import BackboneOptions, DataConfig, FeatureStore, W2SConfig, run
from w2s_probe.report.tables import estimate_text


def main() -> None:
    """Print gain and PGR for each teacher."""
    config = W2SConfig(n_labeled=150, n_unlabeled=900, n_test=500, seeds=5)
    print("teacher     labels  teacher  student  baseline  gain                     PGR")
    with tempfile.TemporaryDirectory() as folder:
        for grid, kind in itertools.product(("2x2", "3x3", "4x4"), ("soft", "hard")):
            done = run(
                DataConfig(data="builtin:digits"),
                replace(config, pseudolabels=kind),
                teacher=f"classic:pixels-{grid}",
                student="classic:pixels-8x8",
                store=FeatureStore(Path(folder)),
                options=BackboneOptions(),
            ).result
            student = done.students["vanilla"]
            scores = [
                done.systems["teacher"]["accuracy"].value,
                student.scores["accuracy"].value,
                done.systems["baseline"]["accuracy"].value,
            ]
            print(
                f"pixels {grid}  {kind}    {scores[0]:.3f}    {scores[1]:.3f}    {scores[2]:.3f}     "
                f"{estimate_text(student.gain, signed=True):23}  {estimate_text(student.pgr)}"
            )


if __name__ == "__main__":
    main()
