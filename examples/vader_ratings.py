"""Regression: how positive people find a sentence about a product, from -4 to 4.

Both teachers know words only: one hashes word 1-2-grams, the other averages static token vectors. The
student, MiniLM-L6, reads sentences. It learns from a teacher's predicted ratings alone, and is scored by R²
and by squared error, in squares of rating points. Needs the extras text and demo; the first
run embeds 3,124 sentences (half a minute on two cores):

    python examples/vader_ratings.py
"""

from __future__ import annotations

import math

from w2s_probe import BackboneOptions, DataConfig, FeatureStore, W2SConfig, run
from w2s_probe.cache import default_cache
from w2s_probe.report.numbers import estimate_text


def main() -> None:
    """Print what the student makes of each teacher's ratings, and the verdict."""
    config = W2SConfig(task="regression", n_labeled=200, n_unlabeled=1500, n_test=800, seeds=5)
    for teacher in ("classic:hashing-1024", "packaged:wordllama"):
        result = run(
            DataConfig(data="builtin:vader-product", label="rating"),
            config,
            teacher=teacher,
            student="packaged:minilm-l6",
            store=FeatureStore(default_cache()),
            options=BackboneOptions(),
        ).result
        student = result.students["vanilla"]
        print(f"{teacher} teaches packaged:minilm-l6: R², and the root of the squared error in rating points")
        systems = {name: each.scores for name, each in {**result.systems, "student": student}.items()}
        for name in ("teacher", "student", "baseline", "ceiling"):
            error = math.sqrt(systems[name]["squared_error"].value)
            print(f"  {name:9} {estimate_text(systems[name]['r2']):24} {error:.2f}")
        print(f"  gain      {estimate_text(student.gain, signed=True)}")
        print(f"  PGR       {estimate_text(student.pgr)}")
        print(f"  of the teacher's error the student repeats {student.error_imitation['teacher_error'].value:.0%}")
        print(f"  {result.verdict.call}, {result.verdict.recommend.replace('_', ' ')}\n")


if __name__ == "__main__":
    main()
