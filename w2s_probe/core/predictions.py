"""A teacher's predictions, in the place of the features of a teacher that is trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_same_rows, read_only
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.fit_options import Head
from w2s_probe.core.types import Rows


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions(FeatureSet):
    """Predictions of a teacher that is not trained here: its scores are read where features would be.

    Parameters
    ----------
    X : array of shape (n, K)
        Class probabilities, one-hot rows of classes, or shares of votes; equal shares where the teacher abstains. After
        `scores_for` raw scores of heads.
    speaks : array of bool, shape (n,)
        Rows on which the teacher does not abstain.
    saw : array of bool, shape (n,)
        Rows whose labels the teacher was trained on.
    kind : {"ridge", "softmax"} or None
        Kind of the heads whose raw scores `X` are; None for probabilities.
    """

    speaks: NDArray[np.bool_]
    saw: NDArray[np.bool_]
    kind: Head | None = None

    def __post_init__(self) -> None:
        FeatureSet.__post_init__(self)
        for name in ("speaks", "saw"):
            mask = read_only(np.asarray(getattr(self, name), dtype=np.bool_))
            check_same_rows(self.name, len(self.X), name, len(mask))
            object.__setattr__(self, name, mask)

    @property
    def counts(self) -> NDArray[np.bool_]:
        """Rows whose labels may judge the teacher: it speaks there, and did not see them."""
        return self.speaks & ~self.saw

    def scores_for(self, kind: Head) -> Predictions:
        """Return the predictions as raw scores of heads of this kind.

        A softmax head's raw scores are logarithms of probabilities; a probability of 0 counts as the smallest number
        above it.

        Parameters
        ----------
        kind : {"ridge", "softmax"}
            Kind of the heads.
        """
        if self.kind is not None:
            return self
        tiny = np.finfo(np.float64).tiny
        return replace(self, X=self.X if kind == "ridge" else np.log(np.maximum(self.X, tiny)), kind=kind)

    def take(self, rows: Rows) -> Predictions:
        """Return a copy with these rows, in this order.

        Parameters
        ----------
        rows : array of int, shape (m,)
            Positions of rows.
        """
        return replace(self, ids=self.ids[rows], X=self.X[rows], speaks=self.speaks[rows], saw=self.saw[rows])


def raw_scores(features: FeatureSet, kind: Head) -> FeatureSet:
    """Return predictions as raw scores of heads of a kind; features stay as they are."""
    return features.scores_for(kind) if isinstance(features, Predictions) else features


def predictions_of(teachers: Iterable[FeatureSet]) -> list[Predictions]:
    """Return the teachers that are predictions."""
    return [teacher for teacher in teachers if isinstance(teacher, Predictions)]


def all_speak(teachers: Iterable[FeatureSet]) -> NDArray[np.bool_] | None:
    """Return the rows on which no teacher abstains, shape (n,); None if no teacher is predictions."""
    return _common([given.speaks for given in predictions_of(teachers)])


def all_count(teachers: Iterable[FeatureSet]) -> NDArray[np.bool_] | None:
    """Return the rows whose labels may judge every teacher, shape (n,); None if no teacher is predictions."""
    return _common([given.counts for given in predictions_of(teachers)])


def _common(masks: list[NDArray[np.bool_]]) -> NDArray[np.bool_] | None:
    return reduce(np.logical_and, masks) if masks else None
