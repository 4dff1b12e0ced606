"""Risks expected by ``theory spurious``, as text of 80 columns with their meaning in words."""

from __future__ import annotations

import math

from w2s_probe.report.page import Grid
from w2s_probe.report.render.terminal import columns, wrapped
from w2s_probe.theory.spurious.output import SpuriousOutput, ratio

GROUPS = {"gaussian": "one cloud whose mean moves with eta", "mixture": "two groups of rows"}


def spurious_text(output: SpuriousOutput) -> str:
    """Return a table of risks by form, a table of other fractions, and their meaning in sentences."""
    forms, moves = form_grid(output), move_grid(output)
    parts = [
        *map(wrapped, spurious_headline(output)),
        "",
        columns(forms.header, forms.rows, right=(1, 2, 3, 4)),
        "",
        columns(moves.header, moves.rows, right=(1, 2, 3, 4)),
        "",
        *map(wrapped, [*spurious_meaning(output), *law_reason(output)]),
        *(wrapped(f"Note: {note}") for note in output.notes),
    ]
    return "\n".join(parts)


def spurious_headline(output: SpuriousOutput) -> list[str]:
    """Return law, geometry, sizes and fractions."""
    c = output.config
    return [
        f"law {c.law}: {GROUPS[c.law]}",
        f"p_t {c.p_teacher}, p_s {c.p_student}, overlap {c.overlap:.3g}; groups {c.distance_teacher:.3g} sigma apart "
        f"for the teacher, {c.distance_student:.3g} for the student",
        f"gamma {c.gamma:g} (times p_t {c.gamma * c.p_teacher:.3g}), nu {c.nu:g} (times p_s "
        f"{c.nu * c.p_student:.3g}), noise variance {c.noise_variance:g}",
        f"minority: {c.eta_labeled:g} of the labeled rows, {c.eta_unlabeled:g} of the pool, {c.eta_test:g} of the "
        "test rows",
    ]


def form_grid(output: SpuriousOutput) -> Grid:
    """Return the risks by every form and the simulated ones, with the best pool by each form."""
    published, suffix = output.published, "" if output.published.applies else " (n/a)"
    rows = [
        _row(f"published{suffix}", published.teacher, published.student, output, "published"),
        _row(f"published + pool{suffix}", published.teacher, published.student + published.pool_term, output, None),
        _row("second moments", output.general.teacher, output.general.student, output, "general"),
        _row("fixed point", output.fixed_point.teacher, output.fixed_point.student, output, "fixed_point"),
    ]
    if output.simulated:
        teacher, student = (output.simulated[system] for system in ("teacher", "student"))
        cells = [f"{risk_text(risk.value)} ± {risk.se:.2g}" for risk in (teacher, student)]
        rows.append(["simulated", *cells, f"{ratio(student.value, teacher.value):.3f}", "-"])
    return Grid(header=["risk", "teacher", "student", "ratio", "best pool"], rows=rows)


def move_grid(output: SpuriousOutput) -> Grid:
    """Return the fixed point at other fractions."""
    return Grid(
        header=["fixed point, by fractions", "labeled", "pool", "teacher", "student"],
        rows=[
            [
                move.name,
                f"{move.eta_labeled:.3g}",
                f"{move.eta_unlabeled:.3g}",
                *map(risk_text, (move.teacher, move.student)),
            ]
            for move in output.moves
        ],
    )


def spurious_meaning(output: SpuriousOutput) -> list[str]:
    """Return whether weak-to-strong gains, and the effect of the minority's fractions, in sentences."""
    return [_verdict(output), *_pool(output), *_labeled(output), *_law(output)]


def law_reason(output: SpuriousOutput) -> list[str]:
    """Return the reason why the published formula does not apply; nothing where it applies."""
    return [] if output.published.reason is None else [f"n/a: {output.published.reason}."]


def risk_text(value: float) -> str:
    """Return a risk with five digits."""
    return f"{value:#.5g}"


def _verdict(output: SpuriousOutput) -> str:
    share = ratio(output.fixed_point.student, output.fixed_point.teacher)
    if output.call == "helps":
        return f"Weak-to-strong helps: the student's risk is {share:.3g} times its teacher's (fixed point)."
    if output.call == "hurts":
        return f"Weak-to-strong hurts: the student's risk is {share:.3g} times its teacher's (fixed point)."
    return "Weak-to-strong changes nothing: the student's risk equals its teacher's (fixed point)."


def _pool(output: SpuriousOutput) -> list[str]:
    best = output.best["fixed_point"]
    if math.isnan(best.eta_unlabeled):
        return ["The minority fraction of the pool does not change the student's risk."]
    here = f"{output.config.eta_unlabeled:g}"
    share = f"with a minority fraction of {best.eta_unlabeled:.3g} in the pool"
    excess = ratio(output.fixed_point.student, best.student) - 1
    if excess < 0.005:
        return [f"The student's risk is lowest {share}; at {here} it is less than half a percent larger."]
    return [f"The student's risk is lowest {share}, {risk_text(best.student)}; at {here} it is {excess:.1%} larger."]


def _labeled(output: SpuriousOutput) -> list[str]:
    move = next((move for move in output.moves if move.name == "labeled as test rows"), None)
    if move is None:
        return ["The labeled rows already have the minority fraction of the test rows."]
    teacher = ratio(move.teacher, output.fixed_point.teacher) - 1
    student = ratio(move.student, output.fixed_point.student) - 1
    return [
        f"Labeled rows with the minority fraction of the test rows ({move.eta_labeled:g}), at the same pool, would "
        f"change the teacher's risk by {teacher:+.1%} and the student's by {student:+.1%}."
    ]


def _law(output: SpuriousOutput) -> list[str]:
    if output.config.law == "mixture":
        return []
    return [
        "If each row of the data belongs to one of two groups, use --law mixture: it has other risks and another best "
        "pool."
    ]


def _row(name: str, teacher: float, student: float, output: SpuriousOutput, form: str | None) -> list[str]:
    eta = math.nan if form is None else output.best[form].eta_unlabeled
    best = "-" if form is None else "any" if math.isnan(eta) else f"{eta:.3f}"
    return [name, risk_text(teacher), risk_text(student), f"{ratio(student, teacher):.3f}", best]
