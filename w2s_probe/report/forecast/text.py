"""A forecast as text of 80 columns."""

from __future__ import annotations

import math
import textwrap

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.numbers import METRIC_NAMES, asked, estimate_text
from w2s_probe.report.render.terminal import WIDTH, columns, suspects_text
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast, ForecastResult, Outlook


def forecast_text(result: ForecastResult) -> str:
    """Return the forecast as lines of at most 80 cells.

    Parameters
    ----------
    result : ForecastResult
        What is expected.
    """
    best = result.best
    parts = [_headline(result)]
    if result.pairs is not None:
        parts.append(_ranking(result.pairs))
    parts += [_systems(best), _comparisons(best), _curve(best)]
    if result.suspects is not None:
        parts.append(suspects_text(result.suspects))
    parts.append(textwrap.fill(best.verdict.advice, WIDTH))
    parts += [textwrap.fill(visible(f"Note: {note}"), WIDTH) for note in best.notes]
    return "\n\n".join(part for part in parts if part)


def _headline(result: ForecastResult) -> str:
    best = result.best
    (line,) = asked(result.config, best.teacher_backbone, best.student_backbone)
    return (
        f"{line}\n"
        f"Forecast from n = {best.n:,} labels and a pool of N = {best.N:,}; no other label was read.\n"
        f"{result.level:.0%} intervals; a test of {best.n_test:,} rows will show what is in the last column."
    )


def _ranking(pairs: tuple[Forecast, ...]) -> str:
    rows = [
        (
            shorten(visible(pair.teacher_backbone), 20),
            shorten(visible(pair.student_backbone), 20),
            _text(pair.gain, signed=True),
            pair.verdict.call,
        )
        for pair in pairs
    ]
    return columns(("teacher", "student", "expected gain", ""), rows, right=())


def _systems(best: Forecast) -> str:
    other = next(iter(best.others))
    rows = [
        ("teacher", estimate_text(best.teacher), estimate_text(best.others[other].teacher)),
        ("student", estimate_text(best.student), estimate_text(best.others[other].student)),
        ("baseline", estimate_text(best.baseline), estimate_text(best.others[other].baseline)),
        ("ceiling", estimate_text(best.ceiling), "extrapolated"),
    ]
    return columns(("system", METRIC_NAMES[best.score], METRIC_NAMES[other]), rows, right=())


def _comparisons(best: Forecast) -> str:
    rows = [
        ("gain: student - teacher", _text(best.gain, signed=True), observed_text(best.gain)),
        ("student - baseline", _text(best.versus_baseline, signed=True), observed_text(best.versus_baseline)),
        ("PGR: share of the gap", estimate_text(best.pgr), ""),
        ("OPR: baseline's error / its", estimate_text(best.opr), ""),
    ]
    needed = needed_text(best)
    said = f"\n\n{needed}" if needed else ""
    return columns(("", "expected", "on a test"), rows, right=()) + said


def needed_text(best: Forecast) -> str:
    """Return at which sizes the answer would resolve or change, or nothing."""
    sizes = {}
    if best.needed.n:
        change = "student - baseline would change its sign" if best.gain.resolved else "the gain would resolve"
        sizes[change] = [f"{best.needed.n:,} labels"]
    if best.needed.N:
        sizes.setdefault("student - baseline would change its sign", []).append(f"{best.needed.N:,} pseudolabels")
    said = "; ".join(f"{change} at about {' or '.join(counts)}" for change, counts in sizes.items())
    return f"{said[0].upper()}{said[1:]}." if said else ""


def observed_text(found: Outlook) -> str:
    """Return the interval of what a test set will show."""
    if math.isnan(found.low_observed) or math.isnan(found.high_observed):
        return "unresolved"
    return f"[{found.low_observed:+.3f}, {found.high_observed:+.3f}]"


def _curve(best: Forecast) -> str:
    rows = [
        (
            f"{point.n:,}",
            f"{point.N:,}",
            *(f"{found.value:.3f}" for found in (point.teacher, point.student, point.baseline)),
            estimate_text(point.gain, signed=True),
            "" if point.measured else "extrapolated",
        )
        for point in best.curve
    ]
    return columns(("n", "N", "teacher", "student", "baseline", "gain", ""), rows, right=(0, 1, 2, 3, 4))


def _text(found: Outlook, *, signed: bool) -> str:
    return estimate_text(Estimate(value=found.value, low=found.low, high=found.high), signed=signed)
