"""The head of a teacher that is predictions: it returns the scores that it is given."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from w2s_probe.core.fit_options import Head
from w2s_probe.heads.linear import LinearHead


@dataclass(frozen=True, eq=False, kw_only=True)
class GivenHead(LinearHead):
    """A head that is fitted to nothing: its features are raw scores, and its weights the identity.

    Parameters
    ----------
    kind, coef, intercept, alpha, rule, at_edge, upper_end, converged
        As in `LinearHead`; it has no strength.
    """


def given_head(kind: Head, classes: int) -> GivenHead:
    """Return the head that reads raw scores as they are.

    Parameters
    ----------
    kind : {"ridge", "softmax"}
        Kind of the scores.
    classes : int
        Number of columns.
    """
    return GivenHead(
        kind=kind,
        coef=np.eye(classes),
        intercept=np.zeros(classes),
        alpha=math.nan,
        rule="given",
        at_edge=False,
    )
