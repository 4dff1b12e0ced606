"""Features of preference pairs, read where the features of their sides stand."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.features import FeatureSet
from w2s_probe.core.pairs import Pairs
from w2s_probe.core.row_view import row_view
from w2s_probe.core.types import Features


class Differences:
    """Differences of the two sides of pairs, computed for the rows that are asked for.

    Parameters
    ----------
    X : array of shape (k, d)
        Features of the items; half precision is read as single precision.
    pairs : Pairs
        Two items each.
    """

    ndim = 2

    def __init__(self, X: Features, pairs: Pairs) -> None:
        self.X, self.pairs = X, pairs
        self.dtype = np.result_type(X.dtype, np.float32)
        self.shape = (len(pairs), X.shape[1])

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        second, first = (
            np.asarray(self.X[side[rows]], dtype=self.dtype) for side in (self.pairs.second, self.pairs.first)
        )
        return second - first


def pair_features(items: FeatureSet, pairs: Pairs, ids: NDArray[np.str_]) -> FeatureSet:
    """Return the features of pairs: those of the second side minus those of the first one, as a view.

    Parameters
    ----------
    items : FeatureSet
        Features of the items.
    pairs : Pairs
        Two items each.
    ids : array of str, shape (m,)
        Ids of the pairs.
    """
    X = row_view(cast("Features", Differences(items.X, pairs)), np.arange(len(pairs)))
    return FeatureSet(ids=ids, X=X, spec=items.spec, name=items.name)
