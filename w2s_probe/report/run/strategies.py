"""Several strategies: ranking, variants, parts of the pool, fits, rivals, and what did not apply."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text
from w2s_probe.report.page import Grid, Section
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import StudentResult

FEW = 2  # students that terminal and page show in full; of more, the plain student
LABELS = "+L"  # mark of a student whose own head learned true labels
LEGEND = f"{LABELS}: true labels are among the targets of the student's own head."
MOST_ROWS = 12  # of a table that the page shows unfolded
VARIANTS = (
    "Variants are judged on the same test rows as all others: the best of many looks better than it is. Choose a "
    "setting on other data."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedRow:
    """One line of the ranking: a strategy, or in parentheses a system for comparison.

    Parameters
    ----------
    name : str
        Strategy or system.
    score : Estimate
        Main score.
    versus_vanilla : Estimate or None
        Difference to the vanilla student; None without one.
    adjusted : Estimate or None
        The same difference, its interval adjusted for the number of strategies.
    versus_baseline : Estimate or None
        Difference to the baseline.
    student : StudentResult or None
        The strategy's result; None for a system.
    """

    name: str
    score: Estimate
    versus_vanilla: Estimate | None = None
    adjusted: Estimate | None = None
    versus_baseline: Estimate | None = None
    student: StudentResult | None = None

    @property
    def title(self) -> str:
        """Name, with a mark if the student's own head learned true labels."""
        return f"{self.name} {LABELS}" if self.student is not None and self.student.uses_labels else self.name

    @property
    def differs(self) -> bool:
        """Whether the adjusted interval excludes 0."""
        return self.adjusted is not None and not self.adjusted.low <= 0 <= self.adjusted.high


def plain_student(result: W2SResult) -> str:
    """Return the name of the student that the verdict judges."""
    return "vanilla" if "vanilla" in result.students else next(iter(result.students))


def featured(result: W2SResult) -> dict[str, StudentResult]:
    """Return the students that are shown in full: all of a few, else the plain student."""
    if len(result.students) <= FEW:
        return dict(result.students)
    name = plain_student(result)
    return {name: result.students[name]}


def is_ranked(result: W2SResult) -> bool:
    """Return whether there are more students than are shown in full."""
    return len(result.students) > FEW


def ranked_rows(result: W2SResult) -> list[RankedRow]:
    """Return all strategies, best first, among them the baseline and the teachers together for comparison."""
    placed = {entry.strategy: entry for entry in result.ranking or ()}
    rows = [
        RankedRow(
            name=visible(name),
            score=student.scores[result.score],
            versus_vanilla=placed[name].versus_vanilla if name in placed else None,
            adjusted=placed[name].adjusted if name in placed else None,
            versus_baseline=student.versus_baseline,
            student=student,
        )
        for name, student in result.students.items()
    ]
    return sorted([*rows, *_references(result)], key=lambda row: -row.score.value)


def _references(result: W2SResult) -> Iterator[RankedRow]:
    """Yield the baseline, and the teachers together, with their differences to the vanilla student."""
    vanilla = result.students.get("vanilla")
    score = result.systems["baseline"].scores[result.score]
    difference = None if vanilla is None else _negated(vanilla.versus_baseline)
    yield RankedRow(name="(baseline)", score=score, versus_vanilla=difference)
    if result.teachers and result.several_teachers:
        score = result.teachers["together"].scores[result.score]
        teachers = {} if vanilla is None else vanilla.versus_teachers or {}
        difference = _negated(teachers["together"]) if "together" in teachers else None
        yield RankedRow(name="(together)", score=score, versus_vanilla=difference)


def _negated(change: Estimate) -> Estimate:
    return Estimate(value=-change.value, low=-change.high, high=-change.low, resolved=change.resolved)


def ranking_grid(result: W2SResult) -> Grid:
    """Return the ranking with all intervals."""
    rows = [
        [
            row.title,
            score_text(result.score, row.score),
            *(_signed(change) for change in (row.versus_vanilla, row.adjusted, row.versus_baseline)),
        ]
        for row in ranked_rows(result)
    ]
    header = ["strategy", METRIC_NAMES[result.score], "- vanilla", "- vanilla, adjusted", "- baseline"]
    return Grid(header=header, rows=rows, user=(0,))


def ranking_text(result: W2SResult) -> str:
    """Return what the columns and marks of the ranking mean."""
    tried = len(result.ranking or ())
    adjusted = (
        f" Adjusted, and in the figure the thin bar: the intervals of all {tried} strategies hold together "
        "(Bonferroni); a strategy whose adjusted interval contains 0 cannot be told from vanilla."
        if tried
        else ""
    )
    return (
        f"Differences in {METRIC_NAMES[result.score]}, paired by row and seed. Systems in parentheses stand among the "
        f"strategies for comparison.{adjusted} {LEGEND}"
    )


