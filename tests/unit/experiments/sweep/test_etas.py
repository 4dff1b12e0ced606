"""What a sweep says of moving fractions of conflicting rows: paired contrasts, worst groups, and the theory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import polars as pl
import pytest

from tests.unit.experiments.sweep.cue_views import CONFIG, cue_sweep, cue_views
from w2s_probe.core.composition import composition_of
from w2s_probe.core.errors import DataError
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep
from w2s_probe.results.estimate import Estimate
from w2s_probe.theory.spurious.from_features import agreement_scores, risks_from_moments, stratum_moments

DIFFERENCES = ("teacher", "student", "baseline")


def test_a_contrast_is_the_difference_of_the_axis_ends_at_the_same_pool() -> None:
    found = cue_sweep(eta_labeled=(0.3, 0.5, 0.1), seeds=(0, 1, 2))
    at = {(point.eta_labeled, point.eta_unlabeled): point for point in found.points}
    assert [(each.eta_unlabeled, each.from_eta_labeled, each.to_eta_labeled) for each in found.contrasts] == [
        (0.1, 0.1, 0.5), (0.3, 0.1, 0.5),
    ]  # fmt: skip
    for each in found.contrasts:
        before, after = at[0.1, each.eta_unlabeled], at[0.5, each.eta_unlabeled]
        assert each.gain.value == pytest.approx(after.gain.value - before.gain.value)
        assert each.gain.low < each.gain.value < each.gain.high
        assert each.worst_groups is not None
        assert before.worst_groups is not None
        assert after.worst_groups is not None
        for system in DIFFERENCES:
            change = getattr(after, system).value - getattr(before, system).value
            assert getattr(each, system).value == pytest.approx(change)
            worst = after.worst_groups[system].value - before.worst_groups[system].value
            assert each.worst_groups[system].value == pytest.approx(worst)


def test_pairing_leaves_out_what_both_ends_share() -> None:
    found = cue_sweep(eta_labeled=(0.4, 0.5), seeds=(0, 1, 2, 3))
    unpaired = np.hypot(_width(found.points[0].student), _width(found.points[2].student))
    assert _width(found.contrasts[0].student) < unpaired


def _width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


def test_pools_and_test_rows_stay_while_the_labeled_rows_move() -> None:
    weak, _, labels, groups = cue_views()
    source = SplitSource(labels=labels, groups=groups)
    for pool in range(2):
        low, high = (source.grid(1, CONFIG, (labeled, pool)).split(0, 0) for labeled in range(2))
        assert set(low.unlabeled) == set(high.unlabeled)
        assert set(low.test) == set(high.test)
        assert groups.conflicting[low.labeled].mean() == pytest.approx(0.1)
        assert groups.conflicting[high.labeled].mean() == pytest.approx(0.5)
    assert len(weak) == len(labels)


def test_there_is_no_contrast_between_pools_of_two_sizes_nor_without_two_ends() -> None:
    rest = cue_sweep(n_unlabeled=(None,))
    assert len({point.N for point in rest.points if point.eta_unlabeled == 0.3}) == 2
    assert rest.contrasts == ()
    assert cue_sweep(eta_labeled=(0.5,)).contrasts == ()
    assert cue_sweep(eta_labeled=(None, 0.5)).contrasts == ()


def test_the_worst_groups_gain_is_what_both_worst_groups_differ_by() -> None:
    for point in cue_sweep().points:
        assert point.worst_groups is not None
        assert point.worst_group_gain is not None
        expected = point.worst_groups["student"].value - point.worst_groups["teacher"].value
        assert point.worst_group_gain.value == pytest.approx(expected)
        assert point.worst_group_gain.low <= expected <= point.worst_group_gain.high


def test_the_theory_is_that_of_rows_weighed_as_the_parts_are() -> None:
    weak, strong, labels, groups = cue_views()
    found = cue_sweep(n_labeled=(200,), n_unlabeled=(400,), n_test=200, seeds=(0,))
    (theory,) = found.theory
    strata = 2 * labels.values + groups.conflicting
    usual = [groups.value_names.index(groups.cue[label]) for label in labels.classes or ()]
    w, psi = (agreement_scores(each.X, groups.values, labels.values, usual) for each in (weak, strong))
    moments = stratum_moments(w, psi, strata, count=4)
    for point, (labeled, pool) in zip(theory.points, product((0.1, 0.5), (0.1, 0.3)), strict=True):
        assert (point.eta_labeled, point.eta_unlabeled) == (labeled, pool)
        composition = composition_of(
            labels, groups, etas={"labeled": labeled, "unlabeled": pool, "test": 0.5}, balance_classes=True
        )
        (split,) = draw_splits(labels, seeds=[0], n_labeled=200, n_unlabeled=400, n_test=200, composition=composition)
        parts = {part: np.bincount(strata[rows], minlength=4) / len(rows) for part, rows in split.parts().items()}
        expected = risks_from_moments(moments, **parts)
        assert (point.teacher, point.student) == pytest.approx((expected.teacher, expected.student))
        assert point.gain == pytest.approx(1 - expected.student / expected.teacher)
    assert theory.separation_teacher > theory.separation_student > 1  # the weak view sees the cue best


def test_a_part_the_user_has_chosen_weighs_as_it_is() -> None:
    weak, strong, labels, groups = cue_views()
    test = np.flatnonzero(~groups.conflicting)[:100]
    source = SplitSource(labels=labels, groups=groups, fixed={"test": test})
    config = replace(CONFIG, n_test=None, eta_test=None, seeds=(0,))
    (fixed,) = run_sweep({"weak": weak}, {"strong": strong}, source, config=config).theory
    (even,) = cue_sweep(seeds=(0,)).theory
    assert fixed.points[0].eta_labeled == 0.1
    assert fixed.points[0].teacher < 2 < even.points[0].teacher  # nothing in it conflicts, and in the other half does


def test_there_is_no_theory_where_fractions_do_not_vary() -> None:
    assert cue_sweep(eta_labeled=(0.5,), eta_unlabeled=(0.3,)).theory == ()
    assert len(cue_sweep(eta_labeled=(0.5,)).theory[0].points) == 2


def test_a_result_comes_back_from_its_json_but_for_the_table() -> None:
    found = cue_sweep(n_labeled=(40, 60), student_alpha=(None, 2.0))
    read = SweepResult.from_dict(json.loads(found.to_json()))
    assert read.to_json() == found.to_json()
    assert read.table == {}
    assert len(pl.DataFrame(found.table)) == found.rows


BREAK: dict[str, tuple[Callable[[str], str], str]] = {
    "a score": (lambda s: s.replace('"score": "accuracy"', '"score": "f1"'), "accuracy or r2"),
    "no points": (lambda s: json.dumps({**json.loads(s), "points": []}), "points must not be empty"),
    "a system": (
        lambda s: s.replace('"worst_groups": {"teacher"', '"worst_groups": {"ceiling2"', 1),
        "must hold teacher",
    ),
    "a size": (lambda s: s.replace('"n": 40', '"n": 0', 1), "sizes must be above 0"),
    "another version": (lambda s: s.replace('"schema": 2', '"schema": 3'), "schema must be 1 or 2"),
    "a number": (lambda s: s.replace('"separation_teacher": ', '"separation_teacher": "a", "b": ', 1), "a number"),
}


@pytest.mark.parametrize("how", BREAK)
def test_a_result_that_was_changed_is_refused(how: str) -> None:
    damage, said = BREAK[how]
    whole = cue_sweep().to_json()
    assert damage(whole) != whole
    with pytest.raises(DataError, match=said):
        SweepResult.from_dict(json.loads(damage(whole)))
