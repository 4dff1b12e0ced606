"""A cell of a sweep is what `run` finds, however it was fitted, kept or resumed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import pair_of_views
from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.errors import ConfigError, ShapeError, SplitError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_grid, draw_splits
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.sweep import SplitSource, SweepPoint, SweepResult, run_sweep
from w2s_probe.linalg import spectra
from w2s_probe.report.sweep.text import sweep_text
from w2s_probe.strategies.registry import BUILT_IN

Views = tuple[FeatureSet, FeatureSet, Labels]
GRID = SweepConfig(n_labeled=(40, 80), n_unlabeled=(100, 300), seeds=(0, 1), n_test=200)
KINDS: dict[str, dict[str, Any]] = {
    "moments": {},
    "all that is left": {"n_unlabeled": (200, None)},
    "given strengths": {"teacher_alpha": (3.0, None), "student_alpha": (100.0, None, 1.0)},
    "ceiling on both parts": {"ceiling": "L+U", "student_alpha": (None, 2.0)},
    "hard pseudolabels": {"pseudolabels": "hard", "student_alpha": (None, 2.0)},
    "scaled": {"scale": "standard", "teacher_alpha": (None, 2.0)},
    "two kinds of heads": {"head": ("ridge", "softmax"), "n_labeled": (40,), "student_alpha": (None, 50.0)},
    "two strategies": {"strategies": ("vanilla", "again")},
    "another strategy only": {"strategies": ("again",)},
}


@pytest.fixture
def views() -> Views:
    return pair_of_views(900, classes=3)


@pytest.fixture
def _again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second strategy, which moments know nothing of."""
    monkeypatch.setitem(BUILT_IN, "again", BUILT_IN["vanilla"])


def swept(views: Views, config: SweepConfig, **kwargs: Any) -> SweepResult:
    teacher, student, labels = views
    return run_sweep({"weak": teacher}, {"strong": student}, SplitSource(labels=labels), config=config, **kwargs)


def every_cell(config: SweepConfig) -> Any:
    return itertools.product(
        config.head, config.n_labeled, config.n_unlabeled, config.teacher_alpha, config.student_alpha
    )


def takes_numbers(kind: str) -> bool:
    """Whether a kind is for regression too: it has neither softmax heads nor hard pseudolabels."""
    config = replace(GRID, **KINDS[kind])
    return config.pseudolabels != "hard" and "softmax" not in config.head


TASKS = [
    *((kind, "classification") for kind in KINDS),
    *((kind, "regression") for kind in KINDS if takes_numbers(kind)),
]


@pytest.mark.usefixtures("_again")
@pytest.mark.parametrize(("kind", "task"), TASKS)
def test_a_cell_is_the_run_of_its_own_splits(views: Views, kind: str, task: Any) -> None:
    config = replace(GRID, **KINDS[kind], task="classification")
    teacher, student, labels = views
    if task == "regression":
        config = replace(config, task=task)
        numbers = student.X[:, 0] + np.random.default_rng(0).standard_normal(900)
        labels = Labels(values=numbers, classes=None)
    found = swept((teacher, student, labels), config)
    points = iter(found.points)
    table = pl.DataFrame(found.table)
    for head, n, N, weak, strong in every_cell(config):
        splits = draw_splits(labels, seeds=config.seeds, n_labeled=n, n_unlabeled=N, n_test=200)
        run, _ = run_w2s(teacher, student, labels, splits=splits, config=config.run_config(head, weak, strong))
        for strategy in config.strategies:
            point, expected = next(points), run.students[strategy]
            assert_point(point, run, strategy)
            assert (point.strategy, point.head, point.n, point.N) == (strategy, head, n, len(splits[0].unlabeled))
            assert expected.gain.value == pytest.approx(point.gain.value, abs=1e-9)
        of_cell = table.filter(
            pl.col("head").eq(head),
            pl.col("n").eq(n),
            pl.col("N").eq(len(splits[0].unlabeled)),
            pl.col("teacher_alpha").eq_missing(pl.lit(weak)),
            pl.col("student_alpha").eq_missing(pl.lit(strong)),
        )
        assert_rows(of_cell, run.to_record())
    assert next(points, None) is None
    assert (found.cells, found.rows) == (2 * len(list(every_cell(config))), len(table))


def assert_point(point: SweepPoint, run: Any, strategy: str) -> None:
    student = run.students[strategy]
    expected = {
        **{system: each.scores[run.score] for system, each in run.systems.items()},
        "student": student.scores[run.score],
        "gain": student.gain,
        "pgr": student.pgr,
        "versus_baseline": student.versus_baseline,
    }
    for name, estimate in expected.items():
        mine = getattr(point, name)
        assert mine.resolved == estimate.resolved
        for limit in ("value", "low", "high"):
            wanted = pytest.approx(getattr(estimate, limit), abs=1e-7, nan_ok=True)  # PGR divides by a gap near 0.1
            assert getattr(mine, limit) == wanted, (name, limit)


