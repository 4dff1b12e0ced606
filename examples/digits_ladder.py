"""A ladder of weaker teachers for one student, on scikit-learn's digits: when does weak-to-strong help?

The student sees 8 x 8 pixels; its teachers see the same images averaged over coarser grids. Needs
the core install only and takes a few seconds:

    python examples/digits_ladder.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from w2s_probe import BackboneOptions, DataConfig, FeatureStore, W2SConfig, run
from w2s_probe.report.tables import estimate_text


def main() -> None:
    """Print gain and PGR for each teacher."""
    config = W2SConfig(n_labeled=150, n_unlabeled=900, n_test=500, seeds=5)
    print("teacher          teacher  student  baseline  gain                     PGR")
    with tempfile.TemporaryDirectory() as folder:
        for grid in ("2x2", "3x3", "4x4", "8x8"):
            done = run(
                DataConfig(data="builtin:digits"),
                config,
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
                f"pixels {grid:8}  {scores[0]:.3f}    {scores[1]:.3f}    {scores[2]:.3f}     "
                f"{estimate_text(student.gain, signed=True):23}  {estimate_text(student.pgr)}"
            )


if __name__ == "__main__":
    main()
