"""Names of shards: numeric order, complete sets, and parts that names tell."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.errors import DataError
from w2s_probe.datasets.shard_names import (
    ShardName,
    check_complete,
    check_one_table,
    numeric_order,
    parts_of,
    shard_name,
)


@given(numbers=st.lists(st.integers(0, 10**12), min_size=1), stem=st.text("ab-_.", max_size=5))
def test_names_ascend_by_their_numbers(numbers: list[int], stem: str) -> None:
    names = [f"{stem}{number}.npy" for number in numbers]
    assert sorted(names, key=numeric_order) == [f"{stem}{number}.npy" for number in sorted(numbers)]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("data/train-00000-of-00002", ShardName("data", "train", 0, 2)),
        ("train-00001-of-00002", ShardName(".", "train", 1, 2)),
        ("c4-train.00007-of-01024", ShardName(".", "train", 7, 1024, "c4-")),
        ("imdb-test-00000-of-00001", ShardName(".", "test", 0, 1, "imdb-")),
        ("plain_text/validation-00000-of-00001", ShardName("plain_text", "validation", 0, 1)),
        ("unsupervised-00000-of-00001", ShardName(".", "unsupervised", 0, 1)),
        ("data-00000-of-00001", ShardName(".", "data", 0, 1)),
        ("train/en-0-of-2", ShardName(".", "train", 0, 2, "/en")),
        ("default/train/0000", ShardName("default", "train")),
        ("Test", ShardName(".", "test")),
        ("my-train", ShardName(".", "")),
        ("labeled", ShardName(".", "labeled")),
        ("reviews", ShardName(".", "")),
    ],
)
def test_what_a_name_tells(path: str, told: ShardName) -> None:
    assert shard_name(path) == told


def complete(*paths: str, expected: str = ".*") -> None:
    names = [shard_name(path) for path in paths]
    check_complete(paths, names, data="d", expected=lambda path: bool(re.fullmatch(expected, path)))


def test_a_numbered_set_must_be_complete_unless_its_files_were_chosen() -> None:
    complete("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "part-7")
    with pytest.raises(DataError, match=r"d must have all 3 files.*: b-00001-of-00003 is missing") as refusal:
        complete("x/b-00000-of-00003", "x/b-00002-of-00003", "x/a-00000-of-00001")
    assert "'b-0000[02]-of-00003'" in str(refusal.value)
    complete("b-00000-of-00003", "b-00002-of-00003", expected="b-0000[02].*")


def test_a_numbered_set_may_count_from_one() -> None:
    complete("b-1-of-2", "b-2-of-2", "a-1-of-1")
    with pytest.raises(DataError, match=r"d must have all 3 files.*: b-2-of-3 is missing.* such as 'b-\[13\]-of-3'"):
        complete("b-1-of-3", "b-3-of-3")
    with pytest.raises(DataError, match="b-0-of-3 is missing"):
        complete("b-1-of-3", "b-2-of-3")


@pytest.mark.parametrize(
    ("present", "pattern"), [((0, 11), "00"), ((7, 9, 10), "0[79]"), ((3,), "03"), ((10, 12, 20, 22), "[12][02]")]
)
def test_the_pattern_of_the_files_that_are_there_fits_none_that_is_missing(
    present: tuple[int, ...], pattern: str
) -> None:
    with pytest.raises(DataError) as refusal:
        complete(*(f"x/b.{number:02d}-of-30" for number in present))
    advised = str(refusal.value).split("'")[1]
    assert advised == f"b.{pattern}-of-30"
    chosen = [number for number in range(30) if fnmatch(f"b.{number:02d}-of-30", advised)]
    assert chosen
    assert set(chosen) <= set(present)


def test_two_numbered_sets_of_one_part_are_refused() -> None:
    with pytest.raises(DataError, match="one numbered set of files for train: got sets of 1, 2 files"):
        complete("train-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002")


def test_sets_of_two_prefixes_are_two_sets() -> None:
    for paths in (("en-train-0-of-2", "de-train-1-of-2"), ("train/en-0-of-2", "train/de-1-of-2")):
        with pytest.raises(
            DataError, match=r"d must have all 2 files.*: en-1-of-2 is missing|en-train-1-of-2 is missing"
        ):
            complete(*paths)
    complete("en-train-0-of-1", "de-train-0-of-1", "de-train-0-of-1")
    with pytest.raises(DataError, match=r"must hold one data set: got numbered sets de-train, en-train for") as refusal:
        parts("en-train-0-of-1", "de-train-0-of-1")
    assert "such as 'DIR/en-*'" in str(refusal.value)
    assert parts("en-train-0-of-1", "en-test-0-of-1") == ("train", "test")
    assert parts("train/en-0-of-1", "train/de-0-of-1") == ()


def parts(*paths: str) -> tuple[str, ...]:
    return parts_of([shard_name(path) for path in paths], data="d")


def test_names_tell_parts_only_where_they_differ() -> None:
    assert parts("train-00000-of-00002", "test-00000-of-00002") == ("train", "test")
    assert parts("labeled", "unlabeled") == ("labeled", "unlabeled")
    assert parts("d/train/0", "d/train/1", "d/test/0") == ("train", "train", "test")
    assert parts("train-00000-of-00002", "train-00001-of-00002") == ()
    assert parts("part-1", "part-2") == ()
    assert parts("north-00000-of-00001", "south-00000-of-00001") == ()


@pytest.mark.parametrize(
    ("paths", "got"),
    [
        (("train", "validation"), "got train, validation. Name the files of one part"),
        (("train", "test", "unsupervised-00000-of-00001"), "got test, train, unsupervised."),
        (("train", "test", "more"), "got files without a part, test, train."),
        (("train", "labeled"), "got labeled, train."),
        (("a/train", "a/test", "b/train"), "got files of parts in 2 folders, a, b. Name one of these folders."),
    ],
)
def test_parts_that_cannot_be_used_are_refused(paths: tuple[str, ...], got: str) -> None:
    with pytest.raises(DataError, match=re.escape(got)):
        parts(*paths)


@pytest.mark.parametrize(
    "paths",
    [
        ("sms_train_v2.csv", "sms_test_v2.csv"),
        ("trainingdata.tsv", "testset.tsv"),
        ("reviews.csv", "reviews-heldout.csv"),
        ("TRAIN1.parquet", "b1.parquet"),
        ("myTrainSet.csv", "myDevSet.csv"),
        ("en_train/0.csv", "en_eval/0.csv"),
        ("train_en-00000-of-00001.parquet", "test_en-00000-of-00001.parquet"),
        ("a_valid.csv", "a_test.csv"),
        ("x_train_test.csv", "x_train.csv"),
    ],
)
def test_words_of_parts_that_differ_make_no_table(paths: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="must tell parts as train") as refusal:
        check_one_table(paths, data="d", pattern="d/*")
    assert all(path in str(refusal.value) for path in paths)


@pytest.mark.parametrize(
    "paths",
    [
        ("my_train_1.csv", "my_train_2.csv"),
        ("contest.csv", "latest.csv", "trainer.csv", "device.csv", "evaluate.csv"),
        ("part-1.csv", "part-2.csv", "validity.csv"),
        ("fastest.csv", "constrained.csv"),
        ("a_test.csv", "b_testing.csv"),
        ("a_labeled.csv", "a_unlabeled.csv"),
    ],
)
def test_other_words_and_one_part_are_one_table(paths: tuple[str, ...]) -> None:
    check_one_table(paths, data="d", pattern="d/*")
