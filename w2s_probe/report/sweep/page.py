"""The page of a sweep: heat maps over both fractions of conflicting rows, lines over one fraction and over sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.numbers import METRIC_NAMES, config_rows, estimate_text, pair_title
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.read import read_sections
from w2s_probe.report.run.strategies import skipped_grid
from w2s_probe.report.sweep import figures
from w2s_probe.report.sweep.slices import AXES, Slice, eta_text, point_text, slices_of
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.sweep import EtaContrast, PairTheory, SweepPoint, SweepResult

MOST_SLICES = 6  # slices with figures
MOST_ROWS = 300
NAME = 24  # cells of a group's name
SAME_POOL = (
    "Along each line only the labeled rows change: in each seed, pool and test rows stay the same. If more conflicting "
    "labels improve the teacher, its student has less to gain: a gain that shrinks along the line then does not mean "
    "that the student gets worse. Differences in the table are paired by seed and test row."
)
OTHER_POOLS = (
    "Pools differ in size along the axis, since they take all rows that are left. Use -N to keep the same rows in the "
    "pool while the labeled rows change."
)
THEORY = (
    "Theory: Liu, Dong and Lei (2026), the general form from second moments. Each space's cue feature is one number a "
    "row, from a ridge head that predicts the group value and was not trained on the row. Agreeing and conflicting "
    "rows of all the data are then weighted by the fractions. The theory's gain is (teacher - student) / teacher in "
    "excess risk. It uses groups and labels of all rows: it is an analysis, not a forecast.",
    "Assumptions: one group direction; least squares without penalty; a truth that both spaces contain and that the "
    "cue does not help to predict; few directions per label (small gamma); an infinite pool. Real heads also use the "
    "cue, because it predicts the label on their own rows. So the theory can predict where the gain is larger or "
    "smaller, but neither its size nor its sign. Cells share teachers, pools and test rows, so that a rank agreement "
    "over cells has no p-value.",
    "Two limits. The published closed form holds at small gamma: simulations at gamma p = 0.2 lie a third to a half "
    "above it. And it assumes one cloud of rows whose mean moves with the fraction; rows that belong to one of two "
    "groups, as here, follow the mixture law, whose second moments are used here.",
)


def sweep_page(result: SweepResult) -> Page:
    """Return the report of a sweep."""
    config = result.config
    pairs = list(dict.fromkeys((point.teacher_backbone, point.student_backbone) for point in result.points))
    seeds = len(config.get("seeds", ()))
    return Page(
        kind="Sweep",
        title=pair_title(*pairs[0]) if len(pairs) == 1 else f"{len(pairs)} pairs of backbones",
        headline=[
            f"{result.cells:,} cells, {METRIC_NAMES[result.score]} on {result.n_test:,} test rows of each seed",
            f"{result.level:.0%} intervals, {seeds} seed{'s' if seeds > 1 else ''}",
        ],
        data=str(config["data"]) if "data" in config else None,
        notes=result.notes,
        sections=[*_sections(result), *read_sections(result.read)],
        settings=config_rows(config),
    )


def _sections(result: SweepResult) -> Iterator[Section]:
    slices = slices_of(result)
    for i, part in enumerate(slices[:MOST_SLICES]):
        suffix = f": {part.title}" if len(slices) > 1 else ""
        yield from _maps(part, f"map{i}", suffix)
        yield from _eta_lines(part, f"move{i}", suffix, result.score)
        yield from _size_lines(part, f"size{i}", suffix, result.score)
    yield from _theory(slices)
    yield _points(slices)
    if result.skipped:
        yield Section(name="Did not apply", grids=[skipped_grid(result.skipped)])


def _maps(part: Slice, name: str, suffix: str) -> Iterator[Section]:
    maps = figures.heat_maps(part, name)
    if maps:
        yield Section(
            name=f"Over both fractions of conflicting rows{suffix}",
            figures=maps,
            caption=f"Each cell holds its number{_sizes_of_maps(part)}. In framed cells the interval excludes 0; "
            "hatched cells are unresolved: the ceiling is not clearly above the teacher.",
        )


def _sizes_of_maps(part: Slice) -> str:
    sizes = {(point.n, point.N) for point in part.at_largest().values()}
    if len(sizes) > 1:
        return ", at the largest sizes"
    n, N = sizes.pop()
    return f", at n = {n:,} and N = {N:,}"


def _eta_lines(part: Slice, name: str, suffix: str, score: str) -> Iterator[Section]:
    axis = AXES[0] if len(part.etas(AXES[0])) > 1 else AXES[1]
    other = AXES[1 - AXES.index(axis)]
    lines = figures.eta_lines(part, axis, name, score=score)
    if not lines:
        return
    left_out = len(part.etas(other)) - len(figures.fixed_values(part, other))
    caption = "Bands are intervals, cut at the edge of the figure."
    if left_out:
        caption += f" The table of points has further values of {other}: {left_out}."
    if axis == AXES[1]:
        yield Section(name=f"Over eta_unlabeled{suffix}", figures=lines, caption=caption)
        return
    yield Section(
        name=f"Over eta_labeled, at fixed eta_unlabeled{suffix}",
        figures=lines,
        caption=caption,
        grids=[_contrasts(part.contrasts)] if part.contrasts else [],
        text=[SAME_POOL if part.contrasts else OTHER_POOLS],
    )


def _contrasts(contrasts: Sequence[EtaContrast]) -> Grid:
    first = contrasts[0]
    worst = [*(first.worst_groups or {})][:2]
    several = len({(contrast.n, contrast.N) for contrast in contrasts}) > 1
    rows = []
    for contrast in contrasts:
        sizes = f"n {contrast.n:,}, N {contrast.N:,}, " if several else ""
        groups = contrast.worst_groups or {}
        estimates = [contrast.gain, contrast.teacher, contrast.student, *(groups[system] for system in worst)]
        name = f"{sizes}pool at {eta_text(contrast.eta_unlabeled)}"
        rows.append([name, *(estimate_text(estimate, signed=True) for estimate in estimates)])
    change = f"labeled {first.from_eta_labeled:g} → {first.to_eta_labeled:g}"
    groups_header = [f"{system}'s worst group" for system in worst]
    return Grid(header=[change, "gain", "teacher", "student", *groups_header], rows=rows)


def _size_lines(part: Slice, name: str, suffix: str, score: str) -> Iterator[Section]:
    lines = figures.size_lines(part, name, score=score)
    if lines:
        etas = point_text(part.points[0], [axis for axis in AXES if len(part.etas(axis)) > 1])
        place = f" {etas[0].upper()}{etas[1:]}." if etas else ""
        yield Section(
            name=f"Over sizes{suffix}",
            figures=lines,
            caption="Smaller sizes are subsets of the larger sizes, scored on the same test rows. Bands are intervals."
            f"{place}",
        )


def _theory(slices: Sequence[Slice]) -> Iterator[Section]:
    pairs = [(part, part.theory) for part in slices if part.theory is not None]
    if not pairs:
        return
    cells = len(pairs[0][1].points)
    rows = [
        _agreement(part, theory, "the pair" if len(slices) == 1 else part.title) for part, theory in pairs[:MOST_ROWS]
    ]
    header = ["rank agreement", "gain", "teacher's error", "student's error", "separations", "correlation"]
    yield Section(
        name="Theory against measurement",
        grids=[Grid(header=header, rows=rows, user=(0,))],
        text=[
            f"Rank agreement: Spearman correlation of theory and measurement over {cells} pairs of fractions. "
            "Separations: distance of the means of agreeing and conflicting rows along the cue feature of teacher and "
            "student, in standard deviations. Correlation: of both cue features, within groups.",
            *THEORY,
        ],
    )


def _agreement(part: Slice, theory: PairTheory, name: str) -> list[str]:
    points = part.at_largest()
    pairs = [(point, points[point.eta_labeled, point.eta_unlabeled]) for point in theory.points]
    teacher, student, correlation = (
        "–" if math.isnan(number) else f"{number:.2f}"
        for number in (theory.separation_teacher, theory.separation_student, theory.correlation)
    )
    return [
        name,
        _spearman([(expected.gain, point.gain.value) for expected, point in pairs]),
        _spearman([(expected.teacher, -point.teacher.value) for expected, point in pairs]),
        _spearman([(expected.student, -point.student.value) for expected, point in pairs]),
        f"{teacher}, {student}",
        correlation,
    ]


def _spearman(pairs: Sequence[tuple[float, float]]) -> str:
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2).round(9)  # equal but for rounding is a tie
    if len(both) < 3 or not np.isfinite(both).all() or (np.ptp(both, axis=0) == 0).any():
        return "–"
    from scipy.stats import spearmanr

    return f"{spearmanr(both[:, 0], both[:, 1]).statistic:+.2f}"


def _points(slices: Sequence[Slice]) -> Section:
    points = [(part, point) for part in slices for point in part.points]
    several = len(slices) > 1
    axes = ["n", "N", *(axis for axis in AXES if len({getattr(point, axis) for _, point in points}) > 1)]
    worst = ["worst groups"] if points[0][1].worst_groups is not None else []
    vanilla = ["- vanilla", "- vanilla, adjusted"] if any(point.versus_vanilla for _, point in points) else []
    rows = [
        [
            *([part.title] if several else []),
            point_text(point, axes),
            *_scores(point),
            *([_signed(point.versus_vanilla), _signed(point.versus_vanilla_adjusted)] if vanilla else []),
        ]
        for part, point in points[:MOST_ROWS]
    ]
    text = []
    if len(slices) > MOST_SLICES:
        text.append(f"Figures show the first {MOST_SLICES} of {len(slices)} combinations.")
    if len(points) > MOST_ROWS:
        text.append(f"{len(points) - MOST_ROWS:,} more points are in results.parquet.")
    header = ["point", "teacher", "student", "baseline", "ceiling", "gain", "PGR", *worst, *vanilla]
    grid = Grid(
        header=[*(["combination"] if several else []), *header],
        rows=rows,
        folded="always",
        user=(0,) if several else (),
    )
    return Section(name="Every point", grids=[grid], text=text)


def _signed(change: Estimate | None) -> str:
    return "–" if change is None else estimate_text(change, signed=True)


def _scores(point: SweepPoint) -> list[str]:
    systems = (point.teacher, point.student, point.baseline, point.ceiling)
    worst = point.worst_groups or {}
    groups = "; ".join(
        f"{system}'s {shorten(visible(worst[system].group), NAME)}: {worst[system].value:.3f}"
        for system in ("teacher", "student")
        if system in worst
    )
    return [
        *(f"{system.value:.3f}" for system in systems),
        estimate_text(point.gain, signed=True),
        estimate_text(point.pgr),
        *([groups] if point.worst_groups is not None else []),
    ]
