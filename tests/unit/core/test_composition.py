"""Parts that have the shares asked for, to the row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.composition import composition_of
from w2s_probe.core.errors import SplitError
from w2s_probe.core.groups import Groups, read_groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits, smaller_split

NONE = {"labeled": None, "unlabeled": None, "test": None}


def mails(ham: tuple[int, int] = (900, 100), spam: tuple[int, int] = (300, 300)) -> tuple[Labels, Groups]:
    """Return labels and groups of so many rows without and with HTML, in random order."""
    y = np.repeat([0, 0, 1, 1], [*ham, *spam])
    html = np.repeat(["no", "yes", "no", "yes"], [*ham, *spam])
    order = np.random.default_rng(0).permutation(len(y))
    labels = Labels(values=y[order], classes=("ham", "spam"))
    return labels, read_groups(html[order].tolist(), labels, name="html")


def cells(labels: Labels, groups: Groups, rows: np.ndarray) -> list[int]:
    return np.bincount(2 * labels.values[rows] + groups.conflicting[rows], minlength=4).tolist()


def test_every_part_has_its_own_fraction_within_each_class() -> None:
    labels, groups = mails()
    shares = composition_of(labels, groups, etas={"labeled": 0.05, "unlabeled": 0.2, "test": 0.5}, balance_classes=True)
    splits = draw_splits(labels, seeds=range(3), n_labeled=200, n_unlabeled=200, n_test=40, composition=shares)
    for split in splits:
        assert cells(labels, groups, split.labeled) == [95, 5, 95, 5]
        assert cells(labels, groups, split.unlabeled) == [80, 20, 80, 20]
        assert cells(labels, groups, split.test) == [10, 10, 10, 10]
    assert not np.array_equal(splits[0].labeled, splits[1].labeled)


def test_what_is_not_asked_for_is_the_datas_own() -> None:
    labels, groups = mails()
    shares = composition_of(labels, groups, etas={**NONE, "labeled": 0.0}, balance_classes=False)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=80, n_unlabeled=160, n_test=160, composition=shares)
    assert cells(labels, groups, split.labeled) == [50, 0, 30, 0]
    assert cells(labels, groups, split.unlabeled) == [90, 10, 30, 30]


def test_one_fraction_can_move_while_the_other_parts_stay() -> None:
    labels, groups = mails()
    parts = []
    for eta in (0.0, 0.1, 0.3):
        shares = composition_of(
            labels, groups, etas={"labeled": eta, "unlabeled": 0.2, "test": 0.5}, balance_classes=True
        )
        parts += draw_splits(labels, seeds=[4], n_labeled=100, n_unlabeled=150, n_test=60, composition=shares)
    for other in parts[1:]:
        np.testing.assert_array_equal(other.test, parts[0].test)
        np.testing.assert_array_equal(other.unlabeled, parts[0].unlabeled)


def test_sizes_that_are_not_given_are_what_the_data_can_supply() -> None:
    labels, groups = mails()
    shares = composition_of(labels, groups, etas={"labeled": None, "unlabeled": 0.5, "test": 0.5}, balance_classes=True)
    (split,) = draw_splits(labels, seeds=[0], composition=shares)
    ham_html = cells(labels, groups, np.arange(len(labels)))[1]
    left = ham_html - cells(labels, groups, split.test)[1] - cells(labels, groups, split.labeled)[1]
    assert cells(labels, groups, split.unlabeled) == [left] * 4


def test_smaller_parts_keep_their_fractions() -> None:
    labels, groups = mails()
    shares = composition_of(labels, groups, etas={"labeled": 0.1, "unlabeled": 0.2, "test": 0.5}, balance_classes=True)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=200, n_unlabeled=200, n_test=40, composition=shares)
    half = smaller_split(split, labels, n_labeled=100, n_unlabeled=50, groups=groups)
    assert cells(labels, groups, half.labeled) == [45, 5, 45, 5]
    assert cells(labels, groups, half.unlabeled) == [20, 5, 20, 5]
    assert set(half.labeled) <= set(split.labeled)


def test_what_the_data_cannot_supply_is_refused_with_the_largest_size() -> None:
    labels, groups = mails(ham=(900, 30))
    shares = composition_of(labels, groups, etas={**NONE, "test": 0.5}, balance_classes=True)
    message = r"60 rows of class 'ham' without 'no': only 30 are left\. Set `n_test` to at most 12[0-9], or change the"
    with pytest.raises(SplitError, match=message):
        draw_splits(labels, seeds=[0], n_test=240, n_labeled=20, n_unlabeled=20, composition=shares)


@given(st.integers(4, 120), st.floats(0, 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_quotas_add_up_and_the_largest_size_is_the_largest(size: int, eta: float, balanced: bool) -> None:
    labels, groups = mails(ham=(40, 12), spam=(25, 31))
    shares = composition_of(labels, groups, etas={**NONE, "test": eta}, balance_classes=balanced)
    quotas = shares.quotas("test", size)
    assert quotas.sum() == size
    assert (quotas >= 0).all()
    of_class = quotas.reshape(2, 2).sum(axis=1)
    assert np.abs(of_class - size * shares.class_shares).max() < 1
    assert np.abs(quotas[1::2] - eta * of_class).max() <= 0.5 + 1e-6
    available = shares.counts(np.arange(len(labels)))
    most = shares.largest("test", available, most=size)
    assert (shares.quotas("test", most) <= available).all()
    if most < size:
        assert (shares.quotas("test", most + 1) > available).any()


def test_balanced_classes_need_no_groups() -> None:
    labels, _ = mails()
    shares = composition_of(labels, None, etas=NONE, balance_classes=True)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=50, n_unlabeled=100, n_test=30, composition=shares)
    assert np.bincount(labels.values[split.labeled]).tolist() == [25, 25]
    assert np.bincount(labels.values[split.unlabeled]).tolist() == [50, 50]
