"""``w2s-probe theory spurious``: excess risks of teacher and student under a spurious correlation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from w2s_probe.cli.options import json_option

if TYPE_CHECKING:
    from w2s_probe.core.types import Float
    from w2s_probe.theory import SpuriousModel

LAWS = ("gaussian", "mixture")


@click.command()
@click.option(
    "--law",
    type=click.Choice(LAWS),
    required=True,
    help="Of the group feature: one cloud whose mean moves with eta, or two groups of rows.",
)
@click.option(
    "--teacher-matrix",
    metavar="FILE",
    required=True,
    help="T, p x (p_t - 1) with orthonormal columns: directions of the group feature that the teacher sees.",
)
@click.option("--student-matrix", metavar="FILE", required=True, help="S, p x (p_s - 1), the same for the student.")
@click.option("--mu", metavar="NUMBERS", required=True, help="Minority's mean, p numbers as 2,0,1.")
@click.option("--sigma", type=float, required=True, help="Standard deviation of the group feature.")
@click.option("--gamma", type=float, required=True, help="Core dimension for each labeled row, below 1/p_t.")
@click.option(
    "--nu", type=float, required=True, help="Core dimension for each row of the pool, below 1/p_s; 0 without end."
)
@click.option("--eta-labeled", type=float, required=True, help="Minority fraction of the labeled rows.")
@click.option("--eta-unlabeled", type=float, required=True, help="Minority fraction of the pool.")
@click.option("--eta-test", type=float, required=True, help="Minority fraction of the test rows.")
@click.option("--noise-variance", type=float, required=True, help="Variance of the label noise.")
@click.option("--simulate", "trials", type=click.IntRange(min=2), metavar="TRIALS", help="Measure the same beside it.")
@click.option(
    "--core-dimension",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Of the simulation; the fixed point is the limit of large ones.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the simulation.")
@click.option("--out", metavar="DIR", help="Write result.json, results.parquet, report.html and report.md there.")
@json_option
def spurious(
    *, trials: int | None, core_dimension: int, seed: int, out: str | None, as_json: bool, **values: Any
) -> None:
    """Expect risks of teacher and student under a spurious correlation.

    The label depends on a core z alone; both systems also see products of z with a group feature, whose
    minority can be rarer among labeled rows or in the pool than in the test. By Liu, Dong and Lei (2026):
    least squares, risks against the truth without label noise.

    Two traps. The published formula is one of small gamma: at gamma p_t = .2, simulations lie a third to a
    half above it; the fixed point holds at any gamma. And it is for --law gaussian, where the whole
    cloud moves with eta. Rows that each belong to one of two groups follow --law mixture, where the student's
    risk was 0.6 to 1.3 times the formula's in the cases tried, and another pool is best: the formula is
    then printed with "applies": false.

    \b
    Example:
      w2s-probe theory spurious --law mixture --teacher-matrix T.npy \\
          --student-matrix S.npy --mu 2,0,1,1,0,0 --sigma 1 --gamma .01 --nu .0025 \\
          --eta-labeled .2 --eta-unlabeled .4 --eta-test .3 --noise-variance 1
    """
    from w2s_probe.cli.runtime import say
    from w2s_probe.report import save_spurious
    from w2s_probe.report.theory_spurious.text import spurious_text
    from w2s_probe.theory import risks_over_fractions
    from w2s_probe.theory.spurious.summary import spurious_output

    model = _model(values)
    simulated = _simulated(model, trials=trials, core_dimension=core_dimension, seed=seed) if trials else {}
    output = spurious_output(model, **simulated, curve=risks_over_fractions(model) if out else None)
    if out:
        save_spurious(output, Path(out))
    if as_json:
        click.echo(output.to_json())
        for note in output.notes:
            say(f"note: {note}", err=True)
        return
    click.echo(spurious_text(output))
    if out:
        say(f"wrote {out}/result.json, results.parquet, report.html and report.md")


def _model(values: dict[str, Any]) -> SpuriousModel:
    from w2s_probe.pipeline.feature_files import read_features
    from w2s_probe.theory import SpuriousModel

    teacher, student, mu = (values.pop(name) for name in ("teacher_matrix", "student_matrix", "mu"))
    T, S = (read_features(Path(file))[0] for file in (teacher, student))
    return SpuriousModel(T=T, S=S, mu=_numbers(mu), **values)


def _numbers(text: str) -> Float:
    import numpy as np

    from w2s_probe.core.errors import ConfigError
    from w2s_probe.core.text import shorten

    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError as error:
        msg = f"--mu must be numbers with commas between, as 2,0,1: got {shorten(text, 40)!r}. Correct it."
        raise ConfigError(msg) from error


def _simulated(model: SpuriousModel, *, trials: int, core_dimension: int, seed: int) -> dict[str, Any]:
    import numpy as np

    from w2s_probe.theory import simulate_risks, simulated_sizes
    from w2s_probe.theory.spurious.output import SpuriousSimulation

    sizes = simulated_sizes(model, core_dimension=core_dimension)
    rng = np.random.default_rng(seed)
    return {
        "simulated": simulate_risks(model, core_dimension=core_dimension, trials=trials, rng=rng),
        "simulation": SpuriousSimulation(trials=trials, seed=seed, core_dimension=core_dimension, n=sizes.n, N=sizes.N),
    }
