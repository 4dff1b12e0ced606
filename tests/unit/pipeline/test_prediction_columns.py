"""What columns of predictions mean: classes, probabilities or votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import BackboneError, DataError
from w2s_probe.pipeline.prediction_columns import Shares, shares_of
from w2s_probe.pipeline.teachers import columns_named

TWO, THREE = ("neg", "pos"), ("a", "b", "c")


def shares(classes: Sequence[str], **columns: Sequence[Any]) -> Shares:
    return shares_of({name: Column.of(values) for name, values in columns.items()}, classes, name="labels:x")


def test_one_column_holds_classes_and_a_missing_one_is_an_abstention() -> None:
    own = shares(TWO, old=["pos", None, "neg", " "])
    assert own.meaning == "classes"
    assert own.X.tolist() == [[0, 1], [0.5, 0.5], [1, 0], [0.5, 0.5]]
    assert own.speaks.tolist() == [True, False, True, False]


def test_numbers_are_classes_unless_one_lies_between_zero_and_one() -> None:
    assert shares(("0", "1"), old=[1, 0.0, None]).X.tolist() == [[0, 1], [1, 0], [0.5, 0.5]]
    own = shares(("0", "1"), old=[1, 0.25, None])
    assert (own.meaning, own.X.tolist()) == ("probabilities", [[0, 1], [0.75, 0.25], [0.5, 0.5]])
    assert own.speaks.tolist() == [True, True, False]


def test_columns_called_like_the_classes_are_probabilities_in_the_order_of_the_classes() -> None:
    own = shares(THREE, p_b=[0.2, None], c=[0.3, None], p_a=[0.5, None])
    assert own.meaning == "probabilities"
    np.testing.assert_allclose(own.X, [[0.5, 0.2, 0.3], [1 / 3] * 3])
    assert own.speaks.tolist() == [True, False]


def test_a_class_whose_name_ends_another_one_has_its_own_column() -> None:
    own = shares(("non_pos", "pos"), p_pos=[0.25], p_non_pos=[0.75])
    assert own.X.tolist() == [[0.75, 0.25]]


@pytest.mark.parametrize(
    ("column", "of", "guessed"),
    [
        ("prob", "pos", True),
        ("pos", "pos", False),
        ("p_neg", "neg", False),
        ("neg", "neg", False),
        ("pneg", "pos", True),
    ],
)
def test_the_name_of_one_column_tells_the_class_of_its_probabilities(column: str, of: str, *, guessed: bool) -> None:
    own = shares(TWO, **{column: [0.25, None, 0.5, 1]})
    assert (own.of, own.guessed, own.ties) == ((of,), guessed, 1)
    assert own.X[[0, 3], TWO.index(of)].tolist() == [0.25, 1]


def test_whole_numbers_of_columns_called_like_the_classes_are_votes_unless_each_row_has_one() -> None:
    assert shares(("0", "1"), a_1=[1, 0, None], a_0=[0, 1, None]).X.tolist() == [[0, 1], [1, 0], [0.5, 0.5]]
    both = shares(("0", "1"), a_1=[1, 0, 1], a_0=[1, 0, 0])
    assert (both.meaning, both.ties, both.X.tolist()) == ("votes", 1, [[0, 1], [1, 0], [0.5, 0.5]])


def test_other_columns_are_votes_also_where_no_vote_names_a_class() -> None:
    own = shares(THREE, ann=["a", "b", None], bob=["a", None, None], cid=["b", None, None])
    assert own.meaning == "votes"
    np.testing.assert_allclose(own.X, np.array([[2 / 3, 1 / 3, 0], [0, 1, 0], [1 / 3] * 3]))
    assert own.speaks.tolist() == [True, True, False]
    assert shares(("0", "1", "2"), a_0=[2, 1], a_1=[2, 0], a_2=[1, 0]).meaning == "votes"  # 2 is no probability


@pytest.mark.parametrize(
    ("classes", "columns", "part"),
    [
        (TWO, {"old": [0.5, 1.5]}, "must lie in [0, 1]: got 1.5 in row 1 of column 'old'"),
        (TWO, {"old": [0.5, float("inf")]}, "must lie in [0, 1]: got inf"),
        (TWO, {"p_neg": [0.5, -0.1], "p_pos": [0.5, 1.1]}, "must lie in [0, 1]: got -0.1 in row 1 of column 'p_neg'"),
        (TWO, {"p_neg": [0.5, 0.4], "p_pos": [0.5, 0.4]}, "must sum to 1 in every row: got 0.8 in row 1"),
        (TWO, {"p_neg": [0.5, None], "p_pos": [0.5, 0.4]}, "row 1 lacks some"),
        (THREE, {"old": [0.5, 0.2]}, "a column of probabilities for each of 3 classes: got one column"),
        (("0", "1"), {"column_0": [0.5, 0.2]}, "Rename the column to p_0 or to p_1."),
        (("1", "2"), {"1": [0.5, 0.2]}, "Rename the column to p_1 or to p_2."),
        (TWO, {"old": ["pos", "posit"]}, "got 'posit' in row 1 of column 'old'. Did you mean pos?"),
        (TWO, {"x": ["pos"], "y": ["other"]}, "classes of the data, neg, pos: got 'other' in row 0 of column 'y'"),
        (("0", "1"), {"x": [1], "y": [0.5]}, "got '0.5' in row 0 of column 'y'"),
    ],
)
def test_other_values_are_refused_in_one_line(classes: Sequence[str], columns: dict[str, list[Any]], part: str) -> None:
    with pytest.raises(DataError) as raised:
        shares(classes, **columns)
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["labels:", "labels:a,,b", "labels:a,a", "labels: ,a"])
def test_columns_must_be_named_each_once(name: str) -> None:
    with pytest.raises(BackboneError, match="distinct columns with commas"):
        columns_named(name)
