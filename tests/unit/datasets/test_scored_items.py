"""Scored items: which scores are read, which rows are left out, and VADER's ratings as scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.pair_draws import draw_pairs
from w2s_probe.datasets.scored_items import ScoredItems, scored_items
from w2s_probe.datasets.table import Table
from w2s_probe.datasets.vader import PAIR_GAP, load_vader, load_vader_pairs


def table(scores: list[Any], ids: list[str] | None = None) -> Table:
    names = ids or [str(row) for row in range(len(scores))]
    texts = [f"text {name}" for name in names]
    return Table(name="t", ids=np.array(names), has_ids=ids is not None, modality="text", items=texts, label=scores)


def test_rows_without_a_score_are_left_out_and_counted() -> None:
    items = scored_items(table([1, None, "2.5", "", float("nan"), True]), name="rating")
    assert items.scores.tolist() == [1.0, 2.5, 1.0]
    assert items.table.items == ["text 0", "text 2", "text 5"]
    assert items.table.left_out == {"no score": 3}
    assert items.table.notes == ("3 of 6 rows have no score in column 'rating'.",)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1, "good", 2], "must hold scores as finite numbers.*got 'good' in row 1"),
        ([1, float("inf")], "got inf in row 1"),
        ([1, 2, "1e90"], "at most 1e[+]70: got '1e90' in row 2"),
        ([3, 3.0, None], "must hold scores that differ: got 3 in every row"),
        ([None, ""], "must hold scores that differ: got no score"),
    ],
)
def test_what_is_no_score_is_refused_in_one_line(scores: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        scored_items(table(scores), name="rating")
    assert "\n" not in str(error.value)


def test_a_refused_score_is_named_by_its_row_in_the_data() -> None:
    with pytest.raises(DataError, match="got 'x' in row 0"):
        scored_items(table(["x", 1, 2], ids=["c", "b", "a"]), name="rating")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_with_ids_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"k{i:03}" for i in range(60)]
    scores = [None if i % 9 == 0 else float(rng.integers(10)) for i in range(60)]
    order = rng.permutation(60).tolist()
    given_order = scored_items(table(scores, ids), name="s")
    mixed = scored_items(table([scores[i] for i in order], [ids[i] for i in order]), name="s")
    assert mixed.table.ids.tolist() == given_order.table.ids.tolist()
    assert mixed.table.items == given_order.table.items
    np.testing.assert_array_equal(mixed.scores, given_order.scores)


def test_repeated_items_are_one_with_their_mean_and_a_note() -> None:
    items = scored_items(table([1, 2, 5, 4]), name="s")
    once = items.distinct(["a", "b", "a", "c"])
    assert once.scores.tolist() == [3.0, 2.0, 4.0]
    assert once.table.items == ["text 0", "text 1", "text 3"]
    assert once.table.left_out == {"repeated item": 1}
    assert once.table.notes == ("1 rows repeat an item: an item with several scores has their mean.",)
    assert items.distinct(["a", "b", "c", "d"]) is items


def vader(name: str) -> ScoredItems:
    return scored_items(load_vader_pairs(DataConfig(data=f"builtin:{name}")), name="rating")


def test_pairs_are_drawn_from_the_sentences_with_a_clear_label_and_their_ratings() -> None:
    movies = vader("vader-pairs-movie")
    same = load_vader(DataConfig(data="builtin:vader-movie")).in_id_order()
    assert movies.table.ids.tolist() == same.ids.tolist()
    assert movies.table.items == same.items
    np.testing.assert_array_equal(movies.scores > 0, np.array(list(same.label or [])) == "positive")
    assert 0.3 < np.abs(movies.scores).min() < np.abs(movies.scores).max() <= 4
    assert len(vader("vader-pairs").scores) == 20_651
    assert len(vader("vader-pairs-news+tweets").scores) == 3521 + 3687


def test_sentences_give_the_pairs_of_the_usual_sizes() -> None:
    movies = vader("vader-pairs-movie")
    sizes = {"n_labeled": 300, "n_unlabeled": 4000, "n_test": 2000}
    drawn = draw_pairs(movies.scores, seeds=range(2), min_gap=PAIR_GAP, **sizes)  # type: ignore[arg-type]
    for split, items in zip(drawn.splits, drawn.items, strict=True):
        assert [len(rows) for rows in split.parts().values()] == [300, 4000, 2000]
        assert [len(rows) for rows in items.parts().values()] == [300, 6000, 2000]


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(DataError, match=r"builtin:vader-pairs- must be followed by different domains.*got 'movies'"):
        load_vader_pairs(DataConfig(data="builtin:vader-pairs-movies"))
