"""Adaptive ensemble distillation: weights of the teachers that follow their gradients on the way to the student."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache, partial

import numpy as np

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.heads.linear import deviations
from w2s_probe.heads.ridge import ridge_spectrum
from w2s_probe.linalg.ridge import RidgePath, ridge_path
from w2s_probe.linalg.teacher_descent import Descent, Gradient, logit_weights, teacher_descent
from w2s_probe.strategies.base import Student, W2SProblem, need_teachers
from w2s_probe.strategies.weighting import all_rows, check_choice, named_weights, settled

NAME = "adaptive_ensemble"
GRADIENTS: tuple[Gradient, ...] = ("weights", "normalized", "logits")
SHOWN = (1, 10, 100)  # steps whose weights are in the result


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveEnsembleConfig:
    """How the teachers are weighted.

    Parameters
    ----------
    cap : float
        Upper bound C of each weight, at least 1 divided by the number of teachers and at most 1, which is no bound. The
        student without a bound is a variant.
    gradient : {"weights", "normalized", "logits"}
        Gradients with respect to the weights of the head, the same divided by their lengths, or gradients in the
        logits, averaged over the pool, as in the authors' code. The other values are variants.
    """

    cap: float = 0.6
    gradient: Gradient = "weights"

    def __post_init__(self) -> None:
        cap = asdict(self)["cap"]
        if not isinstance(cap, int | float) or isinstance(cap, bool) or not 0 < cap <= 1:
            msg = f"{NAME}.cap must be a number above 0 and at most 1: got {cap!r:.60}. Use 0.6."
            raise ConfigError(msg)
        check_choice(f"{NAME}.gradient", self.gradient, GRADIENTS)


def adaptive_ensemble(problem: W2SProblem, config: AdaptiveEnsembleConfig) -> Student:
    r"""Return the student of the teachers' weighted pseudolabels; the weights are those at the end of a descent.

    At each gradient step from the zero head, the weights are those of the shortest combination of the teachers'
    gradients in which no weight exceeds C [1]_ (`w2s_probe.linalg.teacher_descent`). With squared loss the descent ends
    at the head of the weighted pseudolabels, which is fitted in closed form. The strength of both is the run's, or the
    one that GCV chooses for the weighted pseudolabels. With a tiny strength the descent may stop earlier, after 10,000
    steps: `fitted` has the distance of its last head. Softmax heads are refused: each of some thousand steps would read
    the whole pool.

    The authors' code replaces C < 1/M by 1/M; here it is refused.

    References
    ----------
    .. [1] Du et al. (2020), Agree to Disagree: Adaptive Ensemble Knowledge Distillation in Gradient Space, NeurIPS 33.
    """
    need_teachers(problem, NAME)
    if problem.options.kind == "softmax":
        msg = (
            f"the strategy {NAME} needs ridge heads, since each of its many steps would read the whole pool: "
            "got `head` softmax. Use the strategy mean_teacher."
        )
        raise NotApplicableError(msg)
    M = len(problem.teachers)
    if config.cap * M < 1 - 1e-12:
        least = np.ceil(1e4 / M) / 1e4
        msg = (
            f"{NAME}.cap must be at least 1 divided by the number of teachers ({M}): got {config.cap}. "
            f"Use --set {NAME}.cap={least:g} or more."
        )
        raise ConfigError(msg)
    own = partial(_student, problem, _fits(problem))
    variants = {} if config.cap == 1 else {"cap=1": partial(own, replace(config, cap=1.0))}
    for gradient in GRADIENTS:
        if gradient != config.gradient:
            variants[f"gradient={gradient}"] = partial(own, replace(config, gradient=gradient))
    return replace(own(config), variants=variants)


def _fits(problem: W2SProblem) -> list[RidgePath]:
    """Return the ridge fits of each teacher's pseudolabels; equal teachers have equal fits."""
    X, scale = problem.X_unlabeled, problem.options.scale
    spectrum = ridge_spectrum(X, scale=scale)
    scaled = X / deviations(X, np.ones(len(X))) if scale == "standard" else X
    return [ridge_path(scaled, targets, spectrum=spectrum) for targets in problem.pseudolabels]


def _student(problem: W2SProblem, fits: list[RidgePath], config: AdaptiveEnsembleConfig) -> Student:
    descend = cache(partial(_descent, fits, config))
    head, Y, weights = settled(problem, problem.pseudolabels, lambda alpha: descend(alpha).weights)
    descent = descend(head.alpha)
    fitted = named_weights(problem, weights)
    if config.gradient != "logits":
        for step in SHOWN:
            fitted |= named_weights(problem, descent.at(step), f" at step {step}")
    return Student(
        head=head,
        kept=all_rows(problem),
        rule=f"pseudolabels of all teachers, weighted by their gradients ({config.gradient}, cap {config.cap:g})",
        targets=Y,
        fitted=fitted | {"steps": float(descent.steps), "distance of the last step's head": descent.distance},
        rivals=("mean_teacher",),
        caution=_caution(problem.teachers[int(weights.argmax())].name, config.gradient),
    )


def _caution(heaviest: str, gradient: Gradient) -> str:
    if gradient == "logits":
        return f"Its largest weight is that of {heaviest}: these gradients see only the class shares of a teacher."
    return (
        f"Its weight lies on {heaviest}: the smallest gradient, often the weakest teacher's, gets the largest weight."
    )


def _descent(fits: list[RidgePath], config: AdaptiveEnsembleConfig, alpha: float) -> Descent:
    if config.gradient == "logits":
        weights = logit_weights(np.stack([fit.target_mean for fit in fits]), cap=config.cap)
        return Descent(trajectory=weights[None], distance=0.0)
    return teacher_descent(
        fits[0].spectrum.eigenvalues,
        np.stack([fit.loadings for fit in fits]),
        alpha=alpha,
        cap=config.cap,
        gradient=config.gradient,
    )
