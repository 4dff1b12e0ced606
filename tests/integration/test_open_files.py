"""No verb renames or deletes a file that it has open or mapped: Windows would refuse it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from tests.other_systems.sitecustomize import GUARDED, guarded_call

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which files are open")
PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "-n", "100", "-N", "400", "--n-test", "200")
CELLS = ("--teacher", "features:t.npy", "--student", "features:s.npy", "-n", "50,100", "-N", "400", "--n-test", "200")


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Raise an error where an open file is renamed, replaced or deleted; return the new names of renamed files."""
    names: list[str] = []

    def noting(name: str, paths: int) -> None:
        guarded = guarded_call(getattr(os, name), paths)

        def call(*arguments: object, **options: object) -> object:
            if paths == 2:
                names.append(Path(str(arguments[1])).name)
            return guarded(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    for name, paths in GUARDED:
        noting(name, paths)
    yield names
    monkeypatch.undo()  # before other fixtures delete files


def done_with(cli: Cli, *arguments: str) -> str:
    done = cli(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("open_file", ["source", "target", "deleted", "mapped"])
def test_an_open_file_is_noticed(tmp_path: Path, renamed: list[str], open_file: str) -> None:
    one, two = tmp_path / "one.npy", tmp_path / "two.npy"
    for path in (one, two):
        np.save(path, np.zeros(3))
    if open_file == "mapped":
        mapped = np.load(two, mmap_mode="r")
        with pytest.raises(PermissionError):
            one.replace(two)
        del mapped
    elif open_file == "deleted":
        with two.open("rb"), pytest.raises(PermissionError):
            two.unlink()
    else:
        with (one if open_file == "source" else two).open("rb"), pytest.raises(PermissionError):
            one.replace(two)
    one.replace(two)
    two.unlink()
    assert renamed[-1] == "two.npy"


def test_results_are_replaced(cli: Cli, table: Path, renamed: list[str]) -> None:
    more = ("--save-predictions", "--save-heads", "--save-split", "split.csv")
    for seed in ("0", "1"):
        done_with(cli, "run", "table.csv", "--label", "y", *PAIR, "--seeds", "1", "--seed", seed, "--out", "out", *more)
    done_with(cli, "report", "out")
    done_with(cli, "forecast", "table.csv", "--label", "y", *PAIR, "--out", "out")
    written = {"result.json", "results.parquet", "report.html", "report.md", "predictions.parquet", "heads.safetensors"}
    assert {*written, "split.csv"} <= set(renamed)


def test_cells_of_a_sweep_are_replaced(cli: Cli, table: Path, renamed: list[str]) -> None:
    sweep = ("sweep", "table.csv", "--label", "y", *CELLS, "--seeds", "2", "--out", "out")
    done_with(cli, *sweep)
    for cell in (table.parent / "out" / "cells").iterdir():
        cell.write_bytes(cell.read_bytes()[:-9])
    done_with(cli, *sweep)
    cells = [name for name in renamed if name.endswith(".npz")]
    assert len(cells) == 8  # four, and again as they were damaged


def test_features_of_the_cache_are_imported_replaced_read_and_cleaned(
    cli: Cli, tmp_path: Path, renamed: list[str]
) -> None:
    (tmp_path / "texts.csv").write_text("text\none\ntwo\nthree\n", encoding="utf-8")
    embed = ("embed", "texts.csv", "--text", "text", "--backbone", "classic:hashing-8")
    done_with(cli, *embed)
    for number in (1, 2):
        np.save(tmp_path / "own.npy", np.full((3, 4), number, dtype=np.float32))
        data = ("--data", "texts.csv", "--text", "text")
        done_with(cli, "cache", "import", "own.npy", *data, "--name", "own", "--replace")
        done_with(cli, "cache", "export", "own", "own.npy", *data, "--force")
    for damaged in (tmp_path / "cache" / "features").rglob("*.npy"):
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    done_with(cli, *embed)
    done_with(cli, "cache", "gc")
    done_with(cli, "cache", "gc", "--force")
    assert "own.json" in renamed
    assert any(len(name) == len("0" * 64 + ".npy") for name in renamed)
