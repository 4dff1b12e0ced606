"""Committees on the axis of teachers: strategies see all members, the vanilla student and old cells only the first."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep
from w2s_probe.experiments.sweep.cells import Place, cell_name
from w2s_probe.strategies import Student, W2SProblem
from w2s_probe.strategies.registry import BUILT_IN

GRID = SweepConfig(n_labeled=(40,), n_unlabeled=(100, 200), seeds=(0, 1), n_test=150, strategies=("vanilla", "last"))


@dataclass(frozen=True)
class NoSettings:
    """No settings."""


def last(problem: W2SProblem, config: NoSettings) -> Student:
    """Return the student of the last teacher."""
    targets = problem.teachers[-1].pseudolabels
    kept = np.ones(len(targets), dtype=np.bool_)
    return Student(head=problem.fit(problem.X_unlabeled, targets), kept=kept, rule="all rows", targets=targets)


@pytest.fixture(autouse=True)
def _last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, "last", f"{__name__}:last")


@pytest.fixture(scope="module")
def views() -> tuple[FeatureSet, FeatureSet, FeatureSet, Labels]:
    weak, strong, labels = pair_of_views(600, classes=3)
    noise = np.random.default_rng(5).standard_normal((600, 12))
    return weak, feature_set(strong.X[:, :12] + noise, "another teacher"), strong, labels


Views = tuple[FeatureSet, FeatureSet, FeatureSet, Labels]


def swept(
    views: Views, names: str, folder: Path | None = None, *, jobs: int = 1, config: SweepConfig = GRID
) -> tuple[SweepResult, int]:
    """Return the sweep of committees such as ``"a ab"``, and the number of cells it had to fit."""
    a, b, strong, labels = views
    fitted = 0

    def count(_name: str, _done: int, total: int, _detail: str = "", /) -> None:
        nonlocal fitted
        fitted = total

    teachers = {name: a if name == "a" else [{"a": a, "b": b}[one] for one in name] for name in names.split()}
    source = SplitSource(labels=labels)
    result = run_sweep(teachers, {"s": strong}, source, config=config, folder=folder, jobs=jobs, on_progress=count)
    return result, fitted


def test_a_cell_of_a_committee_is_the_run_of_all_its_members(views: Views) -> None:
    a, b, strong, labels = views
    points = iter(swept(views, "ab ba")[0].points)
    for first, more in ((a, b), (b, a)):
        for N in GRID.n_unlabeled:
            splits = draw_splits(labels, seeds=GRID.seeds, n_labeled=40, n_unlabeled=N, n_test=150)
            config = GRID.run_config("ridge", None, None)
            run, _ = run_w2s(first, strong, labels, splits=splits, config=config, more_teachers=[more])
            for name in GRID.strategies:
                point = next(points)
                assert (point.strategy, point.N) == (name, N)
                assert point.teacher.value == pytest.approx(run.systems["teacher"].scores["accuracy"].value, abs=1e-9)
                assert point.student.value == pytest.approx(run.students[name].scores["accuracy"].value, abs=1e-9)
                assert point.gain.low == pytest.approx(run.students[name].gain.low, abs=1e-9)


def test_a_teacher_alone_and_a_committee_of_one_are_the_same_cells(views: Views, tmp_path: Path) -> None:
    a, _, strong, labels = views
    alone, fitted = swept(views, "a", tmp_path)
    assert fitted == 4
    again = run_sweep({"a": [a]}, {"s": strong}, SplitSource(labels=labels), config=GRID, folder=tmp_path)
    assert again.to_json() == alone.to_json()
    assert swept(views, "a ab", tmp_path)[1] == 4
    assert len(list(tmp_path.glob("*.npz"))) == 8
    assert swept(views, "ab a", tmp_path)[1] == 0


def test_the_name_of_a_cell_of_one_teacher_is_that_of_earlier_versions(views: Views) -> None:
    place = Place(pair=(0, 0), head=0, eta=(0, 0), n=0, N=0, seed=0)
    name = json.loads(cell_name(place, GRID, question="q", features=("teacher", "student")))
    assert name[:2] == ["q", ["teacher", "student"]]


def test_members_their_order_and_their_features_make_other_cells(views: Views, tmp_path: Path) -> None:
    assert swept(views, "ab", tmp_path)[1] == 4
    assert swept(views, "ba aab aa", tmp_path)[1] == 12
    a, b, strong, labels = views
    changed = (a, replace(b, X=b.X + 1e-3 * a.X[:, :12]), strong, labels)  # other values under the same fingerprint
    assert swept(changed, "ab", tmp_path)[1] == 4


def test_one_and_two_processes_give_the_same_bytes(views: Views) -> None:
    config = replace(GRID, strategies=("vanilla", "high_confidence"))  # `last` is unknown elsewhere
    one, two = (swept(views, "a ab", jobs=jobs, config=config)[0] for jobs in (1, 2))
    assert one.to_json() == two.to_json()
    assert one.table == two.table
