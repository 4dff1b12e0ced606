"""A cell's file is used only where it holds this very cell; any other is fitted again and counted."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import w2s_probe
from tests.conftest import pair_of_views
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep

Views = tuple[FeatureSet, FeatureSet, Labels]
Damage = Callable[[list[Path]], int]  # changes files and returns how many of them cannot be used
GRID = SweepConfig(n_labeled=(40, 80), n_unlabeled=(100, 200), seeds=(0, 1), n_test=150)
CELLS = 8


@pytest.fixture(scope="module")
def views() -> Views:
    return pair_of_views(500, classes=3)


class Sweeps:
    """Sweeps on one folder, with the cells that each fitted and the notes that it gave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, views: Views, config: SweepConfig = GRID, jobs: int = 1) -> SweepResult:
        """Return the result of a sweep."""
        self.fitted, self.notes = 0, list[str]()
        return run_sweep(
            {"weak": views[0]},
            {"strong": views[1]},
            SplitSource(labels=views[2]),
            config=config,
            folder=self.folder,
            jobs=jobs,
            on_progress=self._count,
            on_note=self.notes.append,
        )

    def _count(self, _name: str, _done: int, total: int, _detail: str = "", /) -> None:
        self.fitted = total

    def files(self) -> list[Path]:
        """Return the files of all cells."""
        return sorted(self.folder.glob("*.npz"))


@pytest.fixture
def sweeps(tmp_path: Path) -> Sweeps:
    return Sweeps(tmp_path / "cells")


def cut(files: list[Path]) -> int:
    files[0].write_bytes(files[0].read_bytes()[:-30])
    return 1


def flip(files: list[Path]) -> int:
    for file in files[:3]:
        content = bytearray(file.read_bytes())
        with zipfile.ZipFile(file) as archive:
            entry = archive.getinfo("values.npy")
        content[entry.header_offset + 250] ^= 16  # in the numbers, behind two headers
        file.write_bytes(bytes(content))
    return 3


def swap(files: list[Path]) -> int:
    first, second = files[0].read_bytes(), files[-1].read_bytes()
    files[0].write_bytes(second)
    files[-1].write_bytes(first)
    return 2


def copy_over(files: list[Path]) -> int:
    for file in files[1:]:
        file.write_bytes(files[0].read_bytes())
    return len(files) - 1


def without_key(files: list[Path]) -> int:
    for file in files:
        with np.load(file) as arrays:
            content = {name: arrays[name] for name in arrays.files if name != "key"}
        np.savez(file, **content)
    return len(files)


def empty(files: list[Path]) -> int:
    files[2].write_bytes(b"")
    return 1


@pytest.mark.parametrize("damage", [cut, flip, swap, copy_over, without_key, empty])
@pytest.mark.parametrize("jobs", [1, 2])
def test_cells_that_cannot_be_used_are_fitted_again_and_counted(
    views: Views, sweeps: Sweeps, damage: Damage, jobs: int
) -> None:
    whole = sweeps.run(views)
    content = {file: file.read_bytes() for file in sweeps.files()}
    assert (sweeps.fitted, sweeps.notes, len(content)) == (CELLS, [], CELLS)
    bad = damage(sweeps.files())
    again = sweeps.run(views, jobs=jobs)
    assert again.table == whole.table
    assert again.to_json() == whole.to_json()
    assert sweeps.fitted == bad
    (note,) = sweeps.notes
    assert note.startswith(f"{bad} cells in {sweeps.folder} were not used and are fitted again: {bad} ")
    assert ("damaged" in note) == (damage in (cut, flip, empty))
    assert {file: file.read_bytes() for file in sweeps.files()} == content
    sweeps.run(views)
    assert (sweeps.fitted, sweeps.notes) == (0, [])


def test_a_cell_of_another_version_is_fitted_again(
    views: Views, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps.run(views)
    monkeypatch.setattr(w2s_probe, "__version__", "0.0.9")
    sweeps.run(views)
    assert sweeps.fitted == CELLS
    assert f"{CELLS} of other features or from another version of w2s_probe" in sweeps.notes[0]


@pytest.mark.parametrize("side", [0, 1])
def test_features_that_changed_under_the_same_name_are_noticed(views: Views, sweeps: Sweeps, side: int) -> None:
    """A table can get other texts with the same labels: the spec of its features stays what it was."""
    sweeps.run(views)
    both = list(views[:2])
    X = both[side].X.copy()
    X[7, 3] += 1e-3
    both[side] = replace(both[side], X=X)
    changed = (both[0], both[1], views[2])
    result = sweeps.run(changed)
    assert sweeps.fitted == CELLS
    assert result.table == Sweeps(sweeps.folder.parent / "new").run(changed).table


def test_a_second_student_leaves_the_cells_of_the_first(views: Views, sweeps: Sweeps) -> None:
    sweeps.run(views)
    run_sweep(
        {"weak": views[0]},
        {"strong": views[1], "weak": views[0]},
        SplitSource(labels=views[2]),
        config=GRID,
        folder=sweeps.folder,
        on_progress=sweeps._count,
        on_note=sweeps.notes.append,
    )
    assert (sweeps.fitted, sweeps.notes) == (CELLS, [])
