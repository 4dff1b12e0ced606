"""The report of a sweep: heat maps over the fractions of conflicting rows, lines over one of them and over sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import spearmanr

from w2s_probe.core.text import shorten, visible
from w2s_probe.experiments.sweep import EtaContrast, SweepPoint, SweepResult
from w2s_probe.report.numbers import METRIC_NAMES, config_rows, estimate_text, taught
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.sweep import figures
from w2s_probe.report.sweep.slices import AXES, Slice, eta_text, point_text, slices_of

MOST_SLICES = 6  # of which figures are drawn
MOST_ROWS = 300
NAME = 24  # cells of a group's name
HELD = (
    "Pool and test rows are the same along each line, seed by seed: only the labeled rows change. A teacher that gets "
    "better with more conflicting labels can leave its student less to win: a gain that shrinks along the line is "
    "then no failure of the student. The differences in the table are paired by seed and test row."
)
NOT_HELD = (
    "Pools differ in size along the axis, since the data decides how many rows are left: give -N, and the same rows "
    "stay in the pool while the labeled ones change."
)
THEORY = (
    "Theory: Liu, Dong and Lei (2026), the general form from second moments. What a space says of the group is one "
    "number a row, from a ridge head that predicts the group value and never saw the row; agreeing and conflicting "
    "rows of all the data are then weighed by the fractions. The share is (teacher - student) / teacher in excess "
    "risk. It uses groups and labels of all rows: an analysis, no forecast.",
    "It assumes one group direction, least squares without penalty, a truth that both spaces hold and from which the "
    "cue only distracts, few labels lost to many directions (small gamma) and an endless pool. Real heads also use "
    "the cue because it helps on their own rows. So it can say where the gain is larger or smaller, not how large "
    "it is, nor its sign; cells share teachers, pools and test rows, and a rank agreement over them has no p-value.",
    "Two traps. The published closed form is one of small gamma: simulations at gamma p = .2 lie a third to a half "
    "above it. And it is for one cloud whose mean moves with the fraction; rows that belong to one of two groups, as "
    "here, follow the mixture law, whose second moments are used.",
)


def sweep_page(result: SweepResult) -> Page:
    """Return what the report of a sweep says.

    Parameters
    ----------
    result : SweepResult
        What was found.
    """
    config = result.config
    pairs = list(dict.fromkeys((point.teacher_backbone, point.student_backbone) for point in result.points))
    several = len(config.get("seeds", ())) > 1
    return Page(
        kind="Sweep",
        title=taught(*pairs[0]) if len(pairs) == 1 else f"{len(pairs)} pairs of backbones",
        headline=[
            f"{result.cells:,} cells, {METRIC_NAMES[result.score]} on {result.n_test:,} test rows of each seed",
            f"{result.level:.0%} intervals, {len(config.get('seeds', ()))} seed{'s' if several else ''}",
        ],
        data=str(config["data"]) if "data" in config else None,
        notes=result.notes,
        sections=list(_sections(result)),
        settings=config_rows(config),
    )


def _sections(result: SweepResult) -> Iterator[Section]:
    slices = slices_of(result)
    many = len(slices) > 1
    for i, one in enumerate(slices[:MOST_SLICES]):
        titled = f": {one.title}" if many else ""
        yield from _maps(one, f"map{i}", titled)
        yield from _moves(one, f"move{i}", titled, result.score)
        drawn = figures.size_lines(one, f"size{i}", score=result.score)
        if drawn:
            etas = point_text(one.points[0], [axis for axis in AXES if len(one.etas(axis)) > 1])
            at = f" {etas[0].upper()}{etas[1:]}." if etas else ""
            yield Section(
                name=f"Over sizes{titled}",
                figures=drawn,
                caption=f"Smaller sizes are parts of the larger ones, on the same test rows; bands are intervals.{at}",
                text=[],
            )
    yield from _theory(slices)
    yield _points(slices)


def _maps(one: Slice, name: str, titled: str) -> Iterator[Section]:
    drawn = figures.heat_maps(one, name)
    if drawn:
        yield Section(
            name=f"Over both fractions of conflicting rows{titled}",
            figures=drawn,
            caption=f"Each cell holds its number{_at_sizes(one)}. In framed cells the interval excludes 0; hatched "
            "ones are unresolved: the ceiling is not clearly above the teacher.",
        )


def _at_sizes(one: Slice) -> str:
    sizes = {(point.n, point.N) for point in one.at_largest().values()}
    if len(sizes) > 1:
        return ", at the largest sizes"
    n, N = sizes.pop()
    return f", at n = {n:,} and N = {N:,}"


def _moves(one: Slice, name: str, titled: str, score: str) -> Iterator[Section]:
    axis = AXES[0] if len(one.etas(AXES[0])) > 1 else AXES[1]
    other = AXES[1 - AXES.index(axis)]
    drawn = figures.eta_lines(one, axis, name, score=score)
    if not drawn:
        return
    left_out = len(one.etas(other)) - len(figures.held_fixed(one, other))
    caption = "Bands are intervals, cut where they leave the frame."
    if left_out:
        caption += f" {left_out} more values of {other} are in the table of points."
    if axis == AXES[1]:
        yield Section(name=f"The pool's fraction moves{titled}", figures=drawn, caption=caption)
        return
    yield Section(
        name=f"eta_labeled moves while eta_unlabeled is held{titled}",
        figures=drawn,
        caption=caption,
        grid=_contrasts(one.contrasts) if one.contrasts else None,
        text=[HELD if one.contrasts else NOT_HELD],
    )


def _contrasts(contrasts: Sequence[EtaContrast]) -> Grid:
    first = contrasts[0]
    sizes = len({(each.n, each.N) for each in contrasts}) > 1
    worst = [*(first.worst_groups or {})][:2]
    return Grid(
        header=[
            f"labeled {first.from_eta_labeled:g} → {first.to_eta_labeled:g}",
            "gain",
            "teacher",
            "student",
            *(f"{system}'s worst group" for system in worst),
        ],
        rows=[
            [
                f"{f'n {each.n:,}, N {each.N:,}, ' if sizes else ''}pool at {eta_text(each.eta_unlabeled)}",
                *(estimate_text(e, signed=True) for e in (each.gain, each.teacher, each.student)),
                *(estimate_text((each.worst_groups or {})[system], signed=True) for system in worst),
            ]
            for each in contrasts
        ],
    )


def _theory(slices: Sequence[Slice]) -> Iterator[Section]:
    known = [one for one in slices if one.theory is not None]
    if known:
        cells = len(known[0].theory.points) if known[0].theory else 0
        yield Section(
            name="The theory beside it",
            grid=Grid(
                header=["rank agreement", "gain", "teacher's error", "student's error", "separations", "correlation"],
                rows=[_agreement(one, "the pair" if len(slices) == 1 else one.title) for one in known[:MOST_ROWS]],
            ),
            text=[
                f"Rank agreement: Spearman's, of theory and measurement over {cells} pairs of fractions. Separations: "
                "distance of agreeing and conflicting rows in what teacher and student space say of the group, in "
                "standard deviations. Correlation: of what both say, within groups.",
                *THEORY,
            ],
            user=(0,),
        )


def _agreement(one: Slice, name: str) -> list[str]:
    measured, theory = one.at_largest(), one.theory
    pairs = [(point, measured[point.eta_labeled, point.eta_unlabeled]) for point in (theory.points if theory else ())]
    said = [
        "–" if math.isnan(number) else f"{number:.2f}"
        for number in ((theory.separation_teacher, theory.separation_student, theory.correlation) if theory else ())
    ]
    return [
        name,
        _spearman([(expected.gain, found.gain.value) for expected, found in pairs]),
        _spearman([(expected.teacher, -found.teacher.value) for expected, found in pairs]),
        _spearman([(expected.student, -found.student.value) for expected, found in pairs]),
        ", ".join(said[:2]),
        *said[2:],
    ]


def _spearman(pairs: Sequence[tuple[float, float]]) -> str:
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2).round(9)  # equal but for rounding is a tie
    if len(both) < 3 or not np.isfinite(both).all() or (np.ptp(both, axis=0) == 0).any():
        return "–"
    return f"{spearmanr(both[:, 0], both[:, 1]).statistic:+.2f}"


def _points(slices: Sequence[Slice]) -> Section:
    points = [(one, point) for one in slices for point in one.points]
    varying = [
        axis for axis in ("n", "N", *AXES) if len({getattr(point, axis) for _, point in points}) > 1 or axis in "nN"
    ]
    worst = points[0][1].worst_groups is not None
    header = ["point", "teacher", "student", "baseline", "ceiling", "gain", "PGR", *(["worst groups"] if worst else [])]
    rows = [
        [*([one.title] if len(slices) > 1 else []), point_text(point, varying), *_scores(point, worst=worst)]
        for one, point in points[:MOST_ROWS]
    ]
    beyond = len(points) - MOST_ROWS
    left_out = len(slices) - MOST_SLICES
    text = [f"Figures show the first {MOST_SLICES} of {len(slices)} combinations."] if left_out > 0 else []
    text += [f"{beyond:,} more points are in results.parquet."] if beyond > 0 else []
    return Section(
        name="Every point",
        grid=Grid(header=[*(["what"] if len(slices) > 1 else []), *header], rows=rows),
        folded=True,
        user=(0,) if len(slices) > 1 else (),
        text=text,
    )


def _scores(point: SweepPoint, *, worst: bool) -> list[str]:
    systems = [f"{each.value:.3f}" for each in (point.teacher, point.student, point.baseline, point.ceiling)]
    groups = [
        f"{system}'s {shorten(visible(each.group), NAME)}: {each.value:.3f}"
        for system, each in (point.worst_groups or {}).items()
        if system in ("teacher", "student")
    ]
    return [
        *systems,
        estimate_text(point.gain, signed=True),
        estimate_text(point.pgr),
        *(["; ".join(groups)] if worst else []),
    ]
