"""Are the labels that a forecast names enough? ``python -m tests.statistical.needed`` runs the whole simulation.

A problem is a Gaussian population with a pool of its own; only labels are drawn. Its true curve and its true variance
parts are means over forecasts from fresh labels at several sizes. The law of the problems: the student's features hold
all ten core dimensions and noise, the teacher's the first 3 to 9 of them and noise of another size, the labels noise
too; numbers and sizes are uniform. At 96 labels the true gain then has mean 0 and standard deviation .03, student minus
baseline mean -.09 and standard deviation .08.

1. With the true curve and parts put in, a fresh forecast at the n that is named excludes 0 in about half of the draws.
2. From a single forecast's estimates, the range holds the n of the truth in most problems, where a number is named.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.curve import DIFFERENCES
from w2s_probe.experiments.forecast.evidence import CombinedEstimate, ErrorModel
from w2s_probe.experiments.forecast.held_out import pipeline_scores
from w2s_probe.experiments.forecast.needed import needed_labels
from w2s_probe.experiments.forecast.pair import REPEATS, forecast_pair
from w2s_probe.linalg.moments import Moments, moments_of
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import FURTHEST, NeededLabels

Array = NDArray[np.float64]
CONFIG = W2SConfig()
PARTS = [field.name for field in fields(ErrorModel)]
N_LABELED, N_POOL, CORE = 96, 500, 10
LARGEST = 6 * N_LABELED
COARSE = 24  # draws for a truth at the present n, fewer at larger sizes
MULTIPLES = (1, 2, 5, 10, FURTHEST)  # sizes at which the truth is simulated, in units of the present n


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """One population with its pool; `noise` is the noise of teacher features, student features and labels."""

    number: int
    mixing: tuple[Array, Array, Array]
    noise: tuple[float, float, float]
    pool_teacher: Array
    pool_student: Array
    pool: Moments


def problem_of(number: int) -> Problem:
    rng = np.random.default_rng([number, 77])
    mixing = (
        rng.standard_normal((int(rng.integers(3, CORE)), 12)),
        rng.standard_normal((CORE, 20)),
        rng.standard_normal((CORE, 2)),
    )
    noise = (float(rng.uniform(0.3, 3)), float(rng.uniform(0.3, 3)), float(rng.uniform(0.3, 1.5)))
    T, S, _ = rows_of(mixing, noise, N_POOL, rng)
    return Problem(
        number=number,
        mixing=mixing,
        noise=noise,
        pool_teacher=T,
        pool_student=S,
        pool=moments_of({"teacher": T, "student": S}),
    )


def rows_of(
    mixing: tuple[Array, Array, Array], noise: tuple[float, float, float], count: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return features of both spaces and one-hot labels of fresh rows."""
    core = rng.standard_normal((count, CORE))
    T, S, F = (
        core[:, : len(A)] @ A + size * rng.standard_normal((count, A.shape[1]))
        for A, size in zip(mixing, noise, strict=True)
    )
    return T, S, np.eye(2)[F.argmax(axis=1)]


