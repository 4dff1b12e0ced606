"""Linked pairs: their features as a view, folds that share no item, and their items found again by features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import feature_set
from w2s_probe.core.differences import Differences, pair_features
from w2s_probe.core.linked_folds import Fold, inner_folds, linked_folds
from w2s_probe.core.linked_rows import LinkedRows
from w2s_probe.core.pairs import Pairs
from w2s_probe.core.types import Rows

seeds = st.integers(0, 2**32 - 1)


def pairs_of(links: Rows) -> Pairs:
    return Pairs(first=links[:, 0], second=links[:, 1], preferred=np.arange(len(links)) % 2)


def drawn(seed: int, *, pairs: int = 60, items: int = 50) -> Rows:
    """Return two different items for each pair, shape (pairs, 2)."""
    rng = np.random.default_rng(seed)
    first = rng.integers(items, size=pairs)
    return np.column_stack([first, (first + rng.integers(1, items, size=pairs)) % items])


def sharing(links: Rows, fold: Fold) -> set[int]:
    """Return the items that held-out and fitted pairs have in common."""
    out, rest = fold
    return set(links[out].ravel().tolist()) & set(links[rest].ravel().tolist())


@given(seed=seeds)
def test_features_of_pairs_are_second_minus_first_for_any_rows(seed: int) -> None:
    links, rng = drawn(seed), np.random.default_rng(seed)
    X = rng.standard_normal((50, 3)).astype(np.float32)
    pairs = pairs_of(links)
    features = pair_features(feature_set(X), pairs, np.arange(60).astype(np.str_))
    expected = pairs.differences(X)
    assert features.X.shape == (60, 3)
    rows = rng.integers(60, size=20)
    mask = rng.random(60) < 0.5
    for chosen in (slice(None), slice(5, 17), rows, mask):
        assert np.asarray(features.X[chosen]).tobytes() == expected[chosen].tobytes()


def test_a_swapped_pair_has_the_negative_difference_and_half_precision_is_read_as_single() -> None:
    X = np.array([[1.0, 2.0], [0.1, -3.0], [5.0, 5.0]], dtype=np.float16)
    links = np.array([[0, 1], [2, 1]])
    one, other = (Differences(X, pairs_of(order)) for order in (links, links[:, ::-1]))
    assert one.dtype == np.float32
    assert one[:].dtype == np.float32
    assert one[:].tobytes() == (-other[:]).tobytes()
    assert one[np.array([0])].tolist() == (X[[1]].astype(np.float32) - X[[0]].astype(np.float32)).tolist()


@given(seed=seeds, groups=st.integers(3, 8))
def test_linked_folds_hold_out_every_pair_once_and_share_no_item(seed: int, groups: int) -> None:
    links = drawn(seed)
    folds = linked_folds(links, groups=groups, rng=np.random.default_rng(seed))
    assert np.sort(np.concatenate([out for out, _ in folds])).tolist() == list(range(len(links)))
    for out, rest in folds:
        assert len(rest) > 0
        assert not set(out.tolist()) & set(rest.tolist())
        if len(out) + len(rest) < len(links):  # else no pair without these items is left
            assert not sharing(links, (out, rest))


@given(seed=seeds)
def test_inner_folds_share_no_item_with_the_pairs_they_fit(seed: int) -> None:
    links = drawn(seed)
    folds = inner_folds(links, groups=5, wanted=40, most=20, rng=np.random.default_rng(seed))
    assert sum(len(out) for out, _ in folds) >= 40
    for out, rest in folds:
        assert 0 < len(rest) < len(links)
        assert not sharing(links, (out, rest))


def test_a_star_has_linked_folds_that_fit_all_other_pairs_and_no_inner_fold_without_sharing() -> None:
    star = np.column_stack([np.zeros(12, dtype=np.intp), np.arange(1, 13)])
    folds = linked_folds(star, groups=4, rng=np.random.default_rng(0))
    assert np.sort(np.concatenate([out for out, _ in folds])).tolist() == list(range(12))
    assert all(len(out) + len(rest) == 12 for out, rest in folds)
    assert all(sharing(star, fold) == {0} for fold in folds)


def test_one_pair_has_no_inner_folds() -> None:
    links = np.array([[0, 1]])
    assert inner_folds(links, groups=5, wanted=1, most=3, rng=np.random.default_rng(0)) == []


@given(seed=seeds)
def test_copies_of_rows_have_their_items_in_every_space(seed: int) -> None:
    rng, links = np.random.default_rng(seed), drawn(seed)
    weak, strong = rng.standard_normal((60, 3)), rng.standard_normal((60, 5)).astype(np.float32)
    rows = LinkedRows(links, [weak, strong])
    chosen = rng.integers(60, size=90)  # with repetitions
    assert rows.of(weak[chosen]).tolist() == links[chosen].tolist()
    assert rows.of(np.asfortranarray(strong)[chosen]).tolist() == links[chosen].tolist()


def test_unknown_rows_are_linked_to_none() -> None:
    links = np.array([[0, 7], [7, 3]])
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = LinkedRows(links, [X]).of(np.array([[1.0, 2.0], [9.0, 9.0], [-1.0, -2.0], [9.0, 9.0]]))
    assert found[0].tolist() == [0, 7]
    alone = found[1:]
    assert (alone[:, 0] == alone[:, 1]).all()
    assert len({*alone[:, 0].tolist(), *links.ravel().tolist()}) == 3 + 3


@pytest.mark.parametrize("size", [0, 1])
def test_no_row_and_one_row_have_as_many_links(size: int) -> None:
    links = np.array([[0, 1], [1, 2]])
    X = np.array([[1.0], [2.0]])
    assert LinkedRows(links, [X]).of(X[:size]).shape == (size, 2)
