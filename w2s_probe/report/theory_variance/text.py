"""Errors expected by ``theory variance``, as text of 80 columns with their meaning in words."""

from __future__ import annotations

import math
from dataclasses import asdict

from w2s_probe.report.page import Grid
from w2s_probe.report.render.terminal import columns, wrapped
from w2s_probe.theory import ExpectedErrors, Simulated
from w2s_probe.theory.variance.output import VarianceOutput

SYSTEMS = {
    "teacher": "teacher",
    "baseline": "baseline",
    "ceiling": "ceiling, n + N labels",
    "ceiling_unlabeled": "ceiling, N labels",
    "student_fresh": "student, fresh points",
    "student_in_sample": "student, on the pool",
}
RATIOS = {"pgr": "PGR, n + N labels", "pgr_unlabeled": "PGR, N labels", "opr": "OPR"}


def variance_text(output: VarianceOutput) -> str:
    """Return a table of errors, a table of ratios, and the better system with the reason in sentences."""
    errors, ratios = error_grid(output), ratio_grid(output)
    parts = [
        *variance_headline(output),
        "",
        columns(errors.header, errors.rows, right=(1, 2, 3, 4)),
        "",
        columns(ratios.header, ratios.rows, right=(1, 2)),
        "",
        *map(wrapped, meaning(output.expected)),
        *(wrapped(f"Note: {note}") for note in output.expected.notes),
    ]
    return "\n".join(parts)


def variance_headline(output: VarianceOutput) -> list[str]:
    """Return dimensions, sizes and noise."""
    c = output.config
    return [
        f"d_student {c.d_student}, d_teacher {c.d_teacher}, correlation dimension {c.correlation_dimension:g}",
        f"n = {c.n}, N = {c.N}, noise variance {c.noise_variance:g}",
    ]


def error_grid(output: VarianceOutput) -> Grid:
    """Return the errors of all systems with variance and bias, and the simulated errors."""
    parts = (asdict(output.errors), asdict(output.variance), asdict(output.bias))
    return Grid(
        header=["squared error", "expected", "variance", "bias", *_simulated_header(output)],
        rows=[
            [label, *(_number(part[name]) for part in parts), *_simulated(output, name)]
            for name, label in SYSTEMS.items()
        ],
    )


def ratio_grid(output: VarianceOutput) -> Grid:
    """Return PGR against both ceilings, and OPR."""
    return Grid(
        header=["ratio", "expected", *_simulated_header(output)],
        rows=[
            [label, _number(getattr(output.errors, name)), *_simulated(output, name)] for name, label in RATIOS.items()
        ],
    )


def meaning(errors: ExpectedErrors) -> list[str]:
    """Return the better system and the reason, in sentences."""
    c, total = errors.config, errors.total
    d_st = c.correlation_dimension
    shared = (
        f"The student keeps its teacher's variance in the {d_st:g} dimensions they share and "
        f"{c.d_student / (c.N - c.d_student - 1):.2g} of it in the teacher's other {c.d_teacher - d_st:g}: a larger "
        "pool lowers the second part only, more labels lower both parts."
    )
    gap = "The ceiling is no better than the teacher: there is no gap to close, and PGR is undefined."
    if not math.isnan(total.pgr):
        change = "closes" if total.pgr >= 0 else "widens"
        gap = f"The student {change} {abs(total.pgr):.0%} of the gap from teacher to ceiling (PGR)."
    return [shared, gap, *_against_labels(total.opr)]


def _against_labels(opr: float) -> list[str]:
    """Return a sentence on weak-to-strong against the n labels alone; nothing where OPR is undefined."""
    if opr > 1:
        return [
            f"Weak-to-strong is better than the strong model trained on the n labels, whose error is {opr:.3g} "
            "times the student's (OPR above 1)."
        ]
    if opr <= 1:
        return [
            "Training the strong model on the n labels directly is no worse than weak-to-strong: its error is "
            f"{opr:.3g} times the student's (OPR at most 1)."
        ]
    return []


def _simulated_header(output: VarianceOutput) -> list[str]:
    return ["simulated"] if output.simulated else []


def _simulated(output: VarianceOutput, name: str) -> list[str]:
    return [_measured(output.simulated[name])] if output.simulated else []


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.6f}"


def _measured(simulated: Simulated) -> str:
    if math.isnan(simulated.value):
        return "undefined"
    return f"{simulated.value:.6f} ± {simulated.se:.6f}"