def assert_rows(of_cell: pl.DataFrame, record: Any) -> None:
    test = [row for row in record if row["part"] == "test"]
    alpha = {(row["seed"], row["system"], row["strategy"]): row["value"] for row in record if row["metric"] == "alpha"}
    key = ("seed", "system", "strategy", "metric")
    mine = {tuple(row[name] for name in key): row for row in of_cell.iter_rows(named=True)}
    assert len(mine) == len(of_cell) == len(test)
    for row in test:
        found = mine[tuple(row[name] for name in key)]
        assert found["value"] == pytest.approx(row["value"], abs=1e-8)
        assert found["n_test"] == row["n"]
        expected = alpha.get((row["seed"], row["system"], row["strategy"]))
        assert expected is None or found["alpha"] == pytest.approx(expected, rel=1e-9)


def test_pairs_are_every_teacher_with_every_student(views: Views) -> None:
    weak, strong, labels = views
    both = run_sweep({"a": weak, "b": strong}, {"c": strong, "d": weak}, SplitSource(labels=labels), config=GRID)
    pairs = [(point.teacher_backbone, point.student_backbone) for point in both.points]
    assert list(dict.fromkeys(pairs)) == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]
    alone = run_sweep({"b": strong}, {"c": strong}, SplitSource(labels=labels), config=GRID)
    assert [point for point in both.points if point.teacher_backbone == "b" and point.student_backbone == "c"] == list(
        alone.points
    )


