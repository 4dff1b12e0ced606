"""Learning curves: what a point is, and what is fitted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits, smaller_split
from w2s_probe.experiments.run import curve as curves
from w2s_probe.experiments.run.curve import curve_sizes, learning_curve
from w2s_probe.experiments.run.protocol import fit_seed, run_w2s
from w2s_probe.results.run import CurvePoint

CONFIG = W2SConfig(n_labeled=80, n_unlabeled=320, n_test=200, seeds=2)


def drawn(labels: Labels, seeds: Sequence[int]) -> list[Split]:
    return draw_splits(labels, seeds=seeds, n_labeled=80, n_unlabeled=320, n_test=200)


@pytest.mark.parametrize("ceiling", ["U", "L+U"])
def test_a_point_is_the_run_of_its_own_splits(ceiling: Literal["U", "L+U"]) -> None:
    teacher, student, labels = pair_of_views(900, classes=3)
    config = replace(CONFIG, ceiling=ceiling)
    splits = drawn(labels, range(2))
    result, outcomes = run_w2s(teacher, student, labels, splits=splits, config=config)
    points, _ = learning_curve(teacher, student, labels, outcomes=outcomes, config=config)
    assert [(p.n, p.N) for p in points] == [(10, 320), (20, 320), (40, 320), (80, 40), (80, 80), (80, 160), (80, 320)]
    for point in points:
        own = [smaller_split(split, labels, n_labeled=point.n, n_unlabeled=point.N) for split in splits]
        expected, _ = run_w2s(teacher, student, labels, splits=own, config=config)
        vanilla = expected.students["vanilla"]
        assert point == CurvePoint(
            n=point.n,
            N=point.N,
            teacher=expected.systems["teacher"].scores["accuracy"],
            baseline=expected.systems["baseline"].scores["accuracy"],
            ceiling=expected.systems["ceiling"].scores["accuracy"],
            student=vanilla.scores["accuracy"],
            gain=vanilla.gain,
            versus_baseline=vanilla.versus_baseline,
        )
    assert points[-1].gain == result.students["vanilla"].gain


def test_what_is_equal_is_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, student, labels = pair_of_views(900)
    splits = drawn(labels, [0])
    _, outcomes = run_w2s(teacher, student, labels, splits=splits, config=CONFIG)
    seen: dict[tuple[int, int], set[str]] = {}

    def watched(*args: object, fitted: dict[str, object], **kwargs: object) -> object:
        split = kwargs["split"]
        seen[len(split.labeled), len(split.unlabeled)] = set(fitted)  # type: ignore[attr-defined]
        return fit_seed(*args, fitted=fitted, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(curves, "fit_seed", watched)
    learning_curve(teacher, student, labels, outcomes=outcomes, config=CONFIG)
    over_n = {(n, 320): {"ceiling"} for n in (10, 20, 40)}
    over_N = {(80, N): {"teacher", "baseline"} for N in (40, 80, 160)}
    assert seen == {**over_n, **over_N}


def test_smaller_splits_are_nested_and_keep_the_classes_and_the_test_rows() -> None:
    _, _, labels = pair_of_views(900, classes=3)
    (split,) = drawn(labels, [4])
    in_order = replace(split, labeled=np.sort(split.labeled), unlabeled=np.sort(split.unlabeled))
    for whole in (split, in_order):
        last = smaller_split(whole, labels, n_labeled=12, n_unlabeled=40)
        for n, N in ((20, 80), (40, 160), (80, 320)):
            more = smaller_split(whole, labels, n_labeled=n, n_unlabeled=N)
            assert set(last.labeled) < set(more.labeled)
            assert set(last.unlabeled) < set(more.unlabeled)
            few, all_rows = (
                np.bincount(labels.values[rows], minlength=3) / len(rows) for rows in (more.labeled, whole.labeled)
            )
            np.testing.assert_allclose(few, all_rows, atol=1 / n)  # whole rows: off by less than one
            last = more
        np.testing.assert_array_equal(last.test, whole.test)


def test_a_part_in_the_tables_order_is_shuffled_before_it_is_cut() -> None:
    _, _, labels = pair_of_views(900)
    (split,) = drawn(labels, [0])
    in_order = replace(split, labeled=np.sort(split.labeled))
    few = smaller_split(in_order, labels, n_labeled=20, n_unlabeled=320)
    assert few.labeled.max() > np.sort(split.labeled)[40]


@pytest.mark.parametrize(
    ("size", "classes", "sizes"),
    [
        (400, 2, [50, 100, 200, 400]),
        (100, 10, [25, 50, 100]),
        (9, 10, [9]),
        (20, 2, [10, 20]),
        (70, 2, [8, 17, 35, 70]),
    ],
)
def test_sizes_too_small_to_stratify_are_left_out(size: int, classes: int, sizes: list[int]) -> None:
    labels = Labels(values=np.arange(classes), classes=tuple(str(k) for k in range(classes)))
    assert curve_sizes(size, labels) == sizes


def test_tidy_rows_of_a_curve_are_those_of_the_first_strategy() -> None:
    teacher, student, labels = pair_of_views(900)
    _, outcomes = run_w2s(teacher, student, labels, splits=drawn(labels, range(2)), config=CONFIG)
    two = [
        replace(
            outcome,
            students={**outcome.students, "other": outcome.students["vanilla"]},
            test_scores={**outcome.test_scores, "other": outcome.test_scores["vanilla"]},
        )
        for outcome in outcomes
    ]
    points, rows = learning_curve(teacher, student, labels, outcomes=two, config=CONFIG)
    assert len(rows) == len(points) * 4 * 2
    assert {row["part"] for row in rows} == {"curve"}
    for point in points:
        mine = [r["value"] for r in rows if (r["n_labeled"], r["n_unlabeled"]) == (point.n, point.N)]
        assert np.mean(mine) == pytest.approx(
            np.mean([e.value for e in (point.teacher, point.student, point.baseline, point.ceiling)])
        )
