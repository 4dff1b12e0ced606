"""The verdict: what the intervals of gain and of student minus baseline decide, and the advice in words.

The advice says the recommendation first, then its reason, then the gain. The rules are asked in this order:

1. systems that cannot be told apart (`alike`) give no recommendation;
2. a head whose strength is an end of its grid (`edges`) gives no recommendation;
3. student and baseline with equal scores give no recommendation;
4. a student of labels and pseudolabels together (`COMBINING`) that is better than the student and than the baseline:
   both together;
5. student minus baseline above 0: weak-to-strong training;
6. below 0, or open with an estimate that is not above 0: the user's labels;
7. open with an estimate above 0: no recommendation.

Where student minus baseline is open, the user's labels are the default, since they are the simpler way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from w2s_probe.core.text import shorten, visible
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import Verdict

# A student that copies its teacher differs from it only by the shrinkage of the ridge penalty, which always has the
# same sign: by 1e-5 of R² or less. A difference of one prediction in ten thousand is too small to act on, too.
NEGLIGIBLE = 1e-4
DEFAULT = "the simpler way, your labels, is the default"
EQUAL_SPACES = "teacher and student have the same features, so that neither is the stronger model"
ON_PREDICTIONS = "train the strong model on them"
GROUP = 30  # cells of a group's name

Call = Literal["helps", "hurts", "unresolved"]
Recommendation = Literal["weak_to_strong", "labels_directly", "combine", "unresolved"]

# Strategies that learn from labels and pseudolabels together, the simplest first, and what each of them does.
COMBINING = {
    "average": "train it on your {n} labels, train it again on the pseudolabels, and average the scores of both models",
    "anchored": "train it on the pseudolabels, then on your {n} labels with a penalty that keeps it close to the first "
    "model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """A student of labels and pseudolabels together, against each of them alone.

    Parameters
    ----------
    strategy : str
        One of `COMBINING`.
    versus_vanilla, versus_baseline : Estimate
        This student minus the vanilla student, and minus the baseline.
    """

    strategy: str
    versus_vanilla: Estimate
    versus_baseline: Estimate

    @property
    def wins(self) -> bool:
        """Whether it is better than both."""
        return _above(self.versus_vanilla) and _above(self.versus_baseline)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstGroupChange:
    """Changes of the worst group's score.

    Parameters
    ----------
    gain, versus_baseline : Estimate
        Student minus teacher, and student minus baseline.
    group : str
        The student's worst group.
    score : str
        Name of the score.
    """

    gain: Estimate
    versus_baseline: Estimate
    group: str
    score: str = "accuracy"


def decide(  # noqa: PLR0913  # a verdict has many limits
    *,
    gain: Estimate,
    versus_baseline: Estimate,
    n_labeled: int,
    score: str,
    alike: str = "",
    edges: Sequence[str] = (),
    combinations: Sequence[Combination] = (),
    scaled: bool = False,
    worst_group: WorstGroupChange | None = None,
    outlook: bool = False,
    given: bool = False,
    resolution: str = "",
) -> Verdict:
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
    alike : str
        Why the systems cannot be told apart, if they cannot: then the advice is this reason alone.
    edges : sequence of str
        ``student`` and ``baseline``, if the strength of their heads is an end of its grid.
    combinations : sequence of Combination
        Students of labels and pseudolabels together that were run; only beside the vanilla student.
    scaled : bool
        Whether the features are scaled, so that scaling is no advice.
    worst_group : WorstGroupChange, optional
        Changes of the worst group's score.
    outlook : bool
        Whether the differences are expected, not measured.
    given : bool
        Whether the teacher is predictions, so that no teacher is to be trained.
    resolution : str
        Sentences on what would resolve an open difference.

    Returns
    -------
    Verdict
        Recommends ``labels_directly`` also if the interval of `versus_baseline` contains 0 and its estimate is not
        above 0: the longer way gains nothing. A difference of at most 1e-4 decides nothing.
    """
    call = _call(gain)
    if alike:
        return Verdict(call=call, recommend="unresolved", advice=f"No recommendation: {alike}.")
    verb = "is expected to be" if outlook else "is"
    versus = _size(versus_baseline, score)
    recommend, reason = _recommendation(versus_baseline, versus, n_labeled, verb, given=given)
    better = best_combination(combinations)
    if edges:
        recommend, reason = "unresolved", _edge_text(edges, versus, scaled=scaled)
    elif better and not _equal(versus_baseline):
        recommend, reason, resolution = "combine", _combination_text(better, n_labeled, score), ""
    worst = "" if worst_group is None else _worst_text(worst_group, average=(gain, versus_baseline))
    sentences = [reason, _gain_text(gain, score, verb), worst, resolution]
    return Verdict(call=call, recommend=recommend, advice=" ".join(filter(None, sentences)))


def _call(gain: Estimate) -> Call:
    if _above(gain):
        return "helps"
    return "hurts" if _above(_opposite(gain)) else "unresolved"


