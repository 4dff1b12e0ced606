"""Distillation from a weak teacher: a student of labels and pseudolabels together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from typing import Literal, cast, get_args

import numpy as np

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.folds import stratified_part
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.heads import LinearHead
from w2s_probe.heads.gradient_path import early_stopped
from w2s_probe.heads.tempered import JointRows, fit_tempered
from w2s_probe.linalg.distilled import joint_weights
from w2s_probe.strategies.base import Student, W2SProblem
from w2s_probe.strategies.distill_choice import Lesson, Strength, check_rows, strengths
from w2s_probe.strategies.weighting import all_rows, check_choice

NAME = "distill"
SOFT_WEIGHTS = (0.0, 0.25, 1.0, 4.0)
TEACHER_ROWS = (25, 50, 100, 400)
FALL = 4.0  # a linear schedule begins with this many times the weight of the pseudolabels
MOST_STEPS = 10_000
Schedule = Literal["constant", "linear"]
Start = Literal["zero", "baseline", "vanilla"]
CAUTION = "Labels and pseudolabels have one strength here; the anchored student has one for each."


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillConfig:
    """How pseudolabels are weighted, who made them, and how the head is fitted.

    A converged head is the minimum of a convex loss: it depends neither on the schedule nor on the start. Both matter
    only for a descent that stops early, that is for `steps` above 0.

    Parameters
    ----------
    soft_weight : sequence of float, or float
        Weights of all pseudolabels together, at least 0; all labels together weigh 1. The student has the one with the
        least held-out error; each of several is a variant. With 0 it learns from the labels alone, as the baseline.
    teacher_rows : sequence of int, or int
        Numbers of labeled rows that the teacher of a variant is fitted to, at least 2; larger ones than the number of
        labeled rows are left out. The student itself has the teacher of all labeled rows.
    schedule : {"constant", "linear"}
        Weight of the pseudolabels along the descent: constant, or falling in equal steps from 4 times to 1 times.
    temperature : sequence of float, or float
        Temperature of a softmax student's loss and targets on the pool, above 0. The student has the first value; the
        others are variants.
    steps : int
        Steps of full-batch gradient descent, at most 10,000; 0 is the converged head.
    start : {"zero", "baseline", "vanilla"}
        Head at which the descent starts: zero, the head of the labels, or the vanilla student, which is the teacher's
        head remapped to the student's features.
    """

    soft_weight: Sequence[float] | float = SOFT_WEIGHTS
    teacher_rows: Sequence[int] | int = TEACHER_ROWS
    schedule: Schedule = "constant"
    temperature: Sequence[float] | float = 1.0
    steps: int = 0
    start: Start = "zero"

    def __post_init__(self) -> None:
        _check_numbers("soft_weight", self.soft_weight, "of at least 0: got {}. Use [0, 0.25, 1, 4].", lambda x: x >= 0)
        _check_numbers("temperature", self.temperature, "above 0: got {}. Use 1.", lambda x: x > 0)
        at_least = "that are whole and at least 2: got {}. Use [25, 100]."
        _check_numbers("teacher_rows", self.teacher_rows, at_least, lambda x: x >= 2 and x == int(x))
        check_choice(f"{NAME}.schedule", self.schedule, get_args(Schedule))
        check_choice(f"{NAME}.start", self.start, get_args(Start))
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or not 0 <= self.steps <= MOST_STEPS:
            msg = f"{NAME}.steps must be a whole number from 0 to {MOST_STEPS}: got {self.steps!r:.60}. Use 0."
            raise ConfigError(msg)


def distill(problem: W2SProblem, config: DistillConfig) -> Student:
    r"""Return the student of labels and pseudolabels together, as in distillation from a weak teacher.

    With means over the labeled rows L and the pool U, ridge heads minimize
    :math:`\mathrm{mean}_L \lVert y - f\rVert^2 + a_s\,\mathrm{mean}_U \lVert t - f\rVert^2`, and softmax heads
    :math:`\mathrm{mean}_L \mathrm{CE}(y, q) + a_s \tau^2\,\mathrm{mean}_U \mathrm{KL}(p_t^\tau \Vert q^\tau)`, both
    with a penalty [1]_. The penalty and :math:`a_s` are those with the least held-out error on L, where a row's label
    is left out of the teacher too: by exact leave-one-out for ridge heads on soft pseudolabels
    (`w2s_probe.linalg.distilled`), else in five folds at temperature 1. The joint rows' own GCV would trust the
    pseudolabels, and choose far too small a strength. Early-stopped heads have the strength of the converged head.
    With several teachers, the first one teaches.

    Variants have each weight, and teachers of fewer labeled rows with the weight that is chosen for them and with each
    weight. Other temperatures, and for early-stopped heads the other schedule, the other starts and the converged head,
    are variants in the same way. Without pseudolabels little of this matters: ``soft_weight=0`` stands alone.

    `fitted` has the weight and the number of the teacher's rows, and the held-out error of each weight.

    References
    ----------
    .. [1] Lee et al. (2023), arXiv 2305.18239.
    """
    n = len(problem.Y_labeled)
    if problem.options.kind == "ridge" and _listed(config.temperature) != (1.0,):
        msg = (
            f"{NAME}.temperature needs softmax heads, since ridge heads have none: got {config.temperature!r:.60}. "
            f"Use --set {NAME}.temperature=1, or --head softmax."
        )
        raise NotApplicableError(msg)
    fits = _Fits(problem, config)
    own, *others = _settings(config, n)
    student = partial(_student, fits)
    return replace(student(own), variants={other.key(own): partial(student, other) for other in others})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """One student of the grid, its fields in the order of the config; a chosen weight is None."""

    soft_weight: float | None
    teacher_rows: int
    schedule: Schedule
    temperature: float
    steps: int
    start: Start

    def key(self, own: _Setting) -> str:
        """Return the fields that differ from those of the strategy's own student."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        shown = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in values.items()}
        return ",".join(f"{name}={shown[name]}" for name, value in values.items() if value != getattr(own, name))