def test_a_pool_is_decomposed_once_whatever_n_and_strengths(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    whole = spectra._positive_eigen

    def counted(*args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return whole(*args, **kwargs)

    monkeypatch.setattr(spectra, "_positive_eigen", counted)
    config = replace(GRID, n_labeled=(30, 50, 80), seeds=(0,), student_alpha=(1.0, 10.0, None))
    swept(views, config)
    assert len(seen) == 2 + 2 * 3  # two pools; teacher and baseline at each n
    seen.clear()
    teacher, student, labels = views
    splits = draw_splits(labels, seeds=[0], n_labeled=80, n_unlabeled=300, n_test=200)
    run_w2s(teacher, student, labels, splits=splits, config=config.run_config("ridge", None, None))
    assert len(seen) == 3  # student and ceiling share the pool's


@pytest.mark.parametrize("tied", [False, True])
def test_a_grid_of_splits_is_what_single_draws_are(views: Views, *, tied: bool) -> None:
    _, _, labels = views
    blocks = same_item_blocks([str(i // 2) for i in range(900)]) if tied else None
    ns, Ns = (30, 71, 150), (100, 333, 500, None)
    grid = draw_grid(labels, seed=5, n_labeled=ns, n_unlabeled=Ns, n_test=201, blocks=blocks)
    for (i, n), (j, N) in itertools.product(enumerate(ns), enumerate(Ns)):
        (single,) = draw_splits(labels, seeds=[5], n_labeled=n, n_unlabeled=N, n_test=201, blocks=blocks)
        for part, rows in grid.split(i, j).parts().items():
            np.testing.assert_array_equal(rows, single.parts()[part])


def test_a_pool_does_not_depend_on_n_unless_hardly_a_row_is_left(views: Views) -> None:
    _, _, labels = views
    for seed in range(20):
        grid = draw_grid(labels, seed=seed, n_labeled=range(10, 110, 7), n_unlabeled=(100, 317, 580), n_test=203)
        assert len(grid.pools) == 3
        assert set(grid.pool_of) == {(0, 1, 2)}
    assert len(draw_grid(labels, seed=0, n_labeled=(50, 100), n_unlabeled=(None,), n_test=200).pools) == 2


def test_missing_cells_are_fitted_and_the_others_are_not(views: Views, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    config = replace(GRID, student_alpha=(None, 3.0))

    def again() -> SweepResult:
        seen.clear()
        return swept(views, config, folder=tmp_path, on_progress=lambda _, done, total, *__: seen.append((done, total)))

    whole = again()
    assert seen == [(done, 8) for done in range(9)]
    assert again().table == whole.table
    assert seen == []
    files = sorted(tmp_path.iterdir())
    assert len(files) == 8
    kept = {path.name: path.read_bytes() for path in files}
    for gone in (files[:1], files[2:7]):
        for path in gone:
            path.unlink()
        assert again().table == whole.table
        assert seen[-1] == (len(gone), len(gone))
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_more_sizes_and_seeds_keep_what_is_there_and_another_question_does_not(views: Views, tmp_path: Path) -> None:
    totals: list[int] = []

    def count(config: SweepConfig, labels: Labels = views[2]) -> int:
        totals.append(0)
        show = lambda _, done, total, *__: totals.__setitem__(-1, total)  # noqa: E731
        swept((*views[:2], labels), config, folder=tmp_path, on_progress=show)
        return totals[-1]

    assert count(GRID) == 8
    assert count(replace(GRID, n_labeled=(40, 60, 80))) == 4
    assert count(replace(GRID, seeds=(2, 0))) == 4
    assert count(replace(GRID, level=0.5)) == 0
    assert count(replace(GRID, n_test=150)) == 8
    assert count(replace(GRID, student_alpha=(1.0,))) == 8
    flipped = replace(views[2], values=views[2].values[::-1].copy())
    assert count(GRID, flipped) == 8


@pytest.mark.parametrize(
    ("sizes", "said", "fits"),
    [
        (
            {"n_labeled": (50, 100), "n_unlabeled": (100, 700)},
            "`n_labeled` 50 `n_unlabeled` 700 .* largest `n_unlabeled` with `n_labeled` 50 is 650",
            (50, 650),
        ),
        ({"n_labeled": (50, 700)}, "`n_labeled` 700 cannot .* largest `n_labeled` is 697", (697, None)),
        ({"n_unlabeled": (10, 650)}, "`n_unlabeled` 650 cannot .* largest `n_unlabeled` is 560", (None, 560)),
        (
            {"n_labeled": (698,), "n_unlabeled": (10,)},
            "largest `n_unlabeled` with `n_labeled` 698 is|largest `n_labeled` with `n_unlabeled` 10 is 690",
            (690, 10),
        ),
    ],
)
def test_a_cell_the_data_cannot_supply_is_refused_with_the_largest_it_can(
    views: Views, sizes: dict[str, Any], said: str, fits: tuple[int | None, int | None]
) -> None:
    labels = views[2]
    config = SweepConfig(**sizes, n_test=200, seeds=(0,))
    with pytest.raises(SplitError, match=said):
        swept(views, config)
    n, N = fits
    (split,) = draw_splits(labels, seeds=[0], n_labeled=n, n_unlabeled=N, n_test=200)
    assert split.test.size == 200


def test_the_users_own_splits_are_swept_as_they_are(views: Views) -> None:
    teacher, student, labels = views
    splits = tuple(draw_splits(labels, seeds=[3, 4], n_labeled=40, n_unlabeled=300, n_test=100))
    config = SweepConfig(seeds=(3, 4), teacher_alpha=(None, 1.0))
    source = SplitSource(labels=labels, splits=splits)
    found = run_sweep({"a": teacher}, {"b": student}, source, config=config)
    run, _ = run_w2s(teacher, student, labels, splits=splits, config=config.run_config("ridge", 1.0, None))
    assert found.points[1].gain == run.students["vanilla"].gain


@pytest.mark.parametrize("name", ["n_labeled", "seeds", "teacher_alpha", "head", "strategies"])
def test_an_axis_must_have_distinct_values(name: str) -> None:
    first = getattr(SweepConfig(), name)[0]
    wrong: list[dict[str, Any]] = [
        {name: (first, first)},
        *([{name: ()}] if name != "head" else []),
    ]  # () is the default
    for axis in wrong:
        with pytest.raises(ConfigError, match=f"`{name}` must be distinct values, at least one"):
            SweepConfig(**axis)


def test_values_of_an_axis_are_checked_as_run_checks_them() -> None:
    wrong: list[dict[str, Any]] = [{"n_labeled": (5, 0)}, {"student_alpha": (1.0, -1.0)}, {"seeds": (-1,)}]
    for axis in wrong:
        with pytest.raises(ConfigError):
            SweepConfig(**axis)


def test_rows_must_match(views: Views) -> None:
    teacher, student, labels = views
    with pytest.raises(ShapeError, match="got 800 rows and 900"):
        swept((teacher.take(np.arange(800)), student, labels), GRID)


def test_the_text_names_what_was_given_and_stops_in_time(views: Views) -> None:
    found = swept(views, replace(GRID, teacher_alpha=(2.5, None)))
    text = sweep_text(found)
    assert "weak → strong, ridge, vanilla, teacher alpha 2.5" in text
    assert text.count("\n") < 30
    many = sweep_text(replace(found, points=found.points * 20))
    assert max(map(len, text.split("\n"))) <= 80
    assert len(many.split("\n")) < 120
