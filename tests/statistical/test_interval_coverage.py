"""Do 95 % intervals hold the truth in 95 of 100 experiments? Whole experiments with known truth are redrawn.

The population is Gaussian: a label is the sign of a noisy direction in 8 dimensions, the student
sees all of them, the teacher six of them through noise. Each experiment is drawn from it anew, run
through the real protocol, and asked whether its intervals hold the expectation of the score, or
for PGR the ratio of expectations.

With fresh data the labeled part is small, so that training rows matter as much as test rows: an
interval that counted test rows only would hold the student's accuracy in .75 of the experiments.
With re-splits it is larger. Seeds that re-split one table share training rows, whose choice no
interval from that table can see: it mostly cancels in gain and PGR, but at n = 60 and 20 seeds the
student's accuracy would be held in .88 only. An interval from the seeds' means alone: .76.

With one seed the intervals are of the scores of the fitted heads on the population: the heads are
fitted once, and test rows are drawn anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import fit_seed, run_w2s
from w2s_probe.experiments.run.scores import row_scores
from w2s_probe.experiments.run.summary import summarize
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import W2SResult

Design = Literal["fresh", "resplit"]
Task = Literal["classification", "regression"]

# n, N and test rows
SIZES: dict[Design, tuple[int, int, int]] = {"fresh": (60, 150, 150), "resplit": (200, 300, 150)}
CONFIG = W2SConfig(alphas=9)  # a short path: what is tested is the interval, not the head
SYSTEMS = ("teacher", "baseline", "ceiling", "student")
# binomial standard error of a coverage of .95: .0097, three of which stay within these bounds
EXPERIMENTS = 500
# standard errors of the truth stay below a fifteenth of the half-width at 20 seeds
TRUTH_EXPERIMENTS, TRUTH_ROWS = 3000, 2000
ACCEPTED = (0.92, 0.99)
ACCEPTED_ACCURACY = {"fresh": ACCEPTED, "resplit": (0.90, 1.0)}
BY_DESIGN = [  # the truth of a design takes long: one worker finds it for both numbers of seeds
    pytest.param(design, marks=pytest.mark.xdist_group(f"intervals of {design}")) for design in SIZES
]
POPULATION, ONE_SEED_ROWS, ONE_SEED_DRAWS = 40_000, 400, 400


@dataclass(frozen=True, eq=False, kw_only=True)
class Experiment:
    """A table from the population and the splits of its seeds."""

    teacher: FeatureSet
    student: FeatureSet
    labels: Labels
    splits: list[Split]


@pytest.mark.statistical
@pytest.mark.parametrize("seeds", [5, 20])
@pytest.mark.parametrize("design", BY_DESIGN)
def test_intervals_hold_the_expectation_in_92_to_99_of_100_experiments(design: Design, seeds: int) -> None:
    truth = expectations(design)
    with threadpool_limits(limits=1):
        found = [estimates(run(design, seeds=seeds, number=number)) for number in range(EXPERIMENTS)]
    unresolved = float(np.mean([not answer["pgr"].resolved for answer in found]))
    coverage = {name: covered([answer[name] for answer in found], truth[name]) for name in truth}

    assert unresolved < 0.01
    for name, share in coverage.items():
        low, high = ACCEPTED_ACCURACY[design] if name in SYSTEMS else ACCEPTED
        assert low <= share <= high, f"{name} is covered in {share:.3f} of the experiments: {coverage}"


@pytest.mark.statistical
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_with_one_seed_95_of_100_draws_of_test_rows_hold_the_score_of_the_heads(task: Task) -> None:
    with threadpool_limits(limits=1):
        config = replace(CONFIG, task=task)
        outcome, labels = fitted_once(config)
        truth = scores_of_heads(outcome, labels)
        found = [
            one_seed(on_rows(outcome, np.random.default_rng([2, number])), labels, config)
            for number in range(ONE_SEED_DRAWS)
        ]
    deviation = np.sqrt(0.95 * 0.05 / ONE_SEED_DRAWS)
    for name, value in truth.items():
        answers = [answer[name] for answer in found]
        assert not any(answer.resolved is False for answer in answers)
        assert abs(covered(answers, value) - 0.95) <= 3 * deviation, f"{name} is covered in {covered(answers, value)}"


def fitted_once(config: W2SConfig) -> tuple[SeedOutcome, Labels]:
    """Return heads fitted on one draw of training rows, with the population as their test rows."""
    drawn = experiment("fresh", seeds=1, rng=np.random.default_rng(2), spare=POPULATION, task=config.task)
    split = replace(drawn.splits[0], test=np.arange(len(drawn.labels) - POPULATION, len(drawn.labels)))
    return fit_seed(drawn.teacher, drawn.student, drawn.labels, split=split, config=config), drawn.labels


def on_rows(outcome: SeedOutcome, rng: np.random.Generator) -> SeedOutcome:
    """Return the same heads on test rows drawn from the population."""
    rows = rng.choice(POPULATION, ONE_SEED_ROWS, replace=False)
    scores = {system: raw[rows] for system, raw in outcome.test_scores.items()}
    return replace(outcome, split=replace(outcome.split, test=outcome.split.test[rows]), test_scores=scores)


def scores_of_heads(outcome: SeedOutcome, labels: Labels) -> dict[str, float]:
    """Return the student's scores on the whole population, its gain and PGR."""
    rows = row_scores(outcome, labels)
    mean = {
        system: {name: float(row.numerator.mean() / row.denominator.mean()) for name, row in scores.items()}
        for system, scores in rows.items()
    }
    main = "accuracy" if labels.classes else "r2"
    teacher, student, ceiling = (mean[system][main] for system in ("teacher", "vanilla", "ceiling"))
    # ECE is biased upwards; a ridge head's log loss depends on few rows whose class has probability 0 (36 nats each)
    scores = {name: value for name, value in mean["vanilla"].items() if name not in ("ece", "log_loss")}
    return {**scores, "gain": student - teacher, "pgr": (student - teacher) / (ceiling - teacher)}


