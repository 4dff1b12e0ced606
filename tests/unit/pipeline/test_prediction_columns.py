"""What columns of predictions mean: classes, probabilities or votes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import BackboneError, DataError
from w2s_probe.pipeline.prediction_columns import Shares, shares_of
from w2s_probe.pipeline.teachers import columns_named

TWO, THREE = ("neg", "pos"), ("a", "b", "c")


NUMBERED = ("joy", "anger", "fear")  # classes in the order of their numbers in the metadata


def shares(classes: Sequence[str], order: Sequence[str] = (), /, **columns: Sequence[Any]) -> Shares:
    given = {name: Column.of(values) for name, values in columns.items()}
    return shares_of(given, classes, name="labels:x", order=order)


def array(classes: Sequence[str], rows: Sequence[Sequence[Any]], order: Sequence[str] = ()) -> Shares:
    columns = {f"column {at}": Column.of(values) for at, values in enumerate(zip(*rows, strict=True))}
    return shares_of(columns, classes, name="labels:x", order=order, unnamed=True)


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
        ("P Neg", "neg", False),
        ("neg_prob", "neg", False),
        ("score(NEG)", "neg", False),
        ("Pos.score", "pos", False),
        ("neg_and_pos_mean", "pos", True),
        ("pos_vs_neg", "neg", True),
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
        (TWO, {"sure": [0.5, 0.75] * 10}, "column 'sure' holds: all are at least 0.5"),
        (("0", "1"), {"p_0": [0.0, 1.0, None]}, "say what 0 and 1 in column 'p_0' mean"),
        (("0", "1"), {"prob 0": [1]}, "or give probabilities of 1 as p_1."),
        (("false", "true"), {"was_FALSE": [True, False]}, "say what false and true in column 'was_FALSE' mean"),
        (
            TWO,
            {"p_neg": [80, 5], "p_pos": [20, 95]},
            "in [0, 1]: got 80 in row 0 of column 'p_neg'. Give probabilities",
        ),
        (
            TWO,
            {"pos_rate": [80, 5]},
            "got '80' in row 0 of column 'pos_rate'. Give probabilities, not logits or percent",
        ),
        (("0", "1"), {"x": [1, -1]}, "got '-1' in row 1 of column 'x'. Leave them empty to abstain."),
        (TWO, {"x": ["pos", "none"]}, "got 'none' in row 1 of column 'x'. Leave them empty to abstain."),
        (TWO, {"x": ["0.25", "NA", "1"]}, "got 'NA' in row 1 of column 'x'. Leave them empty to abstain, so that the"),
        (
            TWO,
            {"p_neg": ["0.2", "n/a"], "p_pos": ["0.8", "n/a"]},
            "empty to abstain, so that the other values are read",
        ),
        (TWO, {"x": ["0.25", "NA", "posit"]}, "got '0.25' in row 0"),
        (
            TWO,
            {"p_pos": [0.25, -1]},
            "got -1 in row 1 of column 'p_pos'. Leave them empty to abstain (NaN in an array).",
        ),
        (("0", "1"), {"x": [0, 1] * 10, "y": [1, 0] * 10}, "Rename the columns to p_0, p_1 and so on"),
        (THREE, {"x": [1, 0, 0] * 7, "y": [0, 1, 0] * 7, "z": [0, 0, 1] * 7}, "Rename the columns to p_a, p_b"),
        (THREE, {"x": ["a", "b"] * 10, "y": ["b", "c"] * 10}, "classes tie in all 20 rows"),
    ],
)
def test_other_values_are_refused_in_one_line(classes: Sequence[str], columns: dict[str, list[Any]], part: str) -> None:
    with pytest.raises(DataError) as raised:
        shares(classes, **columns)
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_name_without_a_class_keeps_its_reading() -> None:
    assert shares(("0", "1"), old=[0, 1]).meaning == "classes"
    assert shares(("0", "1"), column_0=[0, 1]).X.tolist() == [[1, 0], [0, 1]]  # the place of a column without a name
    assert shares(("0", "1"), p_1=[0, 1]).X.tolist() == [[1, 0], [0, 1]]
    assert shares(TWO, sure=[0.5, 0.75] * 9).guessed  # 18 rows may be at least 0.5 by chance
    assert shares(TWO, p_pos=[0.5, 0.75] * 10).of == ("pos",)
    assert shares(("0", "1"), fold_0_prob=[0.5, 0.25]).of == ("1",)
    assert shares(("0", "1"), p0=[0.5, 0.25]).of == ("0",)


def test_arrays_are_probabilities_in_the_order_of_the_numbers_in_the_metadata() -> None:
    own = array(sorted(NUMBERED), [[0.5, 0.25, 0.25], [None, None, None]], NUMBERED)
    assert (own.of, own.guessed, own.numbered) == (NUMBERED, False, True)
    assert own.X[0].tolist() == [0.25, 0.25, 0.5]
    assert own.speaks.tolist() == [True, False]
    own = array(sorted(NUMBERED), [[0.5, 0.25, 0.25]])
    assert (own.of, own.guessed, own.numbered) == (tuple(sorted(NUMBERED)), True, False)
    single = array(TWO, [[0.25], [0.75]], ("pos", "neg"))
    assert (single.of, single.guessed, single.X[0].tolist()) == (("neg",), True, [0.25, 0.75])
    with pytest.raises(DataError, match="No row of the data has the class fear: leave out the column"):
        array(("anger", "joy"), [[0.5, 0.25, 0.25]], NUMBERED)


def test_whole_numbers_are_classes_by_their_numbers_in_the_metadata() -> None:
    for own in (
        shares(sorted(NUMBERED), NUMBERED, old=[0, 2.0, None]),
        array(sorted(NUMBERED), [[0], [2], [None]], NUMBERED),
    ):
        assert (own.meaning, own.numbered) == ("classes", True)
        assert own.X[:2].tolist() == [[0, 0, 1], [0, 1, 0]]
        assert own.speaks.tolist() == [True, True, False]
    votes = shares(sorted(NUMBERED), NUMBERED, ann=[0, 1], bob=[0, 2])
    assert (votes.meaning, votes.X[0].tolist(), votes.numbered) == ("votes", [0, 0, 1], True)
    named = shares(sorted(NUMBERED), NUMBERED, old=["joy"])
    assert (named.X.tolist(), named.numbered) == ([[0, 0, 1]], False)
    for values, got in (([0, 3], "or their numbers in the metadata, 0 to 2: got '3'"), ([1, -1], "empty to abstain")):
        with pytest.raises(DataError, match=got):
            shares(sorted(NUMBERED), NUMBERED, old=values)
    with pytest.raises(DataError, match="1 may be the class of this name, or the number of the class '2'"):
        shares(("1", "2", "3"), ("1", "2", "3"), old=[1, 2])


def test_names_tell_numbers_of_the_metadata() -> None:
    own = shares(TWO, ("pos", "neg"), p_0=[0.25, 1])
    assert (own.of, own.guessed, own.numbered) == (("pos",), False, True)
    own = shares(sorted(NUMBERED), NUMBERED, LABEL_0=[0.5], LABEL_1=[0.25], LABEL_2=[0.25])
    assert (own.of, own.X.tolist()) == (NUMBERED, [[0.25, 0.25, 0.5]])
    with pytest.raises(DataError, match="pos is the second class by name, neg in the metadata"):
        shares(TWO, ("pos", "neg"), old=[0.25, 1])
    with pytest.raises(DataError, match="say what 0 and 1 in column 'p_0' mean"):
        shares(TWO, TWO, p_0=[0, 1])


@pytest.mark.parametrize(
    ("classes", "column", "of"),
    [
        (("not spam", "spam"), "not_spam", "not spam"),
        (("not spam", "spam"), "p_spam", "spam"),
        (("non-toxic", "toxic"), "p_Non_Toxic", "non-toxic"),
        (("entailment", "not entailment"), "prob.not-entailment", "not entailment"),
        (("a", "A"), "p_A", "A"),
        (("0", "1"), "p_0.0", "0"),
        (("0", "1"), "prob_1.0", "1"),
    ],
)
def test_of_classes_that_end_a_name_the_one_with_more_words_counts(
    classes: Sequence[str], column: str, of: str
) -> None:
    own = shares(classes, **{column: [0.25, 0.75]})
    assert (own.of, own.guessed) == ((of,), False)


@pytest.mark.parametrize(
    "classes", [("center", "center-left", "left", "right"), ("not spam", "spam", "very spam"), ("non-toxic", "toxic")]
)
@pytest.mark.parametrize("name", ["p_{}", "{}", "{} probability"])
def test_a_column_for_each_class_whose_last_word_is_another_class(classes: Sequence[str], name: str) -> None:
    row = np.arange(1, len(classes) + 1) / sum(range(len(classes) + 1))
    columns = {name.format(c.replace("-", "_").replace(" ", "_")): [p] for c, p in zip(classes, row, strict=True)}
    np.testing.assert_allclose(shares(classes, **columns).X, [row])


@pytest.mark.parametrize(("order", "column"), [(("1", "2"), "LABEL_1"), (("1", "0"), "prob_1"), (("1", "0"), "p_0")])
def test_a_number_that_names_one_class_and_numbers_another_is_refused(order: tuple[str, ...], column: str) -> None:
    with pytest.raises(DataError, match=r"may be the name of the class .*, or the number of the class"):
        shares(sorted(order), order, **{column: [0.25, 0.5]})
    assert array(sorted(order), [[0.25, 0.75]], order).X[0, sorted(order).index("1")] == 0.25  # what the error advises


def test_numbers_of_all_columns_decide_between_names_and_numbers_of_classes() -> None:
    assert shares(("1", "2"), ("1", "2"), LABEL_0=[0.25], LABEL_1=[0.75]).X.tolist() == [[0.25, 0.75]]
    assert shares(("1", "2"), ("1", "2"), p_1=[0.25], p_2=[0.75]).X.tolist() == [[0.25, 0.75]]
    assert shares(("1", "2"), ("1", "2"), p_2=[0.25]).of == ("2",)
    assert shares(("1", "2"), ("1", "2"), LABEL_0=[0.25]).of == ("1",)
    with pytest.raises(DataError, match="may be the name of the class"):
        shares(("0", "1"), ("1", "0"), p_0=[0.25], p_1=[0.75])


@pytest.mark.parametrize("column", ["seed_0", "fold-0", "score_0", "model 0", "bert.0", "label_model_0", "0_shot"])
def test_a_number_that_may_be_that_of_a_model_is_no_first_class(column: str) -> None:
    with pytest.raises(DataError, match=r"0 may be the class, or the number of a model\. Rename the column to p_0"):
        shares(("0", "1"), **{column: [0.25, 0.5]})
    assert shares(("0", "1"), **{column.replace("0", "1"): [0.25, 0.5]}).of == ("1",)
    assert shares(("0", "1"), **{column.replace("0", "0_p1"): [0.25, 0.5]}).of == ("1",)


@pytest.mark.parametrize("column", ["not_spam", "p_non-spam", "is not spam (score)"])
@pytest.mark.parametrize("values", [[0.25, 0.5], [1, 0]])
def test_a_name_that_denies_a_class_is_refused(column: str, values: list[float]) -> None:
    with pytest.raises(DataError, match=r"its name says not spam\. Rename the column to p_ham or to p_spam"):
        shares(("ham", "spam"), **{column: values})
    assert shares(("not", "spam"), not_spam_or_spam=[0.25]).of == ("spam",)


def test_numbers_of_models_are_not_told_to_be_divided_by_their_sum() -> None:
    for column, guess in (("seed_1", True), ("run 1", True), ("p_1", False), ("1", False)):
        found = shares(("0", "1"), **{column: [0.25, 0.5]})
        assert (found.of, found.guessed) == (("1",), guess), column
    with pytest.raises(DataError, match="numbers in seed_0, seed_1 may be classes or numbers of models"):
        shares(("0", "1"), seed_0=[0.25, 0.5], seed_1=[0.3, 0.5])
    assert shares(("0", "1"), out_0=[0.25, 0.5], out_1=[0.75, 0.5]).X.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    with pytest.raises(DataError, match="Divide each row by its sum"):
        shares(("0", "1"), p_0=[0.25, 0.5], p_1=[0.3, 0.5])


@pytest.mark.parametrize(
    ("classes", "values", "codes"),
    [
        (("False", "Mixed", "True"), [True, False, None], [2, 0, -1]),
        (("false", "true"), ["True", "FALSE"], [1, 0]),
        (("FALSE", "TRUE", "maybe"), ["true", False, "maybe"], [1, 0, 2]),
        (("false", "true"), [1, 0.0, None], [1, 0, -1]),
        (("False", "True"), ["1", "0"], [1, 0]),
        (("0", "1"), [True, False], [1, 0]),
        (("0", "1"), ["TRUE", "0", "false"], [1, 0, 0]),
    ],
)
def test_truth_values_mean_the_classes_that_they_name(
    classes: Sequence[str], values: list[Any], codes: list[int]
) -> None:
    for own in (shares(classes, old=values), shares(classes, ann=values, bob=[None] * len(values))):
        assert [row.argmax() if spoken else -1 for row, spoken in zip(own.X, own.speaks, strict=True)] == codes
        assert own.truth == (set(classes) == {"0", "1"} or (values[0] in (1, "1") and values[0] is not True))
    assert not shares(classes, old=[classes[0]]).truth


@pytest.mark.parametrize(
    ("classes", "order", "values", "part"),
    [
        (("TRUE", "True"), (), [True], "got 'true'"),
        (("0", "1", "2"), (), [True], "got 'true'"),
        (("0", "1"), ("1", "0"), [True], "got 'true'"),
        (("neg", "pos"), (), ["POS"], "Did you mean pos?"),
        (("no", "yes"), (), [0, 1], "got '0' in row 0 of column 'old'"),
    ],
)
def test_truth_values_of_other_classes_are_refused(
    classes: Sequence[str], order: Sequence[str], values: list[Any], part: str
) -> None:
    with pytest.raises(DataError, match=re.escape(part)):
        shares(classes, order, old=values)


@pytest.mark.parametrize("values", [[1, 0, None], [1.0, 0.0, None], [True, False, None]])
def test_zeros_and_ones_of_a_column_named_after_a_class_are_probabilities(values: list[Any]) -> None:
    for column, of in (("p_pos", "pos"), ("neg", "neg"), ("is_pos", "pos")):
        own = shares(TWO, **{column: values})
        assert (own.meaning, own.of, own.guessed) == ("probabilities", (of,), False)
        assert own.X[:2, TWO.index(of)].tolist() == [1, 0]
    for column in ("old", "neg_or_pos"):
        with pytest.raises(DataError, match="in row 0 of column"):
            shares(TWO, **{column: values})


@pytest.mark.parametrize("one", [1, 1.0, True])
def test_one_hot_rows_of_an_array_are_probabilities(one: Any) -> None:
    zero = type(one)(0)
    own = array(THREE, [[zero, zero, one], [one, zero, zero]])
    assert (own.meaning, own.of, own.guessed) == ("probabilities", THREE, True)
    assert own.X.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert array(THREE[:2], [[zero, one]]).X.tolist() == [[0, 1]]


def test_votes_of_floats_may_lack_some() -> None:
    own = array(("0", "1"), [[1.0, None, 1.0], [None, None, 0.0], [None, None, None]])
    assert (own.meaning, own.X.tolist()) == ("votes", [[0, 1], [1, 0], [0.5, 0.5]])
    with pytest.raises(DataError, match='or as texts with "" to abstain'):
        array(("0", "1"), [[0.5, None, 1.0]])
    with pytest.raises(DataError, match="Leave them empty to abstain: NaN in an array of floats"):
        array(THREE, [["a", "b"], ["a", "-1"]])
    with pytest.raises(DataError, match=r"must lie in \[0, 1\]: got 40 .* not logits or percent"):
        array(TWO, [[40, 60], [10, 90]])


@pytest.mark.parametrize("name", ["labels:", "labels:a,,b", "labels:a,a", "labels: ,a"])
def test_columns_must_be_named_each_once(name: str) -> None:
    with pytest.raises(BackboneError, match="distinct columns with commas"):
        columns_named(name)
