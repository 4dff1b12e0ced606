"""A forecast as text of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

from w2s_probe.core.text import shorten_names, visible
from w2s_probe.report.numbers import METRIC_NAMES, estimate_of, estimate_text, pair_line, score_text
from w2s_probe.report.page import Grid
from w2s_probe.report.render.terminal import columns, size_table, wrapped
from w2s_probe.report.suspects import suspects_text
from w2s_probe.report.verdict import verdict_headline
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import FURTHEST, Forecast, ForecastResult, NeededLabels, Outlook

SYSTEMS = ("teacher", "student", "baseline")
LUCK = (
    "A small difference is often luck: in simulations, fewer than half of the differences were resolved at the number "
    "of labels that was named."
)
NAME = 36  # cells of a backbone in the list of pairs


def forecast_text(result: ForecastResult) -> str:
    """Return the forecast as lines of at most 80 cells."""
    best = result.best
    grid = systems_grid(best)
    systems = grid.select(*grid.header[:-1])
    parts = [
        _headline(result),
        _ranking(result.pairs) if result.pairs is not None else "",
        columns(systems.header, systems.rows),
        _comparisons(best),
        "\n".join(map(wrapped, needed_lines(best))),
        _curve_table(best),
        suspects_text(result.suspects) if result.suspects is not None else "",
        f"Forecast of weak-to-strong: {verdict_headline(best.verdict, best.versus_baseline)}\n"
        f"{wrapped(best.verdict.advice)}",
        *(wrapped(f"Note: {note}") for note in best.notes),
    ]
    return "\n\n".join(part for part in parts if part)


def _headline(result: ForecastResult) -> str:
    best = result.best
    return (
        f"{wrapped(pair_line(result.config, best.teacher_backbone, best.student_backbone))}\n"
        f"Forecast from n = {best.n:,} labels and a pool of N = {best.N:,}; no other label was read.\n"
        f'{result.level:.0%} intervals; "on a test set" is for {best.n_test:,} test rows.'
    )


def _ranking(pairs: tuple[Forecast, ...]) -> str:
    """Return two lines for each pair: its names, and its numbers."""
    score = METRIC_NAMES[pairs[0].score]
    rows = [
        (
            f"{pair.student.value:.3f}",
            f"{pair.baseline.value:.3f}",
            expected_text(pair.gain),
            expected_text(pair.versus_baseline),
        )
        for pair in pairs
    ]
    header, rule, *numbers = columns(("student", "baseline", "gain", "student - baseline"), rows).split("\n")
    names = [wrapped(f"{rank}. {name}") for rank, name in enumerate(pair_names(pairs, "->", cells=NAME), start=1)]
    lines = [line for pair in zip(names, numbers, strict=True) for line in pair]
    title = wrapped(f"Pairs by the expected {score} of the better of student and baseline:")
    return "\n".join([title, "", header, rule, *lines])


def pair_names(pairs: Sequence[Forecast], arrow: str, *, cells: int) -> list[str]:
    """Return teacher and student of each pair, each name shortened to `cells`; no two names look alike."""
    names = [(visible(pair.teacher_backbone), visible(pair.student_backbone)) for pair in pairs]
    unique = list(dict.fromkeys(name for pair in names for name in pair))
    short = dict(zip(unique, shorten_names(unique, cells), strict=True))
    return [f"{short[teacher]} {arrow} {short[student]}" for teacher, student in names]


def systems_grid(best: Forecast) -> Grid:
    """Return the scores of the four systems, and the strengths of their heads."""
    other, scores = next(iter(best.others.items()))
    labels = {
        "teacher": f"{best.n:,} labels" if not math.isnan(best.alphas["teacher"]) else "given predictions",
        "student": f"{best.N:,} pseudolabels",
        "baseline": f"{best.n:,} labels",
    }
    rows = [
        [
            system,
            trained_on,
            score_text(best.score, getattr(best, system)),
            score_text(other, getattr(scores, system)),
            "-" if math.isnan(best.alphas[system]) else f"{best.alphas[system]:.3g}",
        ]
        for system, trained_on in labels.items()
    ]
    ceiling = ["ceiling", "extrapolated", score_text(best.score, best.ceiling), "-", "-"]
    header = ["system", "trained on", METRIC_NAMES[best.score], METRIC_NAMES[other], "alpha"]
    return Grid(header=header, rows=[*rows, ceiling])


def _comparisons(best: Forecast) -> str:
    rows = [
        ("gain: student - teacher", expected_text(best.gain), observed_text(best.gain)),
        ("student - baseline", expected_text(best.versus_baseline), observed_text(best.versus_baseline)),
        ("PGR: share of the gap", estimate_text(best.pgr), ""),
        ("OPR: baseline / student error", estimate_text(best.opr), ""),
    ]
    return columns(("", "expected", "on a test set"), rows, right=())


def needed_lines(best: Forecast) -> list[str]:
    """Return the labels at which gain and student minus baseline are expected to be resolved, as sentences."""
    needed = {"gain": best.needed.gain, "student - baseline": best.needed.versus_baseline}
    lines = [f"Labels needed to resolve {name}: {_labels_text(labels, best.n)}." for name, labels in needed.items()]
    if any(labels.n is not None and labels.n > best.n for labels in needed.values()):
        lines.append(LUCK)
    return lines


def _labels_text(needed: NeededLabels, n: int) -> str:
    """Return a number of labels with its range, or why there is none."""
    if needed.n is None:
        return str(needed.reason) + ("" if needed.low is None else f" (at best {needed.low:,})")
    if needed.n <= n:
        return f"your {n:,} are enough"
    high = f"more than {FURTHEST * n:,}" if needed.high is None else f"{needed.high:,}"
    return f"about {needed.n:,} ({needed.low:,} to {high})"


def _curve_table(best: Forecast) -> str:
    """Return the learning curve, with the half-width of the gain's interval that each size is expected to give."""
    table = size_table(best.curve, SYSTEMS, last=("then", [half_text(point.gain_then) for point in best.curve]))
    legend = (
        "gain: interval from today's labels; then: half-width of the interval that one would have with n labels and "
        f"N pseudolabels. Rows above n = {best.n:,} or N = {best.N:,} are extrapolated."
    )
    return f"{table}\n{wrapped(legend)}"


def half_text(estimate: Estimate) -> str:
    """Return the half-width of an interval."""
    half = (estimate.high - estimate.low) / 2
    return "-" if math.isnan(half) else f"±{half:.3f}"


def expected_text(outlook: Outlook) -> str:
    """Return an expected difference with its interval."""
    return estimate_text(estimate_of(outlook), signed=True)


def observed_text(outlook: Outlook) -> str:
    """Return the interval of the difference on a test set."""
    if math.isnan(outlook.low_observed) or math.isnan(outlook.high_observed):
        return "unresolved"
    return f"[{outlook.low_observed:+.3f}, {outlook.high_observed:+.3f}]"
