"""Which group a row belongs to, and which rows conflict."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from w2s_probe.core.errors import DataError
from w2s_probe.core.groups import Groups, read_groups, usual_values
from w2s_probe.core.labels import Labels

MAILS = Labels(values=np.array([0, 0, 0, 0, 1, 1, 1, 1]), classes=("ham", "spam"))
HTML = ["no", "no", "no", "yes", "no", "no", "yes", "yes"]


def test_spam_is_html_though_most_of_it_is_not() -> None:
    labels = Labels(values=np.repeat([0, 1], [100, 100]), classes=("ham", "spam"))
    html = ["no"] * 95 + ["yes"] * 5 + ["no"] * 55 + ["yes"] * 45
    groups = read_groups(html, labels, name="html")
    assert groups.cue == {"ham": "no", "spam": "yes"}
    assert groups.conflicting.sum() == 5 + 55


def test_groups_are_cells_or_values() -> None:
    cells = read_groups(HTML, MAILS, name="html")
    assert cells.names == ("ham|no", "ham|yes", "spam|no", "spam|yes")
    assert [cells.names[code] for code in cells.codes] == [
        f"{label}|{value}" for label, value in zip(["ham"] * 4 + ["spam"] * 4, HTML, strict=True)
    ]
    np.testing.assert_allclose(cells.shares, [3 / 8, 1 / 8, 2 / 8, 2 / 8])
    values = read_groups(HTML, MAILS, name="html", by="column")
    assert values.names == ("no", "yes")
    np.testing.assert_array_equal(values.conflicting, cells.conflicting)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ([0.0, 0.9, 1.0, 0.1], ("0", "0.1", "0.9", "1")),
        ([23.2, 23.9, 23.2, 24.0], ("23.2", "23.9", "24")),
        ([-0.5, -0.0, 0.0, 0.5], ("-0.5", "0", "0.5")),
        (list(np.array([0.1, 0.9, 2, 0.9], dtype=np.float32).astype(float)), ("0.1", "0.9", "2")),
        (list(np.array([0.1, 0.9, 2, 0.9], dtype=np.float32)), ("0.1", "0.9", "2")),
        ([Decimal("0.90"), Decimal("1.00"), Decimal("0.10"), Decimal("0.90")], ("0.1", "0.9", "1")),
        ([1e300, 2e300, 1e300, 2e300], ("1e+300", "2e+300")),
        (["0.9", "1.0", "01", "1"], ("0.9", "01", "1", "1.0")),  # texts are names
    ],
)
def test_group_values_that_are_numbers_keep_their_own_name(column: list[object], names: tuple[str, ...]) -> None:
    groups = read_groups(column * 2, MAILS, name="share", by="column")
    assert groups.names == names
    assert len(set(zip(map(float, column * 2), groups.codes.tolist(), strict=True))) == len(names)  # type: ignore[arg-type]


@pytest.mark.parametrize("as_text", [False, True])
def test_a_measurement_is_no_group_column(as_text: bool) -> None:
    def groups(values: list[float]) -> Groups:
        labels = Labels(values=np.arange(len(values)) % 2, classes=("a", "b"))
        return read_groups([str(value) if as_text else value for value in values], labels, name="male", by="column")

    assert len(groups([n / 40 for n in range(1, 40, 2)] + list(range(30))).names) == 50  # 20 fractions, 30 integers
    with pytest.raises(DataError, match=r"got 21, from 0\.01 to 0\.97\. .*for example male >= 0\.5, and") as refusal:
        groups([0.01 + 0.048 * n for n in range(21)])
    assert "\n" not in str(refusal.value)
    with pytest.raises(DataError, match=r"from 20\.5 to 49\.5\. .*male >= 35, and"):
        groups([20.5 + n for n in range(30)])


@pytest.mark.parametrize("infinite", [math.inf, -math.inf, "inf", "-Infinity"])
def test_an_infinite_group_value_is_refused(infinite: float | str) -> None:
    column = [type(infinite)(1.5)] * 6 + [infinite] * 2
    with pytest.raises(
        DataError, match=r"must hold finite group values: got -?[iI]nf.* in 2 of 8 rows, the first is row 6"
    ):
        read_groups(column, MAILS, name="g")
    with pytest.raises(DataError, match="must hold a group value in every row: 1 of 8 rows"):
        read_groups([1.5, 2.5] * 3 + [math.nan, 1.5], MAILS, name="g")
    assert read_groups(["inf", "man"] * 4, MAILS, name="g", by="column").names == ("inf", "man")  # a name, not a number


def test_regression_has_values_and_no_cue() -> None:
    groups = read_groups([True, False, True], Labels(values=np.arange(3.0), classes=None), name="g")
    assert groups.names == ("false", "true")
    assert groups.cue == {}
    assert not groups.conflicting.any()


def test_a_named_cue_goes_before_the_one_that_is_found() -> None:
    groups = read_groups(HTML, MAILS, name="html", cue={"ham": "yes"})
    assert groups.cue == {"ham": "yes", "spam": "yes"}
    np.testing.assert_array_equal(groups.conflicting[:4], [True, True, True, False])


def test_no_cue_is_no_conflict() -> None:
    groups = read_groups(["a", "b"] * 4, MAILS, name="g")
    assert groups.cue == {}
    assert not groups.conflicting.any()
    assert read_groups(["a", "b"] * 4, MAILS, name="g", cue={"ham": "a"}).cue == {}  # spam's is not known
    assert read_groups(["a", "b"] * 4, MAILS, name="g", cue={"ham": "a", "spam": "b"}).cue["spam"] == "b"


@example(classes=2, seed=1402)  # both labels have the counts 10 and 22
@given(classes=st.integers(2, 4), seed=st.integers(0, 2**32 - 1))
def test_the_assignment_has_the_largest_total_count(classes: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 50, size=(classes, classes)) + np.eye(classes, dtype=int)
    found = usual_values(counts)
    assert (found is None) == (np.linalg.matrix_rank(counts) == 1)
    if found is None:
        return
    totals = [counts[np.arange(classes), list(order)].sum() for order in permutations(range(classes))]
    assert counts[np.arange(classes), found].sum() == max(totals)


def test_with_unequal_numbers_the_largest_lift_decides() -> None:
    counts = np.array([[60, 40], [90, 10], [50, 50]])
    np.testing.assert_array_equal(usual_values(counts), [1, 0, 1])


@pytest.mark.parametrize(
    ("column", "cue", "said"),
    [
        (["a", None] * 4, {}, "4 of 8 rows have none, the first is row 1"),
        (["a"] * 8, {}, "at least two group values"),
        (HTML, {"spam": "maybe"}, "values of 'html' are no, yes"),
        (HTML, {"spm": "yes"}, "Did you mean spam?"),
    ],
)
def test_mistakes_are_one_sentence(column: list[str | None], cue: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said.replace("?", r"\?")):
        read_groups(column, MAILS, name="html", cue=cue)
