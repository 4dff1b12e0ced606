"""Features of examples, and the specification of the embedding that computed them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import as_matrix, check_magnitude, check_same_rows, read_only, row_blocks
from w2s_probe.core.errors import DataError, ShapeError
from w2s_probe.core.foreign_arrays import check_one_order
from w2s_probe.core.row_view import is_view, row_view
from w2s_probe.core.types import Features, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpec:
    """Everything that can change a number of an embedding, and nothing else.

    Two specs with the same fingerprint give the same features for the same item. Paths, clocks,
    devices, threads and batch sizes are not part of a spec.

    Parameters
    ----------
    backbone : str
        Kind and name, as in ``packaged:minilm-l6@2``; only the kind where a name is a path.
    revision : str
        Hash of the weights and of the files that configure the model.
    pooling, normalization, preprocessing, prompt : str
        How tokens or pixels become one vector, in words and as resolved; empty if `revision` determines it.
    dtype : str
        Type in which features are stored.
    """

    backbone: str
    revision: str
    pooling: str = ""
    normalization: str = ""
    preprocessing: str = ""
    prompt: str = ""
    dtype: str = "float32"

    def to_dict(self) -> dict[str, str]:
        """Return the fields in readable form."""
        return asdict(self)

    @property
    def shown_pooling(self) -> str:
        """The pooling; ``unknown`` for texts whose features were stored before it was part of the spec."""
        is_text_model = self.backbone == "sentence-transformers" or self.backbone.startswith("packaged:")
        return "unknown" if is_text_model and not self.pooling else self.pooling

    def fingerprint(self) -> str:
        """Return the SHA-256 of the fields, in hexadecimal."""
        text = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureSet:
    """Features with an id for each row, without labels.

    Parameters
    ----------
    ids : sequence of str, length n
        A distinct id for each row.
    X : array of shape (n, d)
        Finite float32 or float64 features, made read-only; may be a memory map, or a `RowView` of one. Their largest
        absolute value is at most 1e35, and at least 1e-35 unless all are 0.
    spec : EmbeddingSpec
        Embedding that computed the features.
    name : str
        Name of the features in messages, such as ``"teacher features"``.
    """

    ids: NDArray[np.str_]
    X: Features
    spec: EmbeddingSpec
    name: str = "features"

    def __post_init__(self) -> None:
        check_one_order({self.name: self.X, "ids": self.ids})
        X = as_matrix(self.X, self.name)
        check_magnitude(X, self.name)
        X = X if is_view(X) else read_only(X)
        ids = np.asarray(self.ids, dtype=np.str_)
        check_same_rows(self.name, len(X), "ids", len(ids))
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "ids", read_only(ids))

    def __len__(self) -> int:
        return len(self.X)

    def content_hash(self) -> str:
        """Return the SHA-256 of all features and their type, in hexadecimal; ids are not in it."""
        digest = hashlib.sha256(f"{self.X.dtype.name} {self.X.shape}".encode())
        for rows in row_blocks(len(self.X)):
            digest.update(np.ascontiguousarray(self.X[rows]).data)
        return digest.hexdigest()

    def take(self, rows: Rows) -> FeatureSet:
        """Return a copy with these rows, in this order.

        Parameters
        ----------
        rows : array of int, shape (m,)
            Positions of rows.
        """
        return FeatureSet(ids=self.ids[rows], X=self.X[rows], spec=self.spec, name=self.name)

    def align(self, ids: Sequence[str] | NDArray[np.str_]) -> FeatureSet:
        """Return the rows with these ids, in this order, without a copy of the features.

        Parameters
        ----------
        ids : sequence of str, length m
            Ids, all of which must be among ``self.ids``.

        Raises
        ------
        ShapeError
            If an id occurs twice in ``self.ids``, so that its row is ambiguous.
        DataError
            If an id is not in ``self.ids``.
        """
        order = np.argsort(self.ids, kind="stable")
        in_order = self.ids[order]
        repeats = in_order[1:][in_order[1:] == in_order[:-1]]
        if len(repeats):
            msg = f"{self.name} must have distinct ids: got {str(repeats[0])!r} twice. Give every row its own id."
            raise ShapeError(msg)
        targets = np.asarray(ids, dtype=np.str_)
        at = np.minimum(np.searchsorted(in_order, targets), len(in_order) - 1)
        missing = in_order[at] != targets
        if missing.any():
            msg = (
                f"{self.name} must have a row for every id of the data: {int(missing.sum())} of {len(targets)} ids "
                f"are missing, the first is {str(targets[missing][0])!r}. "
                f"{missing_id_advice(targets[missing].tolist(), self.ids.tolist(), total=len(targets))}"
            )
            raise DataError(msg)
        rows = order[at]
        X = self.X if len(rows) == len(self) and (np.diff(rows) == 1).all() else row_view(self.X, rows)
        return FeatureSet(ids=targets, X=X, spec=self.spec, name=self.name)


NAME_IDS = "Name the column of the same ids with --id."
SPELLINGS: dict[str, Callable[[str], str]] = {
    "leading zeros": lambda name: name.lstrip("0"),
    "a decimal point": lambda name: re.sub(r"\.0+$", "", name),
    "spaces or capitals": lambda name: name.strip().casefold(),
    "a folder": lambda name: PurePosixPath(name.replace("\\", "/")).name,
    "a folder or suffix": lambda name: PurePosixPath(name.replace("\\", "/")).stem,
}


def missing_id_advice(missing: Sequence[str], present: Sequence[str], *, total: int) -> str:
    """Return what to do about ids that features lack: most may be there in another spelling."""
    for difference, spelled in SPELLINGS.items():
        names = {spelled(name): name for name in present}
        matched = [name for name in missing if spelled(name) in names]
        if 2 * len(matched) >= len(missing):
            pair = f"{matched[0]!r:.60} in the data, {names[spelled(matched[0])]!r:.60} in the features"
            return f"The ids differ in {difference}: {pair}. Write them the same way in both, as texts."
    if present and len(missing) == total:
        return f"The features have ids such as {present[0]!r:.60}. {NAME_IDS} Or add the features of these rows."
    return "Embed these rows too."
