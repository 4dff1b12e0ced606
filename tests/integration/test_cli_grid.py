"""Features with columns or rows of very different sizes: heads are as good as scikit-learn's with a wide grid."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from tests.conftest import Cli

Array = NDArray[np.float64]
ROWS = 900
SIZES = ("-n", "150", "-N", "400", "--n-test", "300", "--seeds", "2")


def noise(*columns: float) -> Array:
    return np.random.default_rng(5).standard_normal((ROWS, len(columns))) * columns


def scaled(X: Array, columns: int, factor: float) -> Array:
    return X * np.where(np.arange(X.shape[1]) < columns, factor, 1.0)


def with_rows(X: Array, size: float, *rows: int) -> Array:
    return np.where(np.isin(np.arange(ROWS), rows)[:, None], size, X)


# each changes student features (900, 20), of which RidgeCV with strengths 1e-6 … 1e14 keeps the accuracy
KINDS: dict[str, Callable[[Array], Array]] = {
    "one column 1e4": lambda X: np.c_[X, noise(1e4)],
    "one column 1e7": lambda X: np.c_[X, noise(1e7)],
    "three columns": lambda X: np.c_[X, noise(1e2, 1e4, 1e6)],
    "most columns": lambda X: np.c_[X, noise(*[1e4] * 25)],
    "half of the signal": lambda X: scaled(X, 10, 1e4),
    "tiny signal": lambda X: np.c_[X / 1e3, noise(*[1.0] * 20)],
    "all tiny": lambda X: X / 1e2,
    "one row 1e6": lambda X: with_rows(X, 1e6, 17),
    "one row 1e9": lambda X: with_rows(X, 1e9, 17),
    "three rows 1e3": lambda X: with_rows(X, 1e3, 0, 300, 600),
}


@pytest.fixture
def data(tmp_path: Path) -> tuple[Array, Array, Array]:
    """Write table.csv; return labels, teacher features and student features."""
    rng = np.random.default_rng(0)
    core = rng.standard_normal((ROWS, 6))
    y = (core[:, :3].sum(axis=1) + 0.5 * rng.standard_normal(ROWS) > 0).astype(int)
    weak = core[:, :3] @ rng.standard_normal((3, 8)) + 0.8 * rng.standard_normal((ROWS, 8))
    strong = core @ rng.standard_normal((6, 20)) + 0.3 * rng.standard_normal((ROWS, 20))
    pl.DataFrame({"label": y}).write_csv(tmp_path / "table.csv")
    return y, weak, strong


def measured(cli: Cli, folder: Path, verb: str, T: Array, S: Array, *flags: str) -> dict[str, Any]:
    np.save(folder / "t.npy", T)
    np.save(folder / "s.npy", S)
    done = cli(
        verb, "table.csv", "--teacher", "features:t.npy", "--student", "features:s.npy", *SIZES, *flags, "--json"
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def reference(folder: Path, X: Array, y: Array, part: str) -> float:
    """Return the mean accuracy of scikit-learn's head on the same rows."""
    split = pl.read_csv(folder / "split.csv")
    accuracies = []
    for seed in split["seed"].unique().to_list():
        rows, test = (
            split.filter((pl.col("seed") == seed) & (pl.col("part") == name))["id"].to_numpy()
            for name in (part, "test")
        )
        theirs = RidgeCV(alphas=np.logspace(-6, 14, 61)).fit(X[rows], np.eye(2)[y[rows]])
        accuracies.append((theirs.predict(X[test]).argmax(axis=1) == y[test]).mean())
    return float(np.mean(accuracies))


@pytest.mark.parametrize("kind", KINDS)
def test_heads_are_as_good_as_those_of_a_wide_grid(
    cli: Cli, tmp_path: Path, data: tuple[Array, Array, Array], kind: str
) -> None:
    y, weak, strong = data
    X = KINDS[kind](strong)
    found = measured(cli, tmp_path, "run", weak, X, "--save-split", "split.csv")
    for system, part in (("baseline", "labeled"), ("ceiling", "unlabeled")):
        ours, theirs = found["systems"][system]["accuracy"]["value"], reference(tmp_path, X, y, part)
        # a large row may choose scikit-learn's strength: then ours is better
        assert ours > theirs - 0.01 if "row" in kind else ours == pytest.approx(theirs, abs=0.01)
        assert found["systems"][system]["strength"]["at_edge"] == 0
    assert found["students"]["vanilla"]["accuracy"]["value"] > 0.83
    assert not any("grid" in note or "one tried" in note for note in found["notes"])