def _settings(config: DistillConfig, n: int) -> Iterator[_Setting]:
    """Yield all students of the grid: first the strategy's own."""
    weights, temperatures = _listed(config.soft_weight), _listed(config.temperature)
    fewer = [int(rows) for rows in _listed(config.teacher_rows) if rows < n]
    own = _Setting(
        soft_weight=None,
        teacher_rows=n,
        schedule=config.schedule,
        temperature=temperatures[0],
        steps=config.steps,
        start=config.start,
    )
    yield own
    several = weights if len(weights) > 1 else ()
    yield from (replace(own, soft_weight=weight) for weight in several)
    others = [replace(own, teacher_rows=rows) for rows in fewer]
    others += [replace(own, temperature=temperature) for temperature in temperatures[1:]]
    if config.steps:
        others.append(replace(own, schedule="constant" if config.schedule == "linear" else "linear"))
        others += [replace(own, start=start) for start in get_args(Start) if start != config.start]
        others.append(replace(own, steps=0))
    for other in others:
        yield other
        yield from (replace(other, soft_weight=weight) for weight in several if weight)


class _Fits:
    """Teachers, strengths and heads of one problem, each fitted once."""

    def __init__(self, problem: W2SProblem, config: DistillConfig) -> None:
        self.problem, self.weights = problem, _listed(config.soft_weight)
        self.seed = int(problem.rng.integers(2**63))  # draws and folds do not depend on the order of the variants
        self.lesson, self.strengths = cache(self._lesson), cache(self._strengths)
        self.X = np.concatenate([problem.X_labeled, problem.X_unlabeled])

    def _lesson(self, size: int) -> Lesson:
        """Return the teacher of this number of labeled rows, drawn with the classes' shares."""
        problem, teacher = self.problem, self.problem.teachers[0]
        n = len(problem.Y_labeled)
        if size == n:
            return Lesson(rows=np.arange(n), alpha=teacher.head.alpha, scores=teacher.scores)
        rows: Rows = stratified_part(problem.Y_labeled, size, np.random.default_rng([self.seed, size]))
        check_rows(problem, rows)
        further = teacher.fit(rows=rows)
        return Lesson(rows=rows, alpha=further.head.alpha, scores=further.scores)

    def _strengths(self, size: int) -> list[Strength]:
        return strengths(self.problem, self.X, self.lesson(size), self.weights, seed=self.seed)

    def head(self, setting: _Setting, strength: Strength) -> LinearHead:
        """Return the head of a setting at this strength."""
        problem, options = self.problem, replace(self.problem.options, loss="ce")
        targets = problem.pseudolabels_of(self.lesson(setting.teacher_rows).scores / setting.temperature)
        n, N = len(problem.Y_labeled), len(targets)
        rows = JointRows(
            X=self.X,
            Y=np.concatenate([problem.Y_labeled, targets]),
            n=n,
            weights=joint_weights(n, N, strength.soft_weight),
            temperature=setting.temperature,
        )
        alpha = strength.alpha
        if setting.steps:
            weights = (joint_weights(n, N, weight) for weight in _schedule(setting, strength.soft_weight))
            return strength.of(early_stopped(rows, options, alpha=alpha, weights=weights, start=self._start(setting)))
        if setting.temperature == 1:
            X, of_rows = rows.X, rows.weights
        elif options.intercept:
            return strength.of(fit_tempered(rows, options, alpha=alpha, start=self._start(setting)))
        else:
            X, of_rows, alpha = _tempered_pairs(rows, scaled=options.scale == "standard", alpha=alpha)
        head = problem.fit(X, rows.Y, sample_weight=of_rows, options=replace(options, alpha=alpha))
        return strength.of(cast("LinearHead", head))

    def _start(self, setting: _Setting) -> LinearHead | None:
        if setting.start == "zero":
            return None
        head = self.problem.baseline() if setting.start == "baseline" else self.problem.vanilla()
        return cast("LinearHead", head)


