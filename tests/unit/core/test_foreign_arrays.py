"""Arrays of other packages: tensors and columns of lists are matrices, and indexes of pandas tell the order of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from w2s_probe.core.arrays import as_matrix
from w2s_probe.core.errors import DataError, ShapeError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.foreign_arrays import check_one_order
from w2s_probe.diagnostics import diagnose

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 4  # exact in bfloat16


class Frame:
    """Stands for a frame of pandas: what counts is the package of its type, and its index."""

    __module__ = "pandas.core.frame"

    def __init__(self, *index: object) -> None:
        self.index = list(index)


def test_a_masked_array_is_an_array_unless_a_value_is_masked() -> None:
    plain = as_matrix(np.ma.masked_array(X), "X")
    assert type(plain) is np.ndarray
    np.testing.assert_array_equal(plain, X)
    masked = np.ma.masked_array(X, mask=X > 2)
    for given in (masked, list(masked)):
        with pytest.raises(
            ShapeError, match=r"X must have a number in every place: got 3 masked values\. Fill them in"
        ):
            as_matrix(given, "X")


def test_a_sparse_array_is_told_how_to_become_dense() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    for given in (sparse.csr_matrix(X), sparse.coo_array(X)):
        with pytest.raises(ShapeError, match=r"X must be a dense array: got \w+ of shape \(4, 3\), .* \.toarray\(\)"):
            as_matrix(given, "X")


@pytest.mark.parametrize(
    "changed",
    [
        lambda torch: torch.tensor(X).bfloat16(),
        lambda torch: torch.tensor(X, requires_grad=True),
        lambda torch: torch.nn.Parameter(torch.tensor(X).bfloat16()),
        lambda torch: torch.tensor(X).to_sparse(),
        lambda torch: [torch.tensor(row, requires_grad=True) for row in X],
    ],
)
def test_a_tensor_is_a_matrix(changed: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    assert np.array_equal(as_matrix(changed(torch), "X"), X)


@pytest.mark.parametrize(
    "column",
    [
        pl.Series(X.tolist()),
        pl.Series(X.tolist(), dtype=pl.Array(pl.Float32, 3)),
        pl.DataFrame({"embedding": X.tolist()}),
    ],
)
def test_a_column_of_lists_is_a_matrix(column: Any) -> None:
    assert np.array_equal(as_matrix(column, "X"), X)


def test_a_column_of_arrays_is_a_matrix() -> None:
    pd = pytest.importorskip("pandas")
    assert np.array_equal(as_matrix(pd.Series(list(X)), "X"), X)


@pytest.mark.parametrize(
    "rows",
    [[[1.0], [2.0], [3.0, 4.0]], [np.ones(1), np.ones(1), np.ones(2)], pl.Series([[1.0], [2.0], [3.0, 4.0]])],
)
def test_rows_of_different_lengths_are_refused(rows: Any) -> None:
    with pytest.raises(ShapeError, match=r"^weak must have rows of one length: got length 1 in row 0 and length 2"):
        as_matrix(rows, "weak")


@pytest.mark.parametrize("rows", [[[[1], [2, 3]], [[1], [2]]], [[1.0], 2.0], pl.Series([[1.0], None])])
def test_what_is_no_matrix_is_one_line(rows: Any) -> None:
    with pytest.raises(ShapeError, match=r"^weak must (have rows of one length|be an array of numbers): got [^\n]*\.$"):
        as_matrix(rows, "weak")


def test_indexes_that_differ_are_refused_with_the_first_row() -> None:
    said = "rows of weak and labels must be in one order: their pandas indexes differ, first at row 1 (b and c)"
    with pytest.raises(DataError) as raised:
        check_one_order({"weak": Frame("a", "b", "c"), "strong": X, "labels": Frame("a", "c", "b")})
    assert said in str(raised.value)
    check_one_order({"weak": Frame(2, 0, 1), "strong": None, "labels": Frame(2, 0, 1), "groups": [1, 2, 3]})
    check_one_order({"weak": Frame(2, 0, 1), "labels": Frame(0, 1)})  # numbers of rows are refused elsewhere


def test_a_plain_index_is_an_order_too() -> None:
    pd = pytest.importorskip("pandas")
    frame, label = pd.DataFrame(X), pd.Series(list("abab"))
    moved = frame.iloc[[0, 3, 1, 2]]
    with pytest.raises(DataError, match="first at row 1"):
        check_one_order({"weak": moved, "labels": label})
    check_one_order({"weak": moved, "labels": label.loc[moved.index]})
    check_one_order({"weak": moved.reset_index(drop=True), "labels": label})
    with pytest.raises(DataError, match="teacher features and student features must be in one order"):
        diagnose(frame, moved)
    with pytest.raises(DataError, match="rows of features and ids must be in one order"):
        FeatureSet(ids=label, X=moved, spec=EmbeddingSpec(backbone="mine", revision="1"))
