"""A fine-tuned system of one split, and the outcome of a split with its fine-tuned systems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from scipy.special import softmax

from w2s_probe.core.types import Features, Float
from w2s_probe.experiments.run.outcome import SeedOutcome, Together
from w2s_probe.strategies import Scorer

ChosenBy = Literal["given", "held_out_pseudolabels", "held_out_labels"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Tuned:
    """A fine-tuned model: its logits on the test rows, and the epoch that was chosen.

    Parameters
    ----------
    frozen : str
        The frozen system or student at whose head it started.
    logits : sequence of arrays of shape (m, K)
        Logits on the test rows after 0, 1, … epochs; those after 0 epochs are the frozen system's.
    held_out : sequence of float
        Loss on held-out training rows after 1, 2, … epochs; empty where the number of epochs was given.
    epochs : int
        The chosen number of epochs.
    lr : float
        Largest learning rate.
    chosen_by : {"given", "held_out_pseudolabels", "held_out_labels"}
        How the number of epochs was chosen.
    pool : array of shape (N, K)
        Logits on the pool, for a teacher; empty for others.
    """

    frozen: str
    logits: Sequence[Float]
    held_out: Sequence[float]
    epochs: int
    lr: float
    chosen_by: ChosenBy
    pool: Float = field(default_factory=lambda: np.empty((0, 0)))
    alpha: float = math.nan
    rule: str = "fine-tuned"
    at_edge: bool = False
    converged: bool = True

    @property
    def test_scores(self) -> Float:
        """Logits on the test rows after the chosen number of epochs."""
        return self.logits[self.epochs]

    def scores(self, X: Features) -> Float:
        """Raise: a fine-tuned model reads items, not frozen features."""
        raise NotImplementedError

    def probabilities(self, scores: Float) -> Float:
        """Return class probabilities of shape (m, K) for logits."""
        probabilities: Float = softmax(scores, axis=1)
        return probabilities


@dataclass(frozen=True, eq=False, kw_only=True)
class TunedOutcome(SeedOutcome):
    """The outcome of one split with its fine-tuned systems; fine-tuned students are among `students` too.

    Parameters
    ----------
    tuned : mapping of str to Tuned
        Fine-tuned systems and students by name.
    """

    tuned: Mapping[str, Tuned] = field(default_factory=dict)

    @classmethod
    def of(cls, outcome: SeedOutcome, tuned: Mapping[str, Tuned], **changes: Any) -> TunedOutcome:
        """Return an outcome with fine-tuned systems and other changed fields."""
        own = {each.name: getattr(outcome, each.name) for each in fields(SeedOutcome)}
        return cls(**{**own, **changes}, tuned=tuned)

    def head(self, name: str) -> Scorer | Together:
        """Return the fitted head of a system or student, or the fine-tuned one."""
        return self.tuned[name] if name in self.tuned else super().head(name)
