"""Tables in, splits out and in again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, SplitError
from w2s_probe.core.splits import PARTS, Split
from w2s_probe.datasets import open_data, read_split_file, read_table, write_split_file

FRAME = pl.DataFrame({"text": ["a, b", "c\nd", 'e "f"'], "y": [1, 0, 1], "key": ["p", "q", "r"]})
COLUMNS = DataConfig(data="", text="text", label="y", id="key")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "ndjson", "jsonl"])
def test_every_format_gives_the_same_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t[*?].{suffix}"  # no pattern, a name
    if suffix == "parquet":
        FRAME.write_parquet(path)
    elif suffix in ("csv", "tsv"):
        FRAME.write_csv(path, separator="\t" if suffix == "tsv" else ",")
    else:
        FRAME.write_ndjson(path)
    table = read_table(path, COLUMNS)
    assert table.items == FRAME["text"].to_list()
    assert table.label == [1, 0, 1]
    assert table.ids.tolist() == ["p", "q", "r"]


def test_a_label_that_turns_to_text_late_in_the_file_is_read(tmp_path: Path) -> None:
    lines = ["y", *["1"] * 5000, "spam"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    label = read_table(tmp_path / "t.csv", DataConfig(data="", label="y")).label
    assert label is not None
    assert label[-1] == "spam"


def test_rows_without_an_id_column_are_known_by_position(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "t.csv")
    table = read_table(tmp_path / "t.csv", DataConfig(data="", label="y"))
    assert table.ids.tolist() == ["0", "1", "2"]
    assert not table.has_ids


@given(st.binary(max_size=300))
def test_any_bytes_give_a_table_or_one_sentence(content: bytes) -> None:
    import tempfile

    for suffix in (".csv", ".parquet", ".ndjson"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"t{suffix}"
            path.write_bytes(content)
            try:
                read_table(path, DataConfig(data="", label="y"))
            except DataError as error:
                assert len(str(error)) < 500


@pytest.mark.parametrize("suffix", ["csv", "parquet", "ndjson"])
def test_splits_come_back_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    ids = np.array([f"row{i}" for i in range(12)])
    splits = [
        Split(labeled=np.array([3, 1]), unlabeled=np.array([0, 5, 7]), test=np.array([2, 4]), seed=seed)
        for seed in (4, 9)
    ]
    path = tmp_path / f"split.{suffix}"
    write_split_file(path, splits, ids)
    back = read_split_file(path, ids)
    assert [split.seed for split in back] == [4, 9]
    for ours, theirs in zip(splits, back, strict=True):
        for part in PARTS:
            np.testing.assert_array_equal(ours.parts()[part], theirs.parts()[part])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "seed,id\n0,a\n",
            "must have columns seed, id and part: got seed, id, no part. Rename or add a column: part",
        ),
        (
            "id,part\na,test\n",
            "no seed. Rename or add a column: seed holds a whole number",
        ),
        ("seed,row\n0,a\n", "got seed, row, no id and no part. Rename or add a column: id holds the id of a row"),
        (
            "seed,id,part\n3,a,test\n3,b,labeled\n3,a,test\n",
            "1 id has several rows, such as 'a', twice in part test",
        ),
        (
            "seed,id,part\n3,a,test\n3,b,labeled\n3,a,labeled\n3,b,unlabeled\n4,a,test\n",
            "2 ids have several rows, such as 'b', in parts labeled and unlabeled of seed 3.",
        ),
        ("seed,id,part\n0,zzz,test\n", "the first is 'zzz'"),
        ("seed,id,part\n0,a,train\n", "got 'train'"),
        ("seed,id,part\n0,a,test\n", "labeled part must hold at least one row"),
    ],
)
def test_a_wrong_split_file_is_named(tmp_path: Path, rows: str, said: str) -> None:
    (tmp_path / "split.csv").write_text(rows)
    with pytest.raises(SplitError) as caught:
        read_split_file(tmp_path / "split.csv", np.array(["a", "b"]))
    assert said in str(caught.value)


@pytest.mark.parametrize(("domain", "rows"), [("movie", 10311), ("product", 3132), ("news", 3521), ("tweets", 3687)])
def test_vader_domains_have_their_rows(domain: str, rows: int) -> None:
    table = open_data(DataConfig(data=f"builtin:vader-{domain}", group="negation"))
    assert len(table) == rows
    assert set(table.label or []) == {"positive", "negative"}
    assert set(table.group or []) == {"yes", "no"}


def test_vader_labels_are_the_sign_of_the_rating() -> None:
    table = open_data(DataConfig(data="builtin:vader", group="rating"))
    ratings = np.array(table.group, dtype=float)
    assert len(table) == 10311 + 3132 + 3521 + 3687
    assert np.abs(ratings).min() > 0.3
    np.testing.assert_array_equal(np.array(table.label) == "positive", ratings > 0)


def test_negation_finds_negations() -> None:
    table = open_data(DataConfig(data="builtin:vader-movie", group="negation"))
    assert table.items is not None
    negated = [text for text, value in zip(table.items, table.group or [], strict=True) if value == "yes"]
    assert 0.15 < len(negated) / len(table) < 0.3
    for text in negated:
        lower = text.lower()
        words = ("no", "n't", "n’t", "never", "without", "hardly", "barely", "neither")
        assert any(word in lower for word in words)


def test_digits_are_images_with_their_labels() -> None:
    table = open_data(DataConfig(data="builtin:digits"))
    assert isinstance(table.items, np.ndarray)
    assert table.items.shape == (1797, 8, 8)
    assert table.items.max() == 255


def test_unknown_built_in_data_suggests_near_names() -> None:
    with pytest.raises(DataError, match="Did you mean vader-movie"):
        open_data(DataConfig(data="builtin:vader-movies"))
