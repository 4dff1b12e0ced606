"""What the intervals of gain and student minus baseline say, in words."""

from __future__ import annotations

from typing import Literal

from w2s_probe.results import Estimate, Verdict

__all__ = ["decide"]


def decide(*, gain: Estimate, versus_baseline: Estimate, n_labeled: int, score: str) -> Verdict:
    """Return the verdict of one student.

    Parameters
    ----------
    gain : Estimate
        Student minus teacher.
    versus_baseline : Estimate
        Student minus the strong head trained on the labels directly.
    n_labeled : int
        How many labels that were.
    score : str
        What both are measured in.

    Returns
    -------
    Verdict
        ``labels_directly`` also when the second interval contains 0 and its estimate is not
        above it: nothing is gained by the longer way.
    """
    call: Literal["helps", "hurts", "unresolved"] = (
        "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "unresolved"
    )
    recommend: Literal["weak_to_strong", "labels_directly", "unresolved"] = (
        "weak_to_strong"
        if versus_baseline.low > 0
        else "labels_directly"
        if versus_baseline.value <= 0
        else "unresolved"
    )
    heard = {
        "helps": f"Weak-to-strong helps: the student beats its teacher by {_size(gain, score)}.",
        "hurts": f"Weak-to-strong hurts: the student differs from its teacher by {_size(gain, score)}.",
        "unresolved": f"Unresolved: the student differs from its teacher by {_size(gain, score)}.",
    }[call]
    labels = f"the strong model trained on the {n_labeled} labels directly"
    done = {
        "weak_to_strong": f"It also beats {labels}, by {_size(versus_baseline, score)}: go on with weak-to-strong.",
        "labels_directly": f"It does not beat {labels} ({_size(versus_baseline, score)}): do that instead.",
        "unresolved": f"Whether it beats {labels} is open ({_size(versus_baseline, score)}): more seeds or test rows.",
    }[recommend]
    return Verdict(call=call, recommend=recommend, advice=f"{heard} {done}")


def _size(estimate: Estimate, score: str) -> str:
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}] in {score}"
