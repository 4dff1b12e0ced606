"""The line and the table on what was read, from a reading made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.labels import Labels
from w2s_probe.datasets import Table
from w2s_probe.pipeline.reading import PairsReading, Reading, reading_of, with_sizes
from w2s_probe.report.read import class_text, read_line, read_sections
from w2s_probe.results.read import FeaturesRead, PoolRead, Read


def features(columns: tuple[str, ...] | None = ("a", "b", "c"), dim: int = 3) -> FeaturesRead:
    return FeaturesRead(
        backbone="features:x.parquet",
        columns=columns,
        dim=dim,
        dtype="float64",
        file="x.parquet",
        matched_by="row",
    )


def reading(*, classes: tuple[str, ...] | None = ("no", "yes"), name: str = "d.csv") -> Reading:
    values = np.array([0, 1, 1, 1]) if classes else np.array([0.5, 1.25, -3.0, 2.0])
    table = Table(name=name, ids=np.arange(5).astype(np.str_), has_ids=False)
    return reading_of(
        DataConfig(data=name),
        table,
        {"teacher": features()},
        guessed=["teacher"],
        labels=Labels(values=values, classes=classes),
        unlabeled=1,
    )


def test_the_line_says_rows_labels_and_features_with_every_guess() -> None:
    assert read_line(reading()) == (
        "read: d.csv: 5 rows, none left out; classes of column label: no (1), yes (3), without a label 1 "
        "(guess: --label, --task); no texts or images (guess: --text, --image); no ids (guess: --id); "
        "teacher features:x.parquet: 3 columns a … c, 3 dimensions, float64, by row (guess: features:x.parquet#COLUMN)"
    )


TABLE = PairsReading(pairs=3, items=6, modality="text", prompt="q", answers=("good", "bad"))


@pytest.mark.parametrize(
    ("pairs", "given", "text"),
    [
        (
            TABLE,
            (),
            "3 pairs of 6 items: prompts of column q, preferred answers of column good, other answers of column bad "
            "(guess: --chosen, --rejected)",
        ),
        (
            replace(TABLE, prompt=""),
            ("chosen", "rejected"),
            "3 pairs of 6 items: preferred answers of column good, other answers of column bad",
        ),
        (
            replace(TABLE, preference="better_response_id"),
            (),
            "3 pairs of 6 items: prompts of column q, answers of columns good and bad, preferences of column "
            "better_response_id (guess: --criterion)",
        ),
        (
            PairsReading(pairs=3, items=9, modality="text", scores="stars", min_gap=0.5),
            ("min_gap",),
            "3 pairs of 9 items, drawn by scores of column stars, at least 0.5 apart; texts",
        ),
        (
            PairsReading(pairs=3, items=9, scores="stars"),
            (),
            "3 pairs of 9 items, drawn by scores of column stars, of any difference (guess: --min-gap); "
            "no texts or images (guess: --text, --image)",
        ),
    ],
)
def test_the_line_speaks_of_pairs(pairs: PairsReading, given: tuple[str, ...], text: str) -> None:
    line = read_line(replace(reading(), pairs=pairs), given=given)
    assert line.startswith(f"read: d.csv: 5 rows, none left out; {text}; no ids (guess: --id); teacher")


@pytest.mark.parametrize("name", ["label", "task"])
def test_a_setting_that_was_given_is_no_guess(name: str) -> None:
    assert f"--{name}" in read_line(reading())
    assert f"--{name}" not in read_line(reading(), given={name})


def test_a_regression_has_its_range() -> None:
    assert "labels of column label: numbers from -3 to 2, without a label 1" in read_line(reading(classes=None))


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (("X",), "array X"),
        (("emb",), "column emb"),
        (("f0", "f1"), "2 columns f0 … f1"),
        (tuple(f"f{i}" for i in range(4096)), "4,096 columns f0 … f4095"),
    ],
)
def test_columns_are_named_by_their_ends(columns: tuple[str, ...], text: str) -> None:
    (section,) = read_sections(Read(rows=3, features={"teacher": features(columns)}))
    assert section.grids[0].rows[-1][1] == f"features:x.parquet: {text}, 3 dimensions, float64, by row"


def test_a_backbone_that_will_embed_has_no_dimension_yet() -> None:
    (section,) = read_sections(Read(rows=3, features={"teacher": features(None, 0)}))
    assert section.grids[0].rows[-1][1] == "features:x.parquet: not computed yet, float64, by row"


@pytest.mark.parametrize("count", [2, 12])
def test_few_classes_are_all_named(count: int) -> None:
    assert class_text({f"c{i}": i for i in range(count)}).count("(") == count


@pytest.mark.parametrize("count", [13, 1000])
def test_of_many_classes_the_largest_and_smallest_are_named(count: int) -> None:
    text = class_text({f"c{i}": i + 1 for i in range(count)})
    assert text.startswith(f"{count:,}, the largest c{count - 1} ({count:,})")
    assert text.endswith("the smallest c2 (3), c1 (2), c0 (1)")


def test_only_default_sizes_are_guesses() -> None:
    sizes = {"labeled": (60,), "unlabeled": (90, 120), "test": (50,)}
    config = W2SConfig(n_labeled=60)
    line = read_line(with_sizes(reading(), sizes, config, ["test"]))  # type: ignore[arg-type]
    assert line.endswith("n = 60, N = 90/120, 50 test rows (guess: -N)")


@pytest.mark.parametrize("name", ["red\x1b[31m.csv", "turned\u202e.csv", "w" * 300 + ".csv", "two\nlines.csv"])
def test_names_are_visible_short_and_on_one_line(name: str) -> None:
    line = read_line(reading(name=name))
    assert line.isprintable()
    assert len(line) < 420


def test_a_pool_has_its_own_row_of_the_table() -> None:
    read = Read(rows=10, pool=PoolRead(rows=7, left_out={"repeats a labeled row": 2}))
    (section,) = read_sections(read)
    assert section.grids[0].rows[1] == ["rows of the second table", "7 rows, 2 left out (repeats a labeled row)"]


def test_an_older_result_has_no_section() -> None:
    assert list(read_sections(None)) == []