def one_seed(outcome: SeedOutcome, labels: Labels, config: W2SConfig) -> dict[str, Estimate]:
    student = summarize([outcome], labels, config=config).students["vanilla"]
    return {**student.scores, "gain": student.gain, "pgr": student.pgr}


def covered(answers: list[Estimate], truth: float) -> float:
    """Return the fraction of the defined intervals that hold the truth."""
    defined = [answer for answer in answers if answer.resolved is not False]
    return float(np.mean([answer.low <= truth <= answer.high for answer in defined]))


def estimates(result: W2SResult) -> dict[str, Estimate]:
    student = result.students["vanilla"]
    accuracies = {system: each.scores["accuracy"] for system, each in result.systems.items()}
    return {**accuracies, "student": student.scores["accuracy"], "gain": student.gain, "pgr": student.pgr}


def run(design: Design, *, seeds: int, number: int) -> W2SResult:
    drawn = experiment(design, seeds=seeds, rng=np.random.default_rng([0, seeds, number]))
    return run_w2s(drawn.teacher, drawn.student, drawn.labels, splits=drawn.splits, config=CONFIG)[0]


@cache
def expectations(design: Design) -> dict[str, float]:
    """Return what the intervals should hold, from heads scored on many new rows of the population."""
    with threadpool_limits(limits=1):
        accuracies = [accuracies_on_new_rows(design, number=number) for number in range(TRUTH_EXPERIMENTS)]
    mean = dict(zip(SYSTEMS, np.mean(accuracies, axis=0).tolist(), strict=True))
    gain = mean["student"] - mean["teacher"]
    return {**mean, "gain": gain, "pgr": gain / (mean["ceiling"] - mean["teacher"])}


def accuracies_on_new_rows(design: Design, *, number: int) -> list[float]:
    rng = np.random.default_rng([1, number])
    drawn = experiment(design, seeds=1, rng=rng, spare=TRUTH_ROWS)
    new = np.arange(len(drawn.labels) - TRUTH_ROWS, len(drawn.labels))
    split = replace(drawn.splits[0], test=new)
    outcome = fit_seed(drawn.teacher, drawn.student, drawn.labels, split=split, config=CONFIG)
    scores = {**outcome.test_scores, "student": outcome.test_scores["vanilla"]}
    return [float((scores[system].argmax(axis=1) == drawn.labels.values[new]).mean()) for system in SYSTEMS]


def experiment(
    design: Design, *, seeds: int, rng: np.random.Generator, spare: int = 0, task: str = "classification"
) -> Experiment:
    """Return own rows for each seed, or one table twice as large as a split; `spare` rows play no part."""
    rows = sum(SIZES[design]) * (seeds if design == "fresh" else 2)
    core = rng.standard_normal((rows + spare, 8))
    truth = core.sum(axis=1) / np.sqrt(8) + 0.3 * rng.standard_normal(len(core))
    weak = core[:, :6] + 0.7 * rng.standard_normal((len(core), 6))
    labels = Labels(values=truth, classes=None)
    if task == "classification":
        labels = Labels(values=(truth > 0).astype(np.int64), classes=("no", "yes"))
    table = Labels(values=labels.values[:rows], classes=labels.classes)
    splits = own_rows(seeds) if design == "fresh" else redraws(table, seeds)
    return Experiment(teacher=features(weak), student=features(core), labels=labels, splits=splits)


def own_rows(seeds: int) -> list[Split]:
    n, N, m = SIZES["fresh"]
    blocks = np.arange(seeds * (n + N + m)).reshape(seeds, -1)
    return [
        Split(labeled=rows[:n], unlabeled=rows[n : n + N], test=rows[n + N :], seed=seed)
        for seed, rows in enumerate(blocks)
    ]


def redraws(table: Labels, seeds: int) -> list[Split]:
    n, N, m = SIZES["resplit"]
    return draw_splits(table, seeds=range(seeds), n_labeled=n, n_unlabeled=N, n_test=m)


def features(X: np.ndarray) -> FeatureSet:
    spec = EmbeddingSpec(backbone="simulation", revision="1")
    return FeatureSet(ids=np.arange(len(X)).astype(np.str_), X=X, spec=spec)