def _recommendation(
    difference: Estimate, versus: str, n_labeled: int, verb: str, *, given: bool
) -> tuple[Recommendation, str]:
    """Return the recommendation by student minus baseline, and the sentences that say it with its reason."""
    model = f"the strong model trained on your {n_labeled:,} labels"
    if math.isnan(difference.value):
        return "unresolved", f"No recommendation: whether the student beats {model} is undefined."
    if _equal(difference):
        return "unresolved", f"No recommendation: the student {verb} as good as {model} ({versus})."
    if _above(difference):
        what = f"your old model's predictions: {ON_PREDICTIONS}" if given else "weak-to-strong training"
        return "weak_to_strong", f"Use {what}. The student {verb} better than {model} ({versus})."
    train = f"Train the strong model on your {n_labeled:,} labels"
    if _above(_opposite(difference)):
        return "labels_directly", f"{train}. The student {verb} worse than that model ({versus})."
    return (
        "labels_directly" if difference.value <= NEGLIGIBLE else "unresolved",
        f"{train} (default): no evidence that weak-to-strong beats your labels ({versus}); {DEFAULT}.",
    )


def best_combination(combinations: Sequence[Combination]) -> Combination | None:
    """Return the best of the combinations that are better than labels and pseudolabels alone; None if none is.

    Differences to the baseline compare their scores, too, since all have the same test rows. Where scores are equal,
    the simpler strategy is returned.
    """
    simplest_first = sorted((c for c in combinations if c.wins), key=lambda c: list(COMBINING).index(c.strategy))
    if not simplest_first:
        return None
    most = max(c.versus_baseline.value for c in simplest_first)
    return next(c for c in simplest_first if c.versus_baseline.value >= most - NEGLIGIBLE)


def _combination_text(best: Combination, n_labeled: int, score: str) -> str:
    """Return what to do with labels and pseudolabels together, and why."""
    how = COMBINING[best.strategy].format(n=f"{n_labeled:,}")
    return (
        f"Use your labels and the pseudolabels together to train the strong model: {how} (`strategies` "
        f"{best.strategy}). This model is better than the student of the pseudolabels alone "
        f"({_size(best.versus_vanilla, score)}) and than the strong model trained on your labels alone "
        f"({_size(best.versus_baseline, score)})."
    )


def _edge_text(edges: Sequence[str], versus: str, *, scaled: bool) -> str:
    """Return why a head at an end of its grid gives no recommendation, and what to do."""
    owners = " and ".join(f"the {system}'s" for system in edges)
    place = (
        f"the strength of {owners} head is an end of its grid"
        if len(edges) == 1
        else f"the strengths of {owners} heads are ends of their grids"
    )
    scaling = "" if scaled else ", or use `scale` standard"
    return (
        f"No recommendation on student - baseline ({versus}): {place}, so that a better strength may lie outside. "
        f"Set `student_alpha`{scaling}."
    )


def _gain_text(gain: Estimate, score: str, verb: str) -> str:
    size = _size(gain, score)
    if math.isnan(gain.value):
        return "Whether the student beats its teacher is undefined."
    if _equal(gain):
        return f"The student {verb} as good as its teacher ({size})."
    if _call(gain) == "unresolved":
        return f"Whether the student beats its teacher is unresolved ({size})."
    return f"The student {verb} {'better' if _above(gain) else 'worse'} than its teacher ({size})."


def _worst_text(worst: WorstGroupChange, *, average: tuple[Estimate, Estimate]) -> str:
    """Return the changes in the worst group, and whether a better average hides a loss there."""
    changes = (worst.gain, worst.versus_baseline)
    numbers = ", ".join(
        f"{name} {_numbers(change)}"
        for name, change in zip(("student - teacher", "student - baseline"), changes, strict=True)
    )
    label = {"accuracy": "accuracy", "squared_error": "squared error (less is better)"}[worst.score]
    sentences = [
        f"{label[0].upper()}{label[1:]} of the worst group: {numbers}; the student's worst group is "
        f"{shorten(visible(worst.group), GROUP)}."
    ]
    others = ("its teacher", "the baseline")
    for other, mean, change in zip(others, average, changes, strict=True):
        better = change if worst.score == "accuracy" else _opposite(change)
        if _above(mean) and better.value < -NEGLIGIBLE:
            hides = "hides a loss" if _above(_opposite(better)) else "may hide a loss"
            sentences.append(f"The student's advantage over {other} on average {hides} in the worst group.")
    return " ".join(sentences)


def _above(estimate: Estimate) -> bool:
    return estimate.low > 0 and estimate.value > NEGLIGIBLE


def _opposite(estimate: Estimate) -> Estimate:
    return Estimate(value=-estimate.value, low=-estimate.high, high=-estimate.low)


def _equal(estimate: Estimate) -> bool:
    return estimate.low >= -NEGLIGIBLE and estimate.high <= NEGLIGIBLE


def _size(estimate: Estimate, score: str) -> str:
    return f"{_numbers(estimate)} in {'R²' if score == 'r2' else score}"


def _numbers(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