@pytest.mark.parametrize("kind", ["one column 1e4", "three columns", "one row 1e6"])
def test_a_forecast_and_a_sweep_have_the_same_heads(
    cli: Cli, tmp_path: Path, data: tuple[Array, Array, Array], kind: str
) -> None:
    _, weak, strong = data
    X = KINDS[kind](strong)
    run = measured(cli, tmp_path, "run", weak, X)
    sweep = measured(cli, tmp_path, "sweep", weak, X)["points"][0]
    forecast = measured(cli, tmp_path, "forecast", weak, X)
    student = run["students"]["vanilla"]
    for name in ("gain", "versus_baseline"):
        assert sweep[name]["value"] == pytest.approx(student[name]["value"], abs=1e-8)
    measurements = {"baseline": run["systems"]["baseline"], "student": student}
    for name, scores in measurements.items():
        assert forecast[name]["value"] == pytest.approx(scores["accuracy"]["value"], abs=0.05)


@pytest.mark.parametrize("kind", ["one column 1e4", "three columns", "tiny signal"])
def test_large_columns_of_the_teacher_do_not_hide_the_others(
    cli: Cli, tmp_path: Path, data: tuple[Array, Array, Array], kind: str
) -> None:
    y, weak, strong = data
    T = KINDS[kind](weak)
    found = measured(cli, tmp_path, "run", T, strong, "--save-split", "split.csv")
    assert found["systems"]["teacher"]["accuracy"]["value"] == pytest.approx(
        reference(tmp_path, T, y, "labeled"), abs=0.01
    )


@pytest.mark.parametrize("kind", ["one column 1e4", "three columns", "half of the signal"])
def test_softmax_heads_without_scaling_reach_small_columns(
    cli: Cli, tmp_path: Path, data: tuple[Array, Array, Array], kind: str
) -> None:
    _, weak, strong = data
    found = measured(cli, tmp_path, "run", weak, KINDS[kind](strong), "--head", "softmax", "--scale", "none")
    for system in ("baseline", "ceiling"):
        assert found["systems"][system]["accuracy"]["value"] > 0.85


def test_a_resumed_sweep_has_the_same_strengths_where_the_grid_went_on(
    cli: Cli, tmp_path: Path, data: tuple[Array, Array, Array]
) -> None:
    _, weak, strong = data
    X = np.c_[strong, noise(*[1e4] * 25)]
    alone = measured(cli, tmp_path, "sweep", weak, X, "--out", "one")
    cells = sorted((tmp_path / "one" / "cells").glob("*"))
    kept = cells[0].read_bytes()
    cells[0].unlink()
    again = measured(cli, tmp_path, "sweep", weak, X, "--out", "one")
    assert again == alone
    assert cells[0].read_bytes() == kept


def test_the_advice_on_scaling_names_the_flag(cli: Cli, tmp_path: Path, data: tuple[Array, Array, Array]) -> None:
    _, weak, strong = data
    X = np.c_[strong / 1e3, noise(*[1.0] * 60)]
    for verb in ("run", "forecast"):
        found = measured(cli, tmp_path, verb, weak, X)
        (note,) = (note for note in found["notes"] if "With --scale" in note)
        assert note.endswith("Use --scale standard.")
    better = measured(cli, tmp_path, "run", weak, X, "--scale", "standard")
    assert not any("With --scale" in note for note in better["notes"])


def test_the_note_on_an_end_names_the_flag(cli: Cli, tmp_path: Path, data: tuple[Array, Array, Array]) -> None:
    _, weak, _ = data
    X = np.random.default_rng(3).standard_normal((ROWS, 5))  # nothing to learn from
    found = measured(cli, tmp_path, "run", weak, X)
    assert any("largest one tried" in note and "more labeled rows" in note for note in found["notes"])
    swept = measured(cli, tmp_path, "sweep", weak, X)
    assert any("--teacher-alpha or --student-alpha" in note for note in swept["notes"])
