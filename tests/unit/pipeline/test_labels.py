"""Missing labels and placeholder labels: what `run` and `forecast` do with them, and what they say."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, DiagnoseConfig, W2SConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.groups import read_groups
from w2s_probe.core.labels import is_missing, name_notes, placeholder_notes, read_labels
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.datasets import open_data, read_table
from w2s_probe.pipeline.data import open_labeled
from w2s_probe.pipeline.diagnose import diagnose
from w2s_probe.pipeline.forecast import forecast
from w2s_probe.pipeline.run import run

ROWS = 240
FORMATS = ("quoted.csv", "plain.tsv", "t.ndjson", "t.parquet")


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    """Write a table in the format that the suffix names."""
    if path.suffix == ".parquet":
        pl.DataFrame(columns).write_parquet(path)
    elif path.suffix == ".ndjson":
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    else:
        quoting: Any = csv.QUOTE_ALL if path.stem == "quoted" else csv.QUOTE_MINIMAL
        with path.open("w", newline="") as handle:
            writer = csv.writer(handle, quoting=quoting, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerows([list(columns), *zip(*columns.values(), strict=True)])
    return path


@pytest.fixture
def truth(tmp_path: Path) -> list[str]:
    """Write t.npy and s.npy; return the labels of their rows."""
    rng = np.random.default_rng(3)
    core = rng.standard_normal((ROWS, 4))
    np.save(tmp_path / "t.npy", core[:, :2] + rng.standard_normal((ROWS, 2)))
    np.save(tmp_path / "s.npy", core)
    return ["pos" if value > 0 else "neg" for value in core.sum(axis=1)]


def arguments(path: Path) -> dict[str, Any]:
    return {"store": FeatureStore(path.parent / "cache"), "options": BackboneOptions()}


def forecasted(path: Path, **settings: Any) -> Any:
    names: dict[str, Any] = {
        "teachers": [f"features:{path.parent}/t.npy"],
        "students": [f"features:{path.parent}/s.npy"],
    }
    return forecast(DataConfig(data=str(path)), W2SConfig(**settings), **names, **arguments(path)).result


def measured(path: Path, **settings: Any) -> Any:
    names: dict[str, Any] = {"teacher": f"features:{path.parent}/t.npy", "student": f"features:{path.parent}/s.npy"}
    return run(DataConfig(data=str(path)), W2SConfig(seeds=1, **settings), **names, **arguments(path)).result


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("blank", ["", " ", "\u00a0 "])
def test_blank_labels_are_the_pool_in_every_format(tmp_path: Path, truth: list[str], name: str, blank: str) -> None:
    path = write(tmp_path / name, {"row": list(range(ROWS)), "label": [*truth[:80], *[blank] * (ROWS - 80)]})
    null = write(tmp_path / "null.parquet", {"label": [*truth[:80], *[None] * (ROWS - 80)]})
    result, expected = forecasted(path), forecasted(null)
    assert result.best.n == 80
    assert result.best.gain == expected.best.gain
    assert not any("a class, or rows" in note for note in result.best.notes)


@pytest.mark.parametrize("name", FORMATS)
def test_blanks_are_missing_in_every_column_of_names(tmp_path: Path, name: str) -> None:
    values = ["a", "", "  ", "b"]
    columns = {"label": values, "g": values, "part": ["test", "", " ", "labeled"], "s": values, "text": values}
    config = DataConfig(data="", group="g", split="part", group_split="s", text=None if name == "plain.tsv" else "text")
    table = read_table(write(tmp_path / name, columns), config)
    assert table.label == table.group == table.source == ["a", None, None, "b"]
    assert table.split == ["test", None, None, "labeled"]
    assert table.items in (None, values)
    with pytest.raises(DataError, match="must hold an id in every row: row 1 has none"):
        read_table(tmp_path / name, DataConfig(data="", id="g"))


@pytest.mark.parametrize("blank", ["", "\t", None])
def test_run_and_sweep_say_that_forecast_takes_rows_without_labels(
    tmp_path: Path, truth: list[str], blank: str | None
) -> None:
    path = write(tmp_path / "t.parquet", {"label": [*truth[:239], blank]})
    with pytest.raises(DataError, match=r"run and sweep need a label in every row.* 1 of 240 rows .* Use forecast"):
        measured(path)
    with pytest.raises(DataError, match="Use forecast, which takes rows without a label"):
        open_labeled(DataConfig(data=str(path)), (), SweepConfig(), **arguments(path))


def test_a_column_without_any_label_is_not_sent_to_forecast(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", {"label": ["", " ", ""]})
    with pytest.raises(DataError, match="3 of 3 rows have none") as refusal:
        open_labeled(DataConfig(data=str(path)), (), W2SConfig(), **arguments(path))
    assert "forecast" not in str(refusal.value)


def test_diagnose_takes_blank_labels_for_none(tmp_path: Path, truth: list[str]) -> None:
    names: dict[str, Any] = {"teacher": f"features:{tmp_path}/t.npy", "student": f"features:{tmp_path}/s.npy"}
    figures = []
    for blank in ("", None):
        path = write(tmp_path / "t.parquet", {"label": [*truth[:120], *[blank] * 120]})
        figures.append(
            diagnose(DataConfig(data=str(path)), DiagnoseConfig(), **names, **arguments(path)).result.to_dict()
        )
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    "name",
    [
        *("-1", "-999", "?", "NA", "n/a", "N/A", "#N/A", "<NA>", "unknown", "Unknown", "UNK", "<unk>", "unlabeled"),
        *("no_label", "Not labeled", "(none)", "None", "null", "NULL", "nan", "\\N", "-", "n.a.", "TBD"),
    ],
)
def test_a_placeholder_is_a_class_with_a_note(name: str) -> None:
    (note,) = placeholder_notes({"a": 4000, name: 3100})
    assert f"{name!r}, 3,100 of 7,100 labels, a class, or rows without a label?" in note
    assert "Leave the label empty for those." in note


@pytest.mark.parametrize(
    "names", [("a", "b"), ("0", "1"), ("-1", "1"), ("other", "neutral"), ("no", "yes"), ("N", "A")]
)
def test_usual_classes_have_no_note(names: tuple[str, str]) -> None:
    assert placeholder_notes(dict.fromkeys(names, 10)) == ()


@pytest.mark.parametrize("name", ["-1", "unknown", "NA"])
@pytest.mark.parametrize("suffix", ["quoted.csv", "t.parquet"])
def test_run_notes_a_placeholder(tmp_path: Path, truth: list[str], name: str, suffix: str) -> None:
    labels = [name if row % 3 == 0 else label for row, label in enumerate(truth)]
    result = measured(write(tmp_path / suffix, {"row": list(range(ROWS)), "label": labels}))
    assert name in result.classes
    assert sum(f"Is {name!r}, 80 of 240 labels, a class" in note for note in result.notes) == 1


def test_forecast_notes_a_class_that_holds_most_rows(tmp_path: Path, truth: list[str]) -> None:
    labels = [label if row < 80 else "later" for row, label in enumerate(truth)]
    result = forecasted(write(tmp_path / "t.parquet", {"label": labels}))
    (note,) = [note for note in result.best.notes if "a class, or rows" in note]
    assert "Is 'later', 160 of 240 labels" in note
    assert "more than half of the rows of t.parquet; 0 rows have no label." in note


@pytest.mark.parametrize(
    ("empty", "size", "noted"), [(0, None, True), (40, 30, False), (100, None, True), (40, None, True)]
)
def test_the_note_depends_on_the_rows_without_a_label(
    tmp_path: Path, truth: list[str], empty: int, size: int | None, noted: bool
) -> None:
    labels = ["most" if row < 130 else label for row, label in enumerate(truth)]
    column: list[Any] = [*labels[: ROWS - empty], *[None] * empty]
    result = forecasted(write(tmp_path / "t.parquet", {"label": column}), n_unlabeled=size)
    assert any("Is 'most', 130 of" in note for note in result.best.notes) is noted


def test_of_two_classes_the_larger_one_has_no_note(tmp_path: Path, truth: list[str]) -> None:
    labels = ["pos" if row % 4 else label for row, label in enumerate(truth)]
    result = forecasted(write(tmp_path / "t.parquet", {"label": labels}))
    assert not any("a class, or rows" in note for note in result.best.notes)


def test_forecast_asks_once_about_a_placeholder_that_holds_most_rows(tmp_path: Path, truth: list[str]) -> None:
    labels = ["-1" if row >= 80 else ("1" if label == "pos" else "0") for row, label in enumerate(truth)]
    result = forecasted(write(tmp_path / "t.parquet", {"label": labels}))
    assert sum("Is '-1', 160 of 240 labels" in note for note in result.best.notes) == 1


def test_labels_that_a_split_column_hides_are_not_counted(tmp_path: Path, truth: list[str]) -> None:
    parts = ["labeled" if row < 80 else "unlabeled" for row in range(ROWS)]
    notes = []
    for hidden in ("unknown", "pos"):
        path = write(tmp_path / "t.parquet", {"label": [*truth[:80], *[hidden] * 159, None], "part": parts})
        names: dict[str, Any] = {"teachers": [f"features:{tmp_path}/t.npy"], "students": [f"features:{tmp_path}/s.npy"]}
        done = forecast(DataConfig(data=str(path), split="part"), W2SConfig(), **names, **arguments(path))
        notes.append(done.result.best.notes)
    assert notes[0] == notes[1]
    assert not any("a class, or rows" in note for note in notes[0])


def test_built_in_data_has_no_doubtful_class() -> None:
    for name in ("vader-movie", "spam", "digits"):
        table = open_data(DataConfig(data=f"builtin:{name}"))
        labels = read_labels(table.label or [], name="label", task="classification")
        assert placeholder_notes(labels.class_counts()) == ()


@pytest.mark.parametrize(("text", "hint"), [("NA", True), ("n/a", True), ("?", True), ("1_000", False), ("٣", False)])
def test_a_regression_label_that_is_no_number_is_named(text: str, hint: bool) -> None:
    with pytest.raises(DataError, match=r"in row 1\.") as refusal:
        read_labels(["1.5", text, "2"], name="y", task="regression")
    assert ("leave the label empty" in str(refusal.value)) is hint
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize("value", [None, float("nan"), "", " ", "\n\t", "\u00a0"])
def test_blanks_and_nan_are_missing(value: object) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "nan", "a"])
def test_values_are_not_missing(value: object) -> None:
    assert not is_missing(value)


@pytest.mark.parametrize(("name", "blank"), list(zip(FORMATS, [" ", "\t", "\u00a0", "  "], strict=True)))
def test_blanks_at_the_ends_of_labels_make_no_classes(tmp_path: Path, truth: list[str], name: str, blank: str) -> None:
    padded = [f"{label}{blank}" if row % 3 else label for row, label in enumerate(truth)]
    plain, other = (measured(write(tmp_path / name, {"label": labels})).to_dict() for labels in (truth, padded))
    assert {**other, "notes": []} == {**plain, "notes": []}
    (note,) = set(other["notes"]) - set(plain["notes"])
    assert note.startswith("160 of 240 labels in column 'label' have blanks at their ends, which are removed: ")
    half = write(tmp_path / name, {"label": [*padded[:120], *[""] * 120]})
    assert any("80 of 120 labels in column" in one for one in forecasted(half).best.notes)


def test_blanks_at_the_ends_of_group_values_make_no_groups() -> None:
    labels = read_labels(["a", "b"] * 4, name="y", task="classification")
    groups = read_groups(["u", "v ", " u", "v"] * 2, labels, name="g")
    assert groups.value_names == ("u", "v")
    assert name_notes(["u", "v ", " u", None], name="g", what="group values") == (
        "2 of 4 group values in column 'g' have blanks at their ends, which are removed: 'v ' is 'v'.",
    )


def test_names_that_differ_in_case_are_named() -> None:
    assert name_notes(["Yes", "yes", "no", "YES ", 1, None, " "], name="y", what="labels")[1:] == (
        "Labels 'YES' and 'Yes' and 'yes' of column 'y' differ in case only and are different classes. Write them in "
        "one way if they mean the same.",
    )
    (note,) = name_notes(["A", "a", "B", "b"], name="g", what="group values")
    assert "'A' and 'a' of column 'g' differ in case only (and 1 more such names) and are different groups." in note
    assert name_notes(["a", "b", 1, True], name="y", what="labels") == ()


def test_a_forecast_of_a_test_part_without_labels_says_so(tmp_path: Path, truth: list[str]) -> None:
    parts = ["train"] * 160 + ["test"] * 80
    path = write(tmp_path / "t.parquet", {"label": [*truth[:160], *[None] * 80], "part": parts})
    names: dict[str, Any] = {"teachers": [f"features:{tmp_path}/t.npy"], "students": [f"features:{tmp_path}/s.npy"]}
    with pytest.raises(DataError, match=r"the test part of t\.parquet must have labels: none of its 80 rows has one"):
        forecast(DataConfig(data=str(path), split="part"), W2SConfig(), **names, **arguments(path))
