"""Auxiliary confidence loss: the student may disagree with its teacher where it is sure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.strategies.base import Student, W2SProblem, need_classes, need_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceLossConfig:
    """How much the student's own decisions count.

    Parameters
    ----------
    weight : float
        Weight of the student's own decisions in the loss, in [0, 1]; 0 is the vanilla student. Burns et al. use 0.5,
        and 0.75 for their largest students.
    """

    weight: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.weight, int | float) or isinstance(self.weight, bool) or not 0 <= self.weight <= 1:
            msg = f"confidence_loss.weight must be a number between 0 and 1: got {self.weight!r:.60}. Use 0.5."
            raise ConfigError(msg)


def confidence_loss(problem: W2SProblem, config: ConfidenceLossConfig) -> Student:
    r"""Return the student of the loss :math:`(1-a)\,\mathrm{CE}(p, q) + a\,\mathrm{CE}(\hat h, q)`.

    Here :math:`p` are the pseudolabels, :math:`q` the student's probabilities and :math:`\hat h` its own decisions,
    with as many rows of each class as the pseudolabels have; see `w2s_probe.heads.confidence`. The strength is the
    vanilla student's.

    Raises
    ------
    NotApplicableError
        Without softmax heads, since a ridge head has no cross-entropy, and for preference pairs.

    References
    ----------
    .. [1] Burns et al. (2023), Weak-to-Strong Generalization, arXiv 2312.09390, appendix A.4.
    """
    need_classes(problem, "confidence_loss")
    need_rows(problem, "confidence_loss", "this loss has an intercept for the shares of the classes")
    if problem.options.kind != "softmax":
        msg = f"the strategy confidence_loss needs softmax heads: got {problem.options.kind}. Use `head` softmax."
        raise NotApplicableError(msg)
    options = replace(problem.options, loss="confidence", confidence=config.weight, alpha=problem.vanilla().alpha)
    return Student(
        head=problem.fit(problem.X_unlabeled, problem.pseudolabels[0], options=options),
        kept=np.ones(len(problem.X_unlabeled), dtype=np.bool_),
        rule=f"all pseudolabels, the student's own decisions with weight {config.weight:g}",
        options=options,
    )
