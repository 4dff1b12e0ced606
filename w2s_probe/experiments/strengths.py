"""Notes on strengths at an end of their grid, on rows that are too large, and on columns whose scaling matters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.fit_options import RIDGE_POINTS, Scale
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.heads.ridge import left_out_scores
from w2s_probe.strategies import Scorer

# Both scalings are compared if the largest standard deviation of a column is this many times the smallest one, without
# columns that hardly vary: below this share of the median. MiniLM has three columns of 1e-9; they carry nothing.
RATIO, DEAD = 30, 1e-6
STEP = 0.01  # smallest change of accuracy or R² that a note reports
LARGE = 1e3  # a row this many times larger than the median row can get any score


def edge_note(name: str, heads: Sequence[Scorer], *, where: str = "") -> str | None:
    """Return a note on the heads of a system whose strength is an end of its grid; None if no head is.

    `where` says in which seeds; for softmax heads and given strategies the system is the name of a student. Further
    teachers are ``teacher 2`` and so on.
    """
    edges = [head for head in heads if head.at_edge]
    if not edges:
        return None
    alpha = f"{where} (alpha {edges[0].alpha:.3g})"
    if getattr(edges[0], "upper_end", False):
        return (
            f"{name}: the chosen strength is the largest one tried{alpha}: on its training rows the head is best when "
            "it hardly uses the features. Use other features, or more labeled rows."
        )
    setting = "teacher_alpha" if name.partition(" ")[0] == "teacher" else "student_alpha"
    return (
        f"{name}: the chosen strength is the smallest one tried{alpha}. A smaller one may be better: give it as "
        f"`{setting}`."
    )


def scale_notes(
    X_teacher: Features | None, X_student: Features, Y: Float, *, config: W2SConfig, rows: str = "the labeled rows"
) -> Iterator[str]:
    """Yield a note if the other scaling changes the leave-one-out score of teacher or baseline on the labeled rows.

    `X_teacher`, shape (n, d_t), `X_student`, shape (n, d_s), and `Y`, shape (n, K), have the labeled rows, which the
    note calls `rows`. `X_teacher` is None for a teacher that is predictions. Nothing is compared for softmax heads, for
    fixed strengths, or if all columns have similar standard deviations.
    """
    spaces: Mapping[System, Features] = {"baseline": X_student}
    spaces = spaces if X_teacher is None else {**spaces, "teacher": X_teacher}
    free = {name: X for name, X in spaces.items() if config.fit_options(name).alpha is None}
    if config.head != "ridge" or not any(_ratio(X) >= RATIO for X in free.values()):
        return
    other: Scale = "none" if config.scale == "standard" else "standard"
    changes = [_change(name, X, Y, config, other) for name, X in free.items()]
    better = [change for change in changes if change.resolved and change.then > change.now]
    worse = [change for change in changes if change.resolved and change.then < change.now]
    if better:
        score = "R²" if config.task == "regression" else "accuracy"
        figures = [f"the {c.system}'s leave-one-out {score} is {c.then:.3f} instead of {c.now:.3f}" for c in better]
        figures += [f"the {c.system}'s is {c.then:.3f} instead of {c.now:.3f}" for c in worse]
        advice = "Compare both." if worse else f"Use `scale` {other}."
        yield (
            f"With `scale` {other}, on {rows}, {', and '.join(figures)}: the standard deviations of the columns "
            f"differ {max(map(_ratio, free.values())):,.0f}-fold. {advice}"
        )


def large_row_notes(name: str, sizes: Float, *, rows: Rows | None = None) -> Iterator[str]:
    """Yield a note if rows of a feature space are much larger than the median row.

    `name` is the system whose features these are; `sizes`, shape (m,), is the return value of `row_sizes`; `rows` are
    the positions of these rows in the table, for the note.
    """
    median = float(np.median(sizes))
    large = np.flatnonzero(sizes > LARGE * median) if median > 0 else np.arange(0)
    if len(large):
        first = large[0]
        which = "" if rows is None else f" (row {rows[first]:,}, counted from 0)"
        yield (
            f"Rows of the {name}'s features that are more than {LARGE:,.0f} times as large as the median row: "
            f"{len(large):,} of {len(sizes):,}, the first {sizes[first] / median:,.0f} times{which}. Heads give such "
            "rows any score, also as pseudolabels. Correct them, or leave them out."
        )


def row_sizes(X: Features, rows: Rows) -> Float:
    """Return the largest absolute entry of each of these rows, shape (m,), read by blocks."""
    return np.concatenate([np.abs(X[rows[block]]).max(axis=1) for block in row_blocks(len(rows))]).astype(np.float64)


def pair_notes(
    heads: Mapping[str, Scorer],
    labeled: tuple[Features, Features],
    pool: tuple[Features, Features],
    Y: Float,
    *,
    config: W2SConfig,
) -> Iterator[str]:
    """Yield all notes of this file for one pair.

    `heads` are teacher, student and baseline, by system. `labeled` and `pool` are teacher and student features of the
    labeled rows, with labels Y, shape (n, K), and of the pool.
    """
    for name, head in heads.items():
        note = edge_note(name, [head])
        if note:
            yield note
    for name, parts in zip(("teacher", "student"), zip(labeled, pool, strict=True), strict=True):
        yield from large_row_notes(name, np.concatenate([row_sizes(X, np.arange(len(X))) for X in parts]))
    yield from scale_notes(*labeled, Y, config=config)


def head_notes(name: str, head: Scorer, spaces: Iterable[Features]) -> Iterator[str]:
    """Yield the notes on the strength of one head, and on large rows of its features in several parts."""
    note = edge_note(name, [head])
    if note:
        yield note
    yield from large_row_notes(name, np.concatenate([row_sizes(X, np.arange(len(X))) for X in spaces]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """Scores of a system now and then, with the other scaling, and whether the difference is more than noise."""

    system: System
    now: float
    then: float
    resolved: bool


def _change(system: System, X: Features, Y: Float, config: W2SConfig, other: Scale) -> _Change:
    points = config.alphas or RIDGE_POINTS
    scores = [left_out_scores(X, Y, points=points, scale=scale) for scale in (config.scale or "none", other)]
    if config.task == "regression":
        now, then = (1 - ((Y - F) ** 2).sum(axis=1) / Y.var() for F in scores)
    else:
        now, then = ((F.argmax(axis=1) == Y.argmax(axis=1)).astype(np.float64) for F in scores)
    difference = then - now
    change, error = abs(float(difference.mean())), float(difference.std()) / len(Y) ** 0.5
    return _Change(
        system=system, now=float(now.mean()), then=float(then.mean()), resolved=change > max(STEP, 2 * error)
    )


def _ratio(X: Features) -> float:
    """Return the largest standard deviation of a column divided by the smallest, without columns that hardly vary."""
    deviations = X.std(axis=0, dtype=np.float64)
    positive = deviations[deviations > 0]
    used = positive[positive > DEAD * np.median(positive)] if len(positive) else np.ones(1)
    return float(used.max() / used.min())
