"""Views of rows give what a copy of the rows gives, and hold no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.arrays import as_matrix, row_blocks
from w2s_probe.core.config import DataConfig
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.row_view import is_view, row_view
from w2s_probe.heads import PoolFits
from w2s_probe.pipeline.feature_files import read_features

X = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
SPEC = EmbeddingSpec(backbone="test", revision="1")


@given(rows=st.lists(st.integers(0, 29), min_size=1, max_size=40), start=st.integers(0, 9), seed=st.integers(0, 9))
def test_every_part_is_that_of_a_copy(rows: list[int], start: int, seed: int) -> None:
    view, copy = row_view(X, np.array(rows)), X[rows]
    assert (view.shape, view.dtype, len(view), view.ndim, view.nbytes) == (
        *(copy.shape, copy.dtype, len(copy), copy.ndim, copy.nbytes),
    )
    some = np.random.default_rng(seed).integers(len(rows), size=3)
    for key in (slice(start, None, 2), some, np.arange(len(rows)) % 2 == 0, 0, (0, 1), (slice(None), 2), (some, 1)):
        np.testing.assert_array_equal(view[key], copy[key])
    np.testing.assert_array_equal(row_view(view, some), copy[some])
    np.testing.assert_array_equal(np.concatenate([view[rows] for rows in row_blocks(len(view), 7)]), copy)


def test_arithmetic_and_methods_are_those_of_a_copy() -> None:
    rows = np.array([3, 1, 3])
    view, copy, W = row_view(X, rows), X[rows], np.ones((4, 2))
    for mine, theirs in (
        *((view @ W, copy @ W), (W.T @ view.T, W.T @ copy.T), (2 * view - 1, 2 * copy - 1), (-view, -copy)),
        *((view.mean(axis=0), copy.mean(axis=0)), (view.std(), copy.std()), (np.abs(view), np.abs(copy))),
        *((view.astype(np.float64), copy.astype(np.float64)), (np.vstack([view, copy]), np.vstack([copy, copy]))),
        (np.array(list(view)), copy),
    ):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(AttributeError):
        view.nothing  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(TypeError):
        view[0] = 1.0


def test_views_of_checked_rows_stay_views() -> None:
    view = row_view(X, np.arange(5))
    assert as_matrix(view, "x") is view
    features = FeatureSet(ids=np.arange(30).astype(np.str_), X=X, spec=SPEC)
    mixed = features.align(["7", "3", "29"])
    assert is_view(mixed.X)
    np.testing.assert_array_equal(mixed.X, X[[7, 3, 29]])
    assert mixed.ids.tolist() == ["7", "3", "29"]
    assert np.shares_memory(features.align(features.ids).X, X)
    with pytest.raises(ValueError, match="must not be empty"):
        as_matrix(row_view(X, np.arange(0)), "x")


def test_a_file_in_another_order_is_not_copied(tmp_path: Path) -> None:
    from w2s_probe.backbones import BackboneOptions
    from w2s_probe.cache import FeatureStore
    from w2s_probe.pipeline.data import open_rows

    np.save(tmp_path / "x.npy", X)
    order = np.random.default_rng(1).permutation(30)
    (tmp_path / "t.csv").write_text("id,label\n" + "".join(f"{name},a\n" for name in order))
    data = DataConfig(data=str(tmp_path / "t.csv"), id="id")
    name = f"features:{tmp_path / 'x.npy'}"
    opened = open_rows(data, [name], FeatureStore(tmp_path / "cache"), BackboneOptions())
    features = opened.sources[name].features_of(opened.table).X
    assert is_view(features)
    assert isinstance(features.source, np.memmap)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(features, X[np.argsort(order)])
    assert isinstance(read_features(tmp_path / "x.npy").X, np.memmap)


def test_a_pool_is_copied_for_strategies_only() -> None:
    fits = PoolFits()
    pool = fits.hold(X, np.array([2, 0]))
    assert is_view(pool)
    copy = fits.array()
    assert type(copy) is np.ndarray
    assert fits.array() is copy
    assert not copy.flags.writeable
    np.testing.assert_array_equal(copy, X[[2, 0]])
    assert fits.spectrum(copy, "none") is fits.spectrum(pool, "none")
    fits.hold(X, np.array([1, 0]))
    np.testing.assert_array_equal(fits.array(), X[[1, 0]])
