"""The headline of a verdict in nouns, for terminal, page and Markdown."""

from __future__ import annotations

from w2s_probe.metrics.verdict import DEFAULT
from w2s_probe.report.numbers import Interval
from w2s_probe.results.run import Verdict


def verdict_headline(verdict: Verdict, versus_baseline: Interval) -> str:
    """Return ``helps · Recommended: your labels (default)``; `versus_baseline` is student minus baseline."""
    still_open = versus_baseline.low <= 0 <= versus_baseline.high
    default = DEFAULT in verdict.advice or (verdict.recommend == "labels_directly" and still_open)
    if verdict.recommend == "weak_to_strong":
        recommendation = "Recommended: weak-to-strong training"
    elif verdict.recommend == "combine":
        recommendation = "Recommended: labels and pseudolabels together"
    elif default:
        recommendation = "Recommended: your labels (default)"
    elif verdict.recommend == "labels_directly":
        recommendation = "Recommended: your labels"
    else:
        recommendation = "No recommendation"
    return f"{verdict.call} · {recommendation}"
