"""The verdict: what the intervals of gain and of student minus baseline decide, and the advice in words."""

from __future__ import annotations

from typing import Literal

from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import Verdict

# A student that copies its teacher differs from it only by the shrinkage of the ridge penalty, which always has the
# same sign: by 1e-5 of R² or less. A difference of one prediction in ten thousand is too small to act on, too.
NEGLIGIBLE = 1e-4


def decide(*, gain: Estimate, versus_baseline: Estimate, n_labeled: int, score: str) -> Verdict:
    """Return the verdict of one student.

    Parameters
    ----------
    gain : Estimate
        Student minus teacher.
    versus_baseline : Estimate
        Student minus the strong head trained on the labels directly.
    n_labeled : int
        Number of those labels.
    score : str
        Name of the score of both differences.

    Returns
    -------
    Verdict
        Recommends ``labels_directly`` also if the interval of `versus_baseline` contains 0 and its estimate is not
        above 0: the longer way gains nothing. A difference of at most 1e-4 decides nothing.
    """
    call: Literal["helps", "hurts", "unresolved"] = (
        "helps" if _above(gain) else "hurts" if gain.high < 0 and gain.value < -NEGLIGIBLE else "unresolved"
    )
    recommend: Literal["weak_to_strong", "labels_directly", "unresolved"] = (
        "weak_to_strong"
        if _above(versus_baseline)
        else "labels_directly"
        if versus_baseline.value <= NEGLIGIBLE
        else "unresolved"
    )
    finding = {
        "helps": f"Weak-to-strong helps: the student beats its teacher by {_size(gain, score)}.",
        "hurts": f"Weak-to-strong hurts: the student differs from its teacher by {_size(gain, score)}.",
        "unresolved": f"Unresolved: the student differs from its teacher by {_size(gain, score)}.",
    }[call]
    versus = _size(versus_baseline, score)
    labels = f"the strong model trained on the {n_labeled} labels directly"
    action = {
        "weak_to_strong": f"It beats {labels} by {versus}: use weak-to-strong training.",
        "labels_directly": f"It does not beat {labels} ({versus}): train on the labels directly.",
        "unresolved": f"Whether it beats {labels} is unresolved ({versus}): use more seeds or test rows.",
    }[recommend]
    return Verdict(call=call, recommend=recommend, advice=f"{finding} {action}")


def _above(estimate: Estimate) -> bool:
    return estimate.low > 0 and estimate.value > NEGLIGIBLE


def _size(estimate: Estimate, score: str) -> str:
    unit = "R²" if score == "r2" else score
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}] in {unit}"