def variant_grids(result: W2SResult, *, without: Collection[str] = ()) -> list[Grid]:
    """Return a table for each strategy with variants but those in `without`: its own setting, then the others."""
    many = sum(len(student.variants or {}) for student in result.students.values()) > MOST_ROWS
    return [
        Grid(
            header=[
                *("variant", METRIC_NAMES[result.score], "- vanilla", "- baseline", "rows kept"),
                *(["share with true label"] if result.classes else []),
            ],
            rows=[
                [visible(key), *_judged(result, variant)]
                for key, variant in {"own setting": student, **(student.variants or {})}.items()
            ],
            title=f"Variants of {visible(name)}",
            folded="always" if many else "in Markdown",
            user=(0,),
        )
        for name, student in result.students.items()
        if student.variants and name not in without
    ]


def _judged(result: W2SResult, student: StudentResult) -> list[str]:
    chosen = student.selection
    return [
        score_text(result.score, student.scores[result.score]),
        _signed((student.versus_vanilla or {}).get(result.score)),
        _signed(student.versus_baseline),
        f"{chosen.kept:,.0f}",
        *([f"{chosen.label_precision:.3f}"] if result.classes else []),
    ]


def part_grid(result: W2SResult, *, variants: bool = True) -> Grid:
    """Return the named parts of the pool of every student, of their variants too unless `variants` is false."""
    rows = [
        [
            visible(name),
            visible(key),
            f"{part.rows:,.0f}",
            f"{part.fraction:.0%}",
            *([_number(part.label_precision)] if result.classes else []),
        ]
        for name, student in (all_students(result) if variants else result.students).items()
        for key, part in (student.parts or {}).items()
    ]
    return Grid(
        header=[
            "strategy",
            "part",
            "rows",
            "share of the pool",
            *(["share with true label"] if result.classes else []),
        ],
        rows=rows,
        title="Parts of the pool",
        folded=_folded(rows),
        user=(0, 1),
    )


def fitted_grid(result: W2SResult) -> Grid:
    """Return the numbers about the fit of every student and variant: mean over seeds, smallest and largest."""
    rows = [
        [visible(name), visible(key), f"{spread.mean:.4g} [{spread.low:.4g}, {spread.high:.4g}]"]
        for name, student in all_students(result).items()
        for key, spread in (student.fitted or {}).items()
    ]
    return Grid(
        header=["strategy", "number", "mean [smallest, largest] over seeds"],
        rows=rows,
        title="Numbers about the fits",
        folded=_folded(rows),
        user=(0, 1),
    )


def rival_grid(result: W2SResult) -> Grid:
    """Return the differences between students and the rivals that they name, variants included, each pair once."""
    rows: list[list[str]] = []
    for name, student in all_students(result).items():
        for rival, change in (student.versus_rivals or {}).items():
            if [visible(rival), visible(name)] not in [row[:2] for row in rows]:
                rows.append([visible(name), visible(rival), _signed(change)])
    header = ["strategy", "rival", f"strategy - rival, in {METRIC_NAMES[result.score]}"]
    title = f"{len(rows):,} differences" if _folded(rows) == "always" else ""
    return Grid(header=header, rows=rows, title=title, folded=_folded(rows), user=(0, 1))


def skipped_grid(skipped: Mapping[str, str] | None) -> Grid:
    """Return the strategies and variants that did not apply, each with the reason."""
    rows = [[visible(name), visible(reason)] for name, reason in (skipped or {}).items()]
    return Grid(header=["strategy", "reason"], rows=rows, user=(0, 1))


def all_students(result: W2SResult) -> Mapping[str, StudentResult]:
    """Return every student and, as ``STRATEGY/VARIANT``, every variant."""
    return {
        label: student
        for name, own in result.students.items()
        for label, student in ((name, own), *((f"{name}/{key}", one) for key, one in (own.variants or {}).items()))
    }


def strategy_sections(result: W2SResult) -> Iterator[Section]:
    """Yield the sections of a page on variants and rivals, and on what did not apply."""
    variants, rivals, skipped = variant_grids(result), rival_grid(result), skipped_grid(result.skipped)
    if variants:
        yield Section(name="Variants", grids=variants, text=[VARIANTS])
    if rivals.rows:
        yield Section(name="Against rivals", grids=[rivals])
    if skipped.rows:
        yield Section(name="Did not apply", grids=[skipped])


def _folded(rows: Sequence[object]) -> Literal["in Markdown", "always"]:
    return "in Markdown" if len(rows) <= MOST_ROWS else "always"


def _signed(change: Estimate | None) -> str:
    return "–" if change is None else estimate_text(change, signed=True)


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"  # noqa: PLR0124  # NaN
