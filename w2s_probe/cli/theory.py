"""``w2s-probe theory``: expected errors by published theories, and simulated errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from w2s_probe.cli.options import json_option
from w2s_probe.cli.theory_spurious import spurious


@click.group()
def theory() -> None:
    """Print what published theories expect, and simulations beside it.

    \b
    Example:
      w2s-probe theory variance --d-student 20 --d-teacher 60 \\
          --correlation-dimension 5 -n 110 -N 1000 --noise-variance 0.25
    """


@theory.command()
@click.option("--d-student", type=int, required=True, help="Intrinsic dimension of the student's features.")
@click.option("--d-teacher", type=int, required=True, help="Intrinsic dimension of the teacher's features.")
@click.option(
    "--correlation-dimension",
    type=float,
    required=True,
    help="Sum of squared canonical correlations of both, from 0 to the smaller dimension.",
)
@click.option("-n", "--n-labeled", "n", type=int, required=True, help="Labeled rows.")
@click.option("-N", "--n-unlabeled", "N", type=int, required=True, help="Rows of the pool.")
@click.option("--noise-variance", type=float, required=True, help="Variance of the label noise.")
@click.option("--teacher-residual", type=float, help="Squared error of the teacher's best linear head [0].")
@click.option("--student-residual", type=float, help="The same for the student [implied by the other three].")
@click.option("--misalignment", type=float, help="Signal the student fits and its teacher cannot, squared [0].")
@click.option("--unseen-signal", type=float, help="Signal the teacher fits outside the student's space, squared [0].")
@click.option("--simulate", "trials", type=click.IntRange(min=2), metavar="TRIALS", help="Measure the same beside it.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the simulation.")
@click.option("--out", metavar="DIR", help="Write result.json, results.parquet, report.html and report.md there.")
@json_option
def variance(*, trials: int | None, seed: int, out: str | None, as_json: bool, **values: Any) -> None:
    """Expect errors, PGR and OPR of linear heads from dimensions and sizes.

    The student inherits its teacher's variance only in the directions that both share; that of the
    others falls with the pool. By Dong et al. (2025): Gaussian features, least squares, errors
    against the truth without label noise. The ceiling has n + N labels; with labels of the pool alone
    it is ceiling_unlabeled.

    \b
    Example:
      w2s-probe theory variance --d-student 20 --d-teacher 60 \\
          --correlation-dimension 5 -n 110 -N 1000 --noise-variance 0.25 --simulate 400
    """
    import numpy as np

    from w2s_probe.cli.runtime import say
    from w2s_probe.report import save_variance
    from w2s_probe.report.theory_variance.text import variance_text
    from w2s_probe.theory import IntrinsicDimension, errors_over_sizes, expected_errors, simulate_errors
    from w2s_probe.theory.variance.output import ErrorsAndRatios, Simulation, VarianceOutput

    errors = expected_errors(IntrinsicDimension(**{name: value for name, value in values.items() if value is not None}))
    simulated = simulate_errors(errors.config, trials=trials, rng=np.random.default_rng(seed)) if trials else None
    output = VarianceOutput(
        config=replace(errors.config, student_residual=errors.config.rho_student),
        errors=ErrorsAndRatios(**errors.total.to_dict()),
        variance=errors.variance,
        bias=errors.bias,
        simulated=simulated,
        simulation=Simulation(trials=trials, seed=seed) if trials else None,
        curve=errors_over_sizes(errors.config, trials=trials, seed=seed) if out else None,
    )
    if out:
        save_variance(output, Path(out))
    if as_json:
        click.echo(output.to_json())
        for note in errors.notes:
            say(f"note: {note}", err=True)
        return
    click.echo(variance_text(output))
    if out:
        say(f"wrote {out}/result.json, results.parquet, report.html and report.md")


theory.add_command(spurious)
