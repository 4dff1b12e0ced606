"""What a student can learn of its teacher: decisions, probabilities, votes of a committee, or only its right rows.

The teacher sees digits as 3 x 3 averages, the student sees 8 x 8 pixels. RGR is the share recovered of the gap between
an untrained student, which always decides the majority class, and the ceiling. P and N are the rows that the teacher
labels right or wrong: only an oracle knows them. Needs the core install only:

    python examples/teacher_traces.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from w2s_probe import BackboneOptions, DataConfig, Estimate, FeatureStore, W2SConfig, run

CONFIG = W2SConfig(
    n_labeled=150,
    n_unlabeled=400,
    n_test=500,
    seeds=3,
    head="softmax",
    alphas=3,
    strategies=("vanilla", "traces", "oracle_traces"),
)


def main() -> None:
    """Print a line for each arm."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(
            DataConfig(data="builtin:digits"),
            CONFIG,
            teacher="classic:pixels-3x3",
            student="classic:pixels-8x8",
            store=FeatureStore(Path(folder)),
            options=BackboneOptions(),
        ).result
    own = {"soft": result.students["traces"], "P": result.students["oracle_traces"]}
    others = {key: one for student in own.values() for key, one in (student.variants or {}).items()}
    print(f"teacher {interval(result.systems['teacher'].scores['accuracy'])}")
    print("arm     accuracy              RGR")
    for arm, student in {**own, **others}.items():
        rgr = "-" if student.rgr is None else interval(student.rgr)
        print(f"{arm.removeprefix('arm='):6}  {interval(student.scores['accuracy'])}  {rgr}")


def interval(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main()
