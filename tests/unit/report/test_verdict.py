from __future__ import annotations

import pytest

from w2s_probe.metrics.verdict import EQUAL_SPACES, Combination, decide
from w2s_probe.report.verdict import verdict_headline
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import Verdict

GAIN = Estimate(value=0.02, low=0.01, high=0.03)
BETTER = Combination(strategy="average", versus_vanilla=GAIN, versus_baseline=GAIN)


@pytest.mark.parametrize(
    ("low", "high", "more", "headline"),
    [
        (0.01, 0.03, {}, "helps · Recommended: weak-to-strong training"),
        (-0.03, -0.01, {}, "helps · Recommended: your labels"),
        (-0.03, 0.01, {}, "helps · Recommended: your labels (default)"),
        (-0.01, 0.03, {}, "helps · Recommended: your labels (default)"),
        (-0.03, -0.01, {"combinations": [BETTER]}, "helps · Recommended: labels and pseudolabels together"),
        (-0.03, 0.01, {"combinations": [BETTER]}, "helps · Recommended: labels and pseudolabels together"),
        (0.0, 0.0, {}, "helps · No recommendation"),
        (-0.01, 0.03, {"edges": ["baseline"]}, "helps · No recommendation"),
        (-0.03, -0.01, {"alike": EQUAL_SPACES}, "helps · No recommendation"),
    ],
)
def test_a_headline_has_nouns_and_calls_a_default_a_default(
    low: float, high: float, more: dict[str, object], headline: str
) -> None:
    versus = Estimate(value=(low + high) / 2, low=low, high=high)
    verdict = decide(gain=GAIN, versus_baseline=versus, n_labeled=10, score="accuracy", **more)  # type: ignore[arg-type]
    assert verdict_headline(verdict, versus) == headline


def test_results_of_older_versions_have_a_headline_too() -> None:
    versus = Estimate(value=-0.01, low=-0.03, high=0.01)
    older = Verdict(call="hurts", recommend="labels_directly", advice="It does not beat the strong model.")
    assert verdict_headline(older, versus) == "hurts · Recommended: your labels (default)"
