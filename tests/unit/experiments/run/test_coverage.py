"""Rows that splits keep where teachers are predictions, and the notes on the others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from w2s_probe.core.errors import DataError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.predictions import Predictions
from w2s_probe.core.splits import Split
from w2s_probe.experiments.run.coverage import spoken_notes, spoken_split

SPLIT = Split(labeled=np.array([0, 1]), unlabeled=np.array([2, 3, 4]), test=np.array([5, 6, 7]), seed=0)


def teacher(silent: Iterable[int] = (), saw: Iterable[int] = (), name: str = "labels:old") -> Predictions:
    speaks, marked = np.ones(8, dtype=np.bool_), np.zeros(8, dtype=np.bool_)
    speaks[list(silent)], marked[list(saw)] = False, True
    X, spec = np.full((8, 2), 0.5), EmbeddingSpec(backbone="labels", revision="x")
    return Predictions(ids=np.arange(8).astype(str), X=X, spec=spec, name=name, speaks=speaks, saw=marked)


def test_abstentions_leave_the_pool_and_the_test_part_and_rows_that_it_saw_only_the_test_part() -> None:
    old = teacher(silent=[0, 2, 5], saw=[1, 3, 6])
    own = spoken_split(SPLIT, [old])
    assert (own.labeled.tolist(), own.unlabeled.tolist(), own.test.tolist()) == ([0, 1], [3, 4], [7])
    notes = list(spoken_notes([SPLIT], [own], [old], saw="saw"))
    assert notes == [
        "1 of 3 rows of the pool are left out, since labels:old abstains.",
        "2 of 3 test rows are left out, since labels:old abstains or was trained on them.",
    ]


def test_notes_name_the_teachers_that_abstain_or_saw_rows() -> None:
    old, half, ann = teacher(silent=[2]), teacher(silent=[3], name="labels:half"), teacher(saw=[5], name="labels:ann")
    own = spoken_split(SPLIT, [old, half, ann])
    assert list(spoken_notes([SPLIT], [own], [old, half, ann], saw="saw")) == [
        "2 of 3 rows of the pool are left out, since labels:old and labels:half abstain.",
        "1 of 3 test rows are left out, since labels:ann was trained on them.",
    ]
    with pytest.raises(DataError, match=r"labels:a and labels:b must predict .* got none for all 3 that all of them"):
        spoken_split(SPLIT, [teacher(silent=[2], name="labels:a"), teacher(silent=[3, 4], name="labels:b")])


def test_all_teachers_must_speak_and_none_may_have_seen_a_test_row() -> None:
    own = spoken_split(SPLIT, [teacher(silent=[2]), teacher(silent=[5], saw=[7])])
    assert (own.unlabeled.tolist(), own.test.tolist()) == ([3, 4], [6])


@pytest.mark.parametrize(
    ("old", "part"),
    [
        (teacher(silent=[2, 3, 4]), "labels:old must predict at least one row of the pool: got none for all 3"),
        (teacher(silent=[5, 6, 7]), "labels:old must predict at least one row of the test part: got none for all 3"),
        (teacher(saw=[5, 6, 7]), "rows that the teacher was not trained on: got none of 3"),
    ],
)
def test_an_empty_part_is_refused_in_one_line(old: Predictions, part: str) -> None:
    with pytest.raises(DataError) as raised:
        spoken_split(SPLIT, [old])
    assert part in str(raised.value)
