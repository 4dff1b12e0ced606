"""``w2s-probe theory spurious``: excess risks of teacher and student under a spurious correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from w2s_probe.cli.options import json_option, out_option, quiet_option
from w2s_probe.core.limits import LARGEST_SEED, LARGEST_SIZE, MOST_TRIALS

if TYPE_CHECKING:
    from w2s_probe.core.types import Float, Progress
    from w2s_probe.results.read import Read
    from w2s_probe.theory import SpuriousModel

LAWS = ("gaussian", "mixture")


@click.command()
@click.option(
    "--law",
    type=click.Choice(LAWS),
    required=True,
    help="Law of the group feature: one cloud whose mean moves with eta (gaussian), or two groups of rows (mixture).",
)
@click.option(
    "--teacher-matrix",
    metavar="FILE",
    required=True,
    help="File of T, p x (p_t - 1) with orthonormal columns: directions of the group feature in teacher features.",
)
@click.option(
    "--student-matrix",
    metavar="FILE",
    required=True,
    help="File of S, p x (p_s - 1) with orthonormal columns: directions of the group feature in student features.",
)
@click.option(
    "--mu", metavar="NUMBERS", required=True, help="Minority mean minus majority mean: p numbers such as 2,0,1."
)
@click.option("--sigma", type=float, required=True, help="Standard deviation of the group feature.")
@click.option(
    "--gamma", type=float, required=True, help="Core dimension divided by labeled rows (d_z / n), below 1/p_t."
)
@click.option(
    "--nu",
    type=float,
    required=True,
    help="Core dimension divided by pool rows (d_z / N), below 1/p_s; 0 means an infinite pool.",
)
@click.option("--eta-labeled", type=float, required=True, help="Minority fraction of the labeled rows.")
@click.option("--eta-unlabeled", type=float, required=True, help="Minority fraction of the pool.")
@click.option("--eta-test", type=float, required=True, help="Minority fraction of the test rows.")
@click.option("--noise-variance", type=float, required=True, help="Variance of the label noise.")
@click.option(
    "--simulate",
    "trials",
    type=click.IntRange(2, MOST_TRIALS),
    metavar="TRIALS",
    help="Also simulate the risks, in TRIALS draws.",
)
@click.option(
    "--core-dimension",
    type=click.IntRange(1, LARGEST_SIZE),
    default=40,
    show_default=True,
    help="Core dimension d_z of the simulation; for large d_z its risks tend to the fixed point.",
)
@click.option(
    "--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True, help="Seed of the simulation."
)
@quiet_option
@out_option
@json_option
def spurious(
    *, trials: int | None, core_dimension: int, seed: int, quiet: bool, out: str | None, as_json: bool, **values: Any
) -> None:
    """Compute expected risks with a spurious correlation.

    \b
    Example:
      w2s-probe theory spurious --law mixture --teacher-matrix T.npy \\
          --student-matrix S.npy --mu 2,0,1,1,0,0 --sigma 1 --gamma .01 --nu .0025 \\
          --eta-labeled .2 --eta-unlabeled .4 --eta-test .3 --noise-variance 1

    The theory is that of Liu, Dong and Lei (2026): least squares, risks against the truth without label noise. The
    label depends only on a core z. The features of both systems also contain products of z with a group feature,
    whose minority can have other fractions in labeled rows and pool than in the test rows.

    The published formula has two limits. It holds for small gamma: at gamma p_t = .2 simulated risks are a third to
    a half larger; the fixed point holds for any gamma. And it holds for --law gaussian, where the whole cloud moves
    with eta. If each row belongs to one of two groups, use --law mixture: the student's risk was 0.6 to 1.3 times the
    formula's risk in the tested cases, and the best pool is another one. The formula is then printed with
    "applies": false.
    """
    from w2s_probe.cli.progress import progress_display
    from w2s_probe.cli.runtime import present
    from w2s_probe.linalg.threads import shared_threads
    from w2s_probe.theory import risks_over_fractions
    from w2s_probe.theory.spurious.summary import spurious_output

    with shared_threads(), progress_display(quiet=quiet) as show:
        model, read, notes = _model(values)
        simulated = _simulated(model, show, trials=trials, core_dimension=core_dimension, seed=seed) if trials else {}
        curve = risks_over_fractions(model) if out else None
        output = spurious_output(model, **simulated, curve=curve, read=read, notes=notes)
    present(
        output,
        notes=output.notes,
        out=out,
        as_json=as_json,
    )


def _model(values: dict[str, Any]) -> tuple[SpuriousModel, Read, tuple[str, ...]]:
    """Return the model, what was read of the files of its matrices, and notes on them."""
    from w2s_probe.cli.runtime import say_read
    from w2s_probe.pipeline.feature_files import read_features
    from w2s_probe.pipeline.reading import reading_of_files
    from w2s_probe.theory import SpuriousModel

    teacher, student, mu = (values.pop(name) for name in ("teacher_matrix", "student_matrix", "mu"))
    T, S = (read_features(file) for file in (teacher, student))
    model = SpuriousModel(T=T.X, S=S.X, mu=_numbers(mu), **values)
    reading = reading_of_files({"teacher": T, "student": S})
    say_read(reading)
    return model, reading.read, tuple(dict.fromkeys((*T.notes, *S.notes)))


def _numbers(text: str) -> Float:
    import numpy as np

    from w2s_probe.core.errors import ConfigError
    from w2s_probe.core.text import shorten

    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError as error:
        msg = f"--mu must be numbers with commas between: got {shorten(text, 40)!r}. Use --mu 2,0,1 for three numbers."
        raise ConfigError(msg) from error


def _simulated(
    model: SpuriousModel, on_progress: Progress | None, *, trials: int, core_dimension: int, seed: int
) -> dict[str, Any]:
    import numpy as np

    from w2s_probe.theory import simulate_risks, simulated_sizes
    from w2s_probe.theory.spurious.output import SpuriousSimulation

    sizes = simulated_sizes(model, core_dimension=core_dimension)
    rng = np.random.default_rng(seed)
    return {
        "simulated": simulate_risks(
            model, core_dimension=core_dimension, trials=trials, rng=rng, on_progress=on_progress
        ),
        "simulation": SpuriousSimulation(trials=trials, seed=seed, core_dimension=core_dimension, n=sizes.n, N=sizes.N),
    }
