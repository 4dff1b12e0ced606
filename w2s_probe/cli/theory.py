"""``w2s-probe theory``: expected errors by published theories, and simulated errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from w2s_probe.cli.options import json_option, out_option, quiet_option
from w2s_probe.cli.theory_spurious import spurious
from w2s_probe.core.limits import LARGEST_SEED, LARGEST_SIZE, MOST_TRIALS


@click.group()
def theory() -> None:
    """Print the errors that published theories expect.

    \b
    Example:
      w2s-probe theory variance --d-student 20 --d-teacher 60 \\
          --correlation-dimension 5 -n 110 -N 1000 --noise-variance 0.25
    """


@theory.command()
@click.option(
    "--d-student",
    type=click.IntRange(max=LARGEST_SIZE),
    required=True,
    help="Intrinsic dimension of the student's features.",
)
@click.option(
    "--d-teacher",
    type=click.IntRange(max=LARGEST_SIZE),
    required=True,
    help="Intrinsic dimension of the teacher's features.",
)
@click.option(
    "--correlation-dimension",
    type=float,
    required=True,
    help="Sum of squared canonical correlations of both spaces, from 0 to the smaller dimension.",
)
@click.option(
    "-n", "--n-labeled", "n", type=click.IntRange(max=LARGEST_SIZE), required=True, help="Number of labeled rows."
)
@click.option(
    "-N", "--n-unlabeled", "N", type=click.IntRange(max=LARGEST_SIZE), required=True, help="Number of pool rows."
)
@click.option("--noise-variance", type=float, required=True, help="Variance of the label noise.")
@click.option(
    "--teacher-residual", type=float, help="Squared error of the best linear head on teacher features (default: 0)."
)
@click.option(
    "--student-residual",
    type=float,
    help="Squared error of the best linear head on student features "
    "(default: --teacher-residual + --unseen-signal - --misalignment).",
)
@click.option(
    "--misalignment", type=float, help="Squared signal that the student can fit and its teacher cannot (default: 0)."
)
@click.option(
    "--unseen-signal", type=float, help="Squared signal that the teacher fits outside the student's space (default: 0)."
)
@click.option(
    "--simulate",
    "trials",
    type=click.IntRange(2, MOST_TRIALS),
    metavar="TRIALS",
    help="Also simulate the errors, in TRIALS draws.",
)
@click.option(
    "--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True, help="Seed of the simulation."
)
@quiet_option
@out_option
@json_option
def variance(*, trials: int | None, seed: int, quiet: bool, out: str | None, as_json: bool, **values: Any) -> None:
    """Compute expected errors from dimensions and sizes.

    \b
    Example:
      w2s-probe theory variance --d-student 20 --d-teacher 60 \\
          --correlation-dimension 5 -n 110 -N 1000 --noise-variance 0.25 --simulate 400

    The theory is that of Dong et al. (2025): Gaussian features, least squares, errors against the truth without
    label noise. The student inherits its teacher's variance in the directions that both spaces share; the variance
    in the teacher's other directions falls with the pool size. The ceiling has n + N labels; ceiling_unlabeled has
    the N labels of the pool only.
    """
    import numpy as np

    from w2s_probe.cli.progress import progress_display
    from w2s_probe.cli.runtime import present
    from w2s_probe.linalg.threads import shared_threads
    from w2s_probe.theory import IntrinsicDimension, errors_over_sizes, expected_errors, simulate_errors
    from w2s_probe.theory.variance.output import ErrorsAndRatios, Simulation, VarianceOutput

    errors = expected_errors(IntrinsicDimension(**{name: value for name, value in values.items() if value is not None}))
    simulated = None
    with shared_threads(), progress_display(quiet=quiet) as on_progress:
        if trials:
            rng = np.random.default_rng(seed)
            simulated = simulate_errors(errors.config, trials=trials, rng=rng, on_progress=on_progress)
        curve = errors_over_sizes(errors.config, trials=trials, seed=seed, on_progress=on_progress) if out else None
    output = VarianceOutput(
        config=replace(errors.config, student_residual=errors.config.rho_student),
        errors=ErrorsAndRatios(**errors.total.to_dict()),
        variance=errors.variance,
        bias=errors.bias,
        simulated=simulated,
        simulation=Simulation(trials=trials, seed=seed) if trials else None,
        curve=curve,
    )
    present(
        output,
        notes=errors.notes,
        out=out,
        as_json=as_json,
    )


theory.add_command(spurious)
