"""Preferences: which of two sentences about movies did people rate more positive.

Pairs are drawn from sentences with a mean rating, inside three disjoint sets of sentences. The teacher hashes word
1-2-grams, the student averages static token vectors and learns from the teacher's preferences alone. Test pairs that
share a sentence are dependent: the same number of test pairs says less if it comes from few sentences. With one split
the intervals cover the choice of the test pairs only. Needs the extras text and demo:

    python examples/preferences.py
"""

from __future__ import annotations

from w2s_probe import DataConfig, Estimate, W2SConfig, run


def main() -> None:
    """Print the scores of all systems, for test pairs of many sentences and of few."""
    for test_items in (800, 40):
        config = W2SConfig(
            task="preference",
            n_labeled=300,
            n_unlabeled=1500,
            n_test=500,
            items=(300, 2000, test_items),
            seeds=1,
            alphas=7,
            strategies=("vanilla", "average"),
        )
        result = run(
            DataConfig(data="builtin:vader-pairs-movie"),
            config,
            teacher="classic:hashing-256",
            student="packaged:wordllama",
        ).result
        student, average = result.students["vanilla"], result.students["average"]
        print(f"500 test pairs of {test_items} sentences, whose ratings differ by at least {result.config['min_gap']}")
        for name, system in {**result.systems, "student": student, "average": average}.items():
            print(f"  {name:9} {interval(system.scores['accuracy'])}")
        print(f"  gain      {interval(student.gain)}")
        print(f"  {result.verdict.call}, {result.verdict.recommend.replace('_', ' ')}\n")


def interval(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main()