def _tempered_pairs(rows: JointRows, *, scaled: bool, alpha: float) -> tuple[Features, Float, float]:
    """Return features, weights and strength of the same head at temperature 1.

    Without an intercept, logits divided by the temperature are those of features divided by it. Scaled features then
    are larger by the root of the ratio of the weights' sums, which the strength follows.
    """
    temperature = np.where(np.arange(len(rows.X)) < rows.n, 1.0, rows.temperature)
    weights = rows.weights * temperature**2
    ratio = float(weights.sum() / rows.weights.sum()) if scaled else 1.0
    return rows.X / temperature[:, None], weights, alpha * ratio


def _schedule(setting: _Setting, soft_weight: float) -> Float:
    """Return the weight of the pseudolabels at each step."""
    first = FALL if setting.schedule == "linear" else 1.0
    return soft_weight * np.linspace(first, 1.0, setting.steps)


def _student(fits: _Fits, setting: _Setting) -> Student:
    table = {strength.soft_weight: strength for strength in fits.strengths(setting.teacher_rows)}
    chosen = setting.soft_weight
    strength = min(table.values(), key=lambda one: one.error) if chosen is None else table[chosen]
    fitted = {"soft_weight": strength.soft_weight, "teacher_rows": float(setting.teacher_rows)}
    fitted["held_out_error"] = strength.error
    if chosen is None:
        fitted |= {f"held_out_error at soft_weight={weight:g}": one.error for weight, one in table.items()}
    whole = setting.teacher_rows == len(fits.problem.Y_labeled)
    return Student(
        head=fits.head(setting, strength),
        kept=all_rows(fits.problem),
        rule="all pseudolabels, and the labels",
        targets=None if whole else fits.problem.pseudolabels_of(fits.lesson(setting.teacher_rows).scores),
        fitted=fitted,
        uses_labels=True,
        rivals=("anchored",) if chosen is None and whole else (),
        caution=CAUTION,
    )


def _listed(value: Sequence[float] | float) -> tuple[float, ...]:
    return (float(value),) if isinstance(value, int | float) else tuple(float(one) for one in value)


def _check_numbers(field: str, value: object, wanted: str, holds: Callable[[float], bool]) -> None:
    """Raise `ConfigError` unless a value is a number, or a list of distinct numbers, for which `holds` is true."""
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    valid = [
        one
        for one in numbers
        if isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) and holds(one)
    ]
    if not numbers or len({f"{one:g}" for one in valid}) < len(numbers):
        msg = f"{NAME}.{field} must be distinct numbers {wanted.format(f'{value!r:.60}')}"
        raise ConfigError(msg)
