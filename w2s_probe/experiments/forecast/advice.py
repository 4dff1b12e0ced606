"""The verdict of a forecast: what to do, and how many labels would resolve what is open."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.needed import NO_CURVE
from w2s_probe.experiments.forecast.pipeline import NAMES, PipelineScores
from w2s_probe.heads import LinearHead
from w2s_probe.heads.given import GivenHead
from w2s_probe.metrics.likeness import COPY, IMITATION, NEARLY, constant_text, imitation, is_constant
from w2s_probe.metrics.verdict import EQUAL_SPACES, decide
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import FURTHEST, Needed, NeededLabels, Outlook
from w2s_probe.results.run import Verdict


def forecast_verdict(
    scores: PipelineScores,
    *,
    gain: Outlook,
    versus_baseline: Outlook,
    needed: Needed,
    config: W2SConfig,
    same_features: bool,
) -> Verdict:
    """Return the verdict on the student of one pair."""
    edges = [system for system in ("student", "baseline") if _unsettled(scores, system, config)]
    n = len(scores.Y)
    return decide(
        gain=_expectation(gain),
        versus_baseline=_expectation(versus_baseline),
        n_labeled=n,
        score="accuracy" if scores.task == "classification" else "r2",
        alike=_constant_text(scores, resolved=gain.resolved or versus_baseline.resolved)
        or (EQUAL_SPACES if same_features else ""),
        edges=edges,
        scaled=config.scale == "standard",
        outlook=True,
        given=isinstance(scores.heads["teacher"], GivenHead),
        resolution="" if edges else " ".join(labels_sentences(needed, n, decided=versus_baseline.resolved)),
    )


def noted_heads(scores: PipelineScores, config: W2SConfig, *, same_features: bool) -> dict[str, LinearHead]:
    """Return the heads whose strength needs a note at an end of its grid: none, if all systems are alike.

    Not the student's, if it copies its teacher.
    """
    if same_features or _constant_text(scores, resolved=False):
        return {}
    return {name: head for name, head in scores.heads.items() if name != "student" or not _copies(scores, config)}


def labels_sentences(needed: Needed, n: int, *, decided: bool) -> Iterator[str]:
    """Yield how many labels would resolve each open difference; `decided`: they would not change what to do."""
    for name, labels in (("student - baseline", needed.versus_baseline), ("the gain", needed.gain)):
        if labels.n is None:
            yield _without_number(name, labels)
        elif labels.n > n:
            verb = "About" if decided else "Label about"
            more = f"{verb} {labels.n - n:,} more{' labels' if decided else ''} ({_range(labels, n)})"
            yield f"{more} would resolve {name}." if decided else f"{more}: then {name} is expected to be resolved."


def _without_number(name: str, labels: NeededLabels) -> str:
    if labels.reason == NO_CURVE:
        return f"How many labels would resolve {name} is not known: {NO_CURVE}."
    return f"More labels are not expected to resolve {name}: {labels.reason}."


def _range(labels: NeededLabels, n: int) -> str:
    low = max((labels.low or n) - n, 0)
    high = f"more than {(FURTHEST - 1) * n:,}" if labels.high is None else f"{labels.high - n:,}"
    return f"range {low:,} to {high}"


def _expectation(outlook: Outlook) -> Estimate:
    return Estimate(value=outlook.value, low=outlook.low, high=outlook.high)


def _constant_text(scores: PipelineScores, *, resolved: bool) -> str:
    """Return what all systems predict, if all predictions on the pool are constant; else an empty text.

    Systems that are constant on nearly all rows only are told apart by a difference that is `resolved`.
    """
    largest = int(scores.Y.sum(axis=0).argmax())
    spread = float(scores.Y.std())
    text = constant_text(scores.pool, spread=spread, largest=largest, name="", rows="rows of the pool")
    if not text or (resolved and NEARLY in text):
        return ""
    return f"every system {'decides' if scores.task == 'classification' else 'predicts'} {text}"


def _constant(scores: PipelineScores, system: str) -> bool:
    """Return whether a system's predictions on the pool are constant."""
    return is_constant(scores.pool[NAMES.index(system)], spread=float(scores.Y.std()))


def _unsettled(scores: PipelineScores, system: str, config: W2SConfig) -> bool:
    """Return whether a system's strength is an end of its grid, and a better one may lie outside.

    The smallest strength is right for a student that can copy its teacher, and the largest for a constant head.
    """
    if system not in scores.edges or _constant(scores, system):
        return False
    return not (system == "student" and _copies(scores, config))


def _copies(scores: PipelineScores, config: W2SConfig) -> bool:
    """Return whether the student copies its soft pseudolabels, of several teachers their mean."""
    teacher, student = scores.lesson, scores.pool[NAMES.index("student")]
    if config.pseudolabels == "hard":
        return False
    if scores.task == "classification" and np.mean(student.argmax(axis=1) == teacher.argmax(axis=1)) <= COPY:
        return False
    return imitation(student, teacher) > (IMITATION if scores.task == "classification" else COPY)
