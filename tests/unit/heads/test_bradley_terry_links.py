"""Heads of pairs that share items: the strength is chosen on held-out pairs of items that no fitted pair has."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.linked_rows import LinkedRows
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.heads import PoolFits
from w2s_probe.heads.bradley_terry import fit_bradley_terry

OPTIONS = FitOptions(kind="softmax", scale="standard", points=7, rule="cv", intercept=False)


def memorable(items: int = 16, d: int = 24, *, seed: int = 0) -> tuple[Float, Float, Rows]:
    """Return all pairs of items whose features say nothing about their scores, but tell the items apart."""
    rng = np.random.default_rng(seed)
    X, score = rng.standard_normal((items, d)), rng.standard_normal(items)
    links = np.array(list(combinations(range(items), 2)))
    first, second = links.T
    preferred = (score[second] > score[first]).astype(np.intp)
    return X[second] - X[first], np.eye(2)[preferred], links


def disjoint(pairs: int = 60, d: int = 4, *, seed: int = 0) -> tuple[Float, Float, Rows]:
    """Return pairs of items that are in one pair each, with a score that their features tell."""
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((pairs, d))
    margin = D @ rng.standard_normal(d) + 0.3 * rng.standard_normal(pairs)
    return D, np.eye(2)[(margin > 0).astype(np.intp)], np.arange(2 * pairs).reshape(pairs, 2)


@pytest.mark.parametrize("seed", range(3))
def test_a_strength_chosen_with_links_is_larger_where_items_can_only_be_memorized(seed: int) -> None:
    D, P, links = memorable(seed=seed)
    plain = fit_bradley_terry(D, P, points=7)
    linked = fit_bradley_terry(D, P, points=7, links=links)
    assert linked.alpha >= 100 * plain.alpha


def test_links_of_disjoint_pairs_keep_the_strength_within_a_step_of_the_grid() -> None:
    D, P, links = disjoint()
    plain, linked = fit_bradley_terry(D, P), fit_bradley_terry(D, P, links=links)
    assert 0.2 < linked.alpha / plain.alpha < 5


def test_links_do_not_depend_on_the_numbers_of_items() -> None:
    D, P, links = memorable()
    renamed = 3 * links + 5
    one, other = (fit_bradley_terry(D, P, points=5, links=which) for which in (links, renamed))
    assert one.coef.tobytes() == other.coef.tobytes()


def test_a_star_has_folds_of_pairs() -> None:
    D, P, _ = disjoint(20)
    star = np.column_stack([np.zeros(20, dtype=np.intp), np.arange(1, 21)])
    assert fit_bradley_terry(D, P, points=5, links=star).alpha == fit_bradley_terry(D, P, points=5).alpha


def test_links_follow_pairs_without_weight() -> None:
    D, P, links = memorable()
    used = np.arange(len(D)) % 3 > 0
    weighted = fit_bradley_terry(D, P, points=5, links=links, sample_weight=used.astype(np.float64))
    assert weighted.coef.tobytes() == fit_bradley_terry(D[used], P[used], points=5, links=links[used]).coef.tobytes()


def test_pool_fits_use_links_of_copied_rows() -> None:
    D, P, links = memorable()
    fits = PoolFits()
    fits.pairs = LinkedRows(links, [D])
    rows = np.arange(0, len(D), 2)
    expected = fit_bradley_terry(D[rows], P[rows], points=7, links=links[rows])
    assert fits.fit(D[rows].copy(), P[rows], OPTIONS).coef.tobytes() == expected.coef.tobytes()
    assert expected.alpha > fit_bradley_terry(D[rows], P[rows], points=7).alpha


class _NoLinks(LinkedRows):
    def of(self, X: Features) -> Rows:
        msg = "links are looked up only where a strength is chosen for pairs"
        raise AssertionError(msg)


@pytest.mark.parametrize(
    "options",
    [
        FitOptions(kind="softmax", alpha=2.0, rule="cv", intercept=False),
        FitOptions(kind="softmax", points=3, rule="cv"),
        FitOptions(kind="ridge"),
    ],
    ids=["given strength", "softmax with intercept", "ridge"],
)
def test_pool_fits_look_up_no_links_where_no_strength_of_pairs_is_chosen(options: FitOptions) -> None:
    D, P, links = disjoint()
    fits, plain = PoolFits(), PoolFits()
    fits.pairs = _NoLinks(links, [D])
    assert fits.fit(D, P, options).coef.tobytes() == plain.fit(D, P, options).coef.tobytes()


def test_a_pool_of_pairs_chooses_strengths_by_items_and_keeps_a_given_one() -> None:
    D, P, links = memorable()
    fits = PoolFits()
    fits.pairs = LinkedRows(links, [D])
    by_items = fit_bradley_terry(D, P, points=7, links=links)
    assert fits.fit(D, P, OPTIONS).alpha == by_items.alpha
    assert fits.fit(D, P, replace(OPTIONS, alpha=3.0)).alpha == 3.0
