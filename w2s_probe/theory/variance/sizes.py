"""Expected and simulated errors at smaller and larger n and N."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from w2s_probe.core.types import Progress
from w2s_probe.theory.progress import counted
from w2s_probe.theory.variance.intrinsic_dimension import IntrinsicDimension, expected_errors
from w2s_probe.theory.variance.output import SizePoint
from w2s_probe.theory.variance.simulation import simulate_errors

FACTORS = (0.25, 0.5, 2, 4, 8)
SPARE = 10  # rows minus dimensions below which the error varies too much for its mean to be useful


def errors_over_sizes(
    config: IntrinsicDimension, *, trials: int | None, seed: int, on_progress: Progress | None = None
) -> tuple[SizePoint, ...]:
    """Return the errors over n at the config's N, then over N at the config's n; both include the config's sizes.

    Parameters
    ----------
    config : IntrinsicDimension
        Dimensions, noise and the sizes to vary.
    trials : int or None
        Trials of the simulation at each size; None for the closed forms only.
    seed : int
        Seed of the simulation.
    on_progress : callable, optional
        Called with the number of finished sizes and of all sizes.
    """
    over_n = [replace(config, n=n) for n in _around(config.n, least=config.d_teacher + SPARE)]
    over_N = [replace(config, N=N) for N in _around(config.N, least=config.d_student + SPARE)]
    return tuple(
        SizePoint(
            n=sizes.n,
            N=sizes.N,
            expected=expected_errors(sizes).total,
            simulated=simulate_errors(sizes, trials=trials, rng=np.random.default_rng([seed, sizes.n, sizes.N]))
            if trials
            else None,
        )
        for sizes in counted((*over_n, *over_N), on_progress, "errors over sizes")
    )


def _around(size: int, *, least: int) -> list[int]:
    return sorted({size, *(round(size * factor) for factor in FACTORS if size * factor >= least)})
