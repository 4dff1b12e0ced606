"""The vanilla student: one head, fitted to the teacher's pseudolabels of the whole pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.strategies.base import Student, W2SProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class VanillaConfig:
    """The vanilla student has no settings."""


def vanilla(problem: W2SProblem, config: VanillaConfig) -> Student:
    """Return the head fitted to the first teacher's pseudolabels on the whole pool.

    References
    ----------
    .. [1] Burns et al. (2023), Weak-to-Strong Generalization, arXiv 2312.09390.
    """
    kept = np.ones(len(problem.X_unlabeled), dtype=np.bool_)
    return Student(head=problem.vanilla(), kept=kept, rule="all pseudolabels")