def fresh_forecast(problem: Problem, n: int, rng: np.random.Generator, *, repeats: int) -> dict[str, CombinedEstimate]:
    """Return the forecast differences from n fresh labels, without a learning curve."""
    T, S, Y = rows_of(problem.mixing, problem.noise, n, rng)
    scores = pipeline_scores(
        T,
        S,
        Y,
        rows=np.arange(n),
        pool=problem.pool,
        pool_teacher=problem.pool_teacher,
        pool_student=problem.pool_student,
        config=CONFIG,
        rng=rng,
        repeats=repeats,
    )
    return {name: scores.expected("accuracy", weights) for name, weights in DIFFERENCES.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Truth:
    """Mean estimates of one difference over `draws` of fresh labels, and mean parts of their variances, over sizes."""

    sizes: Array
    draws: Array
    values: Array
    parts: Array

    def curve(self, sizes: Array) -> tuple[Array, Array]:
        """Return the mean at other sizes, a parabola in 1/root(n), and no uncertainty."""
        fit = np.polynomial.Polynomial.fit(self.sizes**-0.5, self.values, 2, w=np.sqrt(self.sizes * self.draws))
        return np.asarray(fit(sizes**-0.5)), np.zeros(len(sizes))

    def half_width(self, sizes: Array) -> Array:
        parts = [np.interp(np.log(sizes), np.log(self.sizes), part) for part in self.parts.T]
        return ErrorModel(**dict(zip(PARTS, parts, strict=True))).half_width(sizes, CONFIG.level)

    def joined(self, other: Truth) -> Truth:
        """Return both truths as one, by size."""
        order = np.argsort([*self.sizes, *other.sizes], kind="stable")
        both = {name: np.concatenate([getattr(self, name), getattr(other, name)])[order] for name in FIELDS}
        return Truth(**both)

    def needed(self) -> NeededLabels:
        """Return what is named from the truth."""
        n = self.sizes[:1]
        value, half = float(self.curve(n)[0][0]), float(self.half_width(n)[0])
        present = Estimate(value=value, low=value - half, high=value + half)
        return needed_labels(present, int(n[0]), curve=self.curve, half_width=self.half_width)


FIELDS = [field.name for field in fields(Truth)]


def truths(problem: Problem, draws: dict[int, int], *, repeats: int, seed: int = 1) -> dict[str, Truth]:
    """Return the truth of both differences from a number of draws at every size."""
    rng = np.random.default_rng([problem.number, seed])
    sizes = sorted(draws)
    drawn = [[fresh_forecast(problem, n, rng, repeats=repeats) for _ in range(draws[n])] for n in sizes]
    return {
        name: Truth(
            sizes=np.array(sizes, dtype=np.float64),
            draws=np.array([draws[n] for n in sizes], dtype=np.float64),
            values=np.array([np.mean([each[name].value for each in at]) for at in drawn]),
            parts=np.array([[mean_part(at, name, part) for part in PARTS] for at in drawn]),
        )
        for name in DIFFERENCES
    }


def mean_part(at: list[dict[str, CombinedEstimate]], name: str, part: str) -> float:
    return float(np.mean([getattr(each[name].errors, part) for each in at]))


def fewer_with_size(draws: int) -> dict[int, int]:
    """Return numbers of draws that give the true curve about equal precision for the time spent."""
    return {N_LABELED * times: math.ceil(draws / math.sqrt(times)) for times in MULTIPLES}


def shares_resolved(
    problems: int, draws: int, truth_draws: int, *, first: int = 0
) -> Iterator[tuple[int, str, int, float]]:
    """Yield n from the truth and the share of fresh forecasts at n that exclude 0, for differences that need labels.

    The truth is simulated again at the n that a coarse one names. Sizes above `LARGEST` take too long.
    """
    number, count = first, 0
    while count < problems:
        problem = problem_of(number)
        for name, coarse in truths(problem, fewer_with_size(COARSE), repeats=2).items():
            near = coarse.needed().n
            if near is None or not N_LABELED < near <= LARGEST or count == problems:
                continue
            there = truths(problem, {near: truth_draws}, repeats=REPEATS, seed=4)[name]
            n = coarse.joined(there).needed().n
            if n is not None and n > N_LABELED:
                yield number, name, n, share_resolved(problem, name, n, draws)
                count += 1
        number += 1


def share_resolved(problem: Problem, name: str, n: int, draws: int) -> float:
    """Return the share of forecasts from n fresh labels whose interval excludes 0."""
    rng = np.random.default_rng([problem.number, 3])
    fresh = (fresh_forecast(problem, n, rng, repeats=REPEATS)[name].estimate(CONFIG.level) for _ in range(draws))
    return float(np.mean([one.low > 0 or one.high < 0 for one in fresh]))


@dataclass(frozen=True, kw_only=True)
class Named:
    """What one forecast names, beside the truth."""

    number: int
    name: str
    gain: float  # true difference at the present n
    truth: int | None
    estimate: NeededLabels
    resolved: bool  # whether the true curve lies outside the true interval at the n that is named

    @property
    def inside(self) -> bool:
        """Whether the range holds the n of the truth; a truth of at most the present n lies at the range's low end."""
        truth = math.inf if self.truth is None else max(self.truth, N_LABELED + 1)
        low, high = (math.inf if limit is None else limit for limit in (self.estimate.low, self.estimate.high))
        return low <= truth <= high


def named(problem: Problem, truth_draws: int) -> Iterator[Named]:
    """Yield what a forecast from one draw of the labels names for each difference that is not yet resolved."""
    T, S, Y = rows_of(problem.mixing, problem.noise, N_LABELED, np.random.default_rng([problem.number, 2]))
    T_pool, S_pool = problem.pool_teacher, problem.pool_student
    needed = forecast_pair(T, S, Y, pool_teacher=T_pool, pool_student=S_pool, config=CONFIG).needed
    for name, truth in truths(problem, fewer_with_size(truth_draws), repeats=2).items():
        estimate: NeededLabels = getattr(needed, name)
        if estimate.n == N_LABELED:
            continue
        at = np.array([float(estimate.n or FURTHEST * N_LABELED)])
        yield Named(
            number=problem.number,
            name=name,
            gain=float(truth.curve(np.array([float(N_LABELED)]))[0][0]),
            truth=truth.needed().n,
            estimate=estimate,
            resolved=bool(abs(truth.curve(at)[0][0]) > truth.half_width(at)[0]),
        )


def summary(found: list[Named]) -> str:
    given = [one for one in found if one.estimate.n is not None]
    closed = [one for one in given if one.estimate.high is not None]
    rest = [one for one in found if one.estimate.n is None]
    parts = {"a number": given, "a number and an upper limit": closed, "no number": rest}
    lines = [f"{len(each)} with {text}: {share(each)} of the ranges hold the truth" for text, each in parts.items()]
    resolved = np.mean([one.resolved for one in given])
    return "\n".join([*lines, f"resolved at the number that is named: {resolved:.2f}"])


def share(found: list[Named]) -> str:
    return f"{np.mean([one.inside for one in found]):.3f}" if found else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=10, help="problems of the first part")
    parser.add_argument("--first", type=int, default=0, help="number of the first problem")
    parser.add_argument("--draws", type=int, default=400, help="fresh forecasts of each")
    parser.add_argument("--ranges", type=int, default=200, help="problems of the second part")
    parser.add_argument("--truth", type=int, default=COARSE, help="draws for the truth of each, at the present n")
    options = parser.parse_args()
    shares = shares_resolved(options.problems, options.draws, options.draws // 2, first=options.first)
    with threadpool_limits(limits=1):
        for number, name, n, resolved in shares:
            print(f"problem {number}, {name}: n = {n:,}, resolved in {resolved:.3f} of fresh forecasts", flush=True)
        found = [one for number in range(options.ranges) for one in named(problem_of(number), options.truth)]
    for name in DIFFERENCES:
        each = [one for one in found if one.name == name]
        if not each:
            continue
        gains = [one.gain for one in each]
        print(f"{name}, unresolved ones: true mean {np.mean(gains):.3f}, standard deviation {np.std(gains):.3f}")
        print(summary(each))


if __name__ == "__main__":
    main()
