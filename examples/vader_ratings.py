"""Regression: how positive people find a sentence about a product, from -4 to 4.

Two teachers know words only: one hashes word 1-2-grams, the other averages static token vectors. The student,
MiniLM-L6, reads sentences and learns from a teacher's predicted ratings alone. Scores are R² and the root of the
mean squared error in rating points. Needs the extras text and demo; the first run embeds 3,124 sentences (half a
minute on two cores):

    python examples/vader_ratings.py
"""

from __future__ import annotations

import math

from w2s_probe import DataConfig, Estimate, W2SConfig, run


def main() -> None:
    """Print the scores of all systems and the verdict, for each teacher."""
    config = W2SConfig(task="regression", n_labeled=200, n_unlabeled=1500, n_test=800, seeds=5)
    for teacher in ("classic:hashing-1024", "packaged:wordllama"):
        result = run(
            DataConfig(data="builtin:vader-product", label="rating"),
            config,
            teacher=teacher,
            student="packaged:minilm-l6",
        ).result
        student = result.students["vanilla"]
        print(f"{teacher} -> packaged:minilm-l6: R² with its interval, root mean squared error")
        for name, system in {**result.systems, "student": student}.items():
            error = math.sqrt(system.scores["squared_error"].value)
            print(f"  {name:9} {interval(system.scores['r2'])}  {error:.2f}")
        print(f"  gain      {interval(student.gain)}")
        print(f"  PGR       {interval(student.pgr)}")
        print(f"  the student repeats {student.error_imitation['teacher_error'].value:.0%} of its teacher's error")
        print(f"  {result.verdict.call}, {result.verdict.recommend.replace('_', ' ')}\n")


def interval(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main()
