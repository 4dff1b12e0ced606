"""Retraining on the confident subset: what is kept, what it is fitted to, and what it must not see."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import Ridge

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.groups import Groups, read_groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import fit_seed, run_w2s
from w2s_probe.heads import LinearHead, fit_ridge, fit_softmax
from w2s_probe.strategies.control import CONTROL
from w2s_probe.strategies.high_confidence import HighConfidenceConfig, surest_first
from w2s_probe.strategies.keep_rule import FRACTIONS
from w2s_probe.strategies.selection import by_class

NAME = "high_confidence"
SIZES: dict[str, Any] = {"n_labeled": 80, "n_unlabeled": 300, "n_test": 150}


def colored(labels: Labels, seed: int = 0) -> Groups:
    """Return groups whose value follows the label in three rows of four."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(len(labels)) < 0.75, labels.values, rng.integers(2, size=len(labels)))
    return read_groups([f"v{value}" for value in values], labels, name="color")


def fitted(
    *strategies: str,
    head: str = "softmax",
    settings: dict[str, Any] | None = None,
    classes: int = 2,
    labels: Labels | None = None,
    groups: Groups | None = None,
    **options: Any,
) -> SeedOutcome:
    teacher, student, truth = pair_of_views(600, classes=classes)
    (split,) = draw_splits(truth, seeds=[0], **SIZES)
    config = W2SConfig(head=head, strategies=strategies, settings=settings or {}, **options)  # type: ignore[arg-type]
    return fit_seed(teacher, student, labels or truth, split=split, config=config, groups=groups, coverage=(0.3, 0.6))


def test_ranking_does_not_depend_on_the_order_of_classes() -> None:
    scores = 3 * np.random.default_rng(0).standard_normal((400, 3))
    scores[:50] = 1.0  # ties
    probabilities = softmax(scores, axis=1)
    for order in permutations(range(3)):
        columns = list(order)
        found = surest_first(probabilities[:, columns], scores[:, columns])
        np.testing.assert_array_equal(found, surest_first(probabilities, scores))


@given(seed=st.integers(0, 10**6), K=st.integers(2, 5), sure=st.booleans())
def test_the_surest_rows_have_the_least_entropy_then_the_largest_margin(seed: int, K: int, sure: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-3, 4, size=(40, K)).astype(float)
    P = np.eye(K)[scores.argmax(axis=1)] if sure else softmax(scores, axis=1)
    entropy = [round(-sum(p * np.log(p) for p in sorted(row) if p > 0), 12) for row in P]
    margins = [round(sorted(row)[-1] - sorted(row)[-2], 12) for row in scores]
    expected = sorted(range(40), key=lambda row: (entropy[row], -margins[row], row))
    assert surest_first(P, scores).tolist() == expected


@pytest.mark.parametrize(
    "settings", [{"keep": 1}, {"keep": 1e-9}, {"exponent": 1}, {"exponent": 1e-9}, {"keep": "auto"}]
)
def test_the_ends_of_the_ranges_are_settings(settings: dict[str, Any]) -> None:
    HighConfidenceConfig(**settings)


@given(
    seed=st.integers(0, 10**6), counts=st.lists(st.integers(1, 30), min_size=1, max_size=5), tenths=st.integers(1, 10)
)
def test_each_class_keeps_the_first_rows_of_its_rounded_share_and_at_least_one(
    seed: int, counts: list[int], tenths: int
) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    order = rng.permutation(len(codes))
    kept = by_class(order, codes) <= tenths / 10
    for code, count in enumerate(counts):
        own = kept[order[codes[order] == code]]  # from the surest row on
        assert own.sum() == max(1, (2 * tenths * count + 10) // 20)
        assert own[: own.sum()].all()


@pytest.mark.parametrize("head", ["softmax", "ridge"])
def test_the_surest_of_each_class_are_kept_with_the_teachers_decisions(head: str) -> None:
    outcome = fitted(NAME, "vanilla", head=head)
    student, split = outcome.students[NAME], outcome.split
    _, features, _ = pair_of_views(600)
    plain = outcome.students["vanilla"].head
    scores = plain.scores(features.X[split.unlabeled])
    P = plain.probabilities(scores)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(P * np.log(P), axis=1)
    decided = outcome.pseudolabels.argmax(axis=1)
    for code in (0, 1):
        own = scores.argmax(axis=1) == code
        assert student.kept[own].sum() == np.floor(0.6 * own.sum() + 0.5)
        assert entropy[own & student.kept].max() <= entropy[own & ~student.kept].min() + 1e-9
    alpha = plain.alpha if head == "softmax" else fit_softmax(features.X[split.unlabeled], np.eye(2)[decided]).alpha
    kept = split.unlabeled[student.kept]
    again = fit_softmax(features.X[kept], np.eye(2)[decided[student.kept]], loss="gce", exponent=0.2, alpha=alpha)
    np.testing.assert_allclose(outcome.test_scores[NAME], again.scores(features.X[split.test]), atol=1e-9)


def test_all_rows_under_cross_entropy_give_back_the_plain_student_of_hard_labels() -> None:
    outcome = fitted(NAME, settings={f"{NAME}.keep": 1.0, f"{NAME}.loss": "ce"}, pseudolabels="hard")
    plain = fitted("vanilla", pseudolabels="hard")
    np.testing.assert_array_equal(outcome.test_scores[NAME], plain.test_scores["vanilla"])
    assert NAME + CONTROL not in outcome.students


def test_ridge_heads_on_hard_labels_are_had_by_name() -> None:
    outcome = fitted(NAME, head="ridge", settings={f"{NAME}.loss": "ridge"})
    _, features, _ = pair_of_views(600)
    student = outcome.students[NAME]
    rows = outcome.split.unlabeled[student.kept]
    hard = np.eye(2)[outcome.pseudolabels.argmax(axis=1)[student.kept]]
    theirs = Ridge(alpha=student.head.alpha).fit(features.X[rows], hard).predict(features.X[outcome.split.test])
    np.testing.assert_allclose(outcome.test_scores[NAME], theirs, atol=1e-8)


def test_ridge_refits_have_the_runs_own_strength_in_ridge_runs_and_gcvs_in_softmax_runs() -> None:
    settings = {f"{NAME}.loss": "ridge"}
    given = fitted(NAME, head="ridge", settings=settings, student_alpha=7.0).students[NAME].head
    assert (given.alpha, given.rule) == (7.0, "given")
    chosen = fitted(NAME, head="softmax", settings=settings)
    student, split = chosen.students[NAME], chosen.split
    assert isinstance(student.head, LinearHead)
    assert (student.head.kind, student.head.rule) == ("ridge", "gcv")
    _, features, _ = pair_of_views(600)
    hard = np.eye(2)[chosen.pseudolabels.argmax(axis=1)[student.kept]]
    again = fit_ridge(features.X[split.unlabeled[student.kept]], hard, rule="gcv")
    np.testing.assert_allclose(student.head.coef, again.coef, atol=1e-10)


def test_variants_differ_in_what_they_are_named_for() -> None:
    teachers = fitted(NAME, settings={f"{NAME}.confidence": "teacher"})
    students = fitted(NAME)
    assert (teachers.students[NAME].kept != students.students[NAME].kept).any()
    own = fitted(NAME, settings={f"{NAME}.labels": "student"})
    assert not np.array_equal(own.test_scores[NAME], students.test_scores[NAME])
    for outcome, said in ((teachers, "by the teacher's confidence"), (own, "student's labels")):
        assert said in outcome.students[NAME].rule


def test_a_filter_that_would_leave_one_class_is_handled_class_by_class_and_said() -> None:
    outcome = fitted(NAME, settings={f"{NAME}.keep": 0.004, f"{NAME}.quota": False})  # one row of 300
    one = outcome.students[NAME]
    assert set(outcome.pseudolabels.argmax(axis=1)[one.kept]) == {0, 1}
    assert "one class alone would be left" in one.rule


def test_the_control_has_as_many_rows_of_each_class() -> None:
    outcome = fitted(NAME, classes=3)
    student, control = outcome.students[NAME], outcome.students[NAME + CONTROL]
    decided = outcome.pseudolabels.argmax(axis=1)
    np.testing.assert_array_equal(np.bincount(decided[student.kept]), np.bincount(decided[control.kept]))
    assert (student.kept != control.kept).any()


def test_the_coverage_curve_holds_the_student_itself() -> None:
    outcome = fitted(NAME)
    smaller, own = outcome.coverage[NAME]
    np.testing.assert_array_equal(own.kept, outcome.students[NAME].kept)
    np.testing.assert_array_equal(own.scores, outcome.test_scores[NAME])
    assert smaller.kept[~own.kept].sum() == 0
    assert smaller.kept.sum() == pytest.approx(0.5 * own.kept.sum(), abs=2)


@pytest.mark.parametrize("head", ["softmax", "ridge"])
@pytest.mark.parametrize("keep", [0.6, "auto"])
def test_noise_in_groups_and_in_the_pools_labels_changes_no_byte(head: str, keep: object) -> None:
    strategies, settings = ("vanilla", NAME), {f"{NAME}.keep": keep}
    _, _, labels = pair_of_views(600)
    outcome = fitted(*strategies, head=head, settings=settings, groups=colored(labels))
    noise, rng = labels.values.copy(), np.random.default_rng(1)
    noise[outcome.split.unlabeled] = rng.integers(2, size=300)
    noisy = Labels(values=noise, classes=labels.classes)
    other = fitted(*strategies, head=head, settings=settings, labels=noisy, groups=colored(noisy, seed=2))
    for name in (*strategies, NAME + CONTROL):
        assert other.test_scores[name].tobytes() == outcome.test_scores[name].tobytes()
        assert other.students[name].kept.tobytes() == outcome.students[name].kept.tobytes()
    assert other.test_scores["ceiling"].tobytes() != outcome.test_scores["ceiling"].tobytes()


def test_auto_keeps_one_of_its_fractions() -> None:
    student = fitted(NAME, settings={f"{NAME}.keep": "auto"}).students[NAME]
    assert min(abs(student.kept.mean() - keep) for keep in FRACTIONS) < 0.01


def test_oracles_see_the_groups_and_balance_them() -> None:
    _, _, labels = pair_of_views(600)
    groups = colored(labels)
    outcome = fitted("oracle_dfr", "oracle_group_weights", head="ridge", groups=groups, student_alpha=3.0)
    _, features, _ = pair_of_views(600)
    U, T = outcome.split.unlabeled, outcome.split.test
    of_pool = groups.codes[U]
    kept = outcome.students["oracle_dfr"].kept
    np.testing.assert_array_equal(np.bincount(of_pool[kept]), np.full(4, np.bincount(of_pool).min()))
    weights = 1 / np.bincount(of_pool)[of_pool]
    weighted = Ridge(alpha=3.0).fit(features.X[U], outcome.pseudolabels, sample_weight=weights * 300 / weights.sum())
    theirs = weighted.predict(features.X[T])
    np.testing.assert_allclose(outcome.test_scores["oracle_group_weights"], theirs, atol=1e-8)
    with pytest.raises(ConfigError, match="Set `group` to the column"):
        fitted("oracle_dfr")


def test_a_run_reports_groups_vanilla_and_control() -> None:
    teacher, student, labels = pair_of_views(600)
    groups = colored(labels)
    splits = draw_splits(labels, seeds=range(3), **SIZES)
    config = W2SConfig(strategies=("vanilla", NAME), seeds=3)
    result, outcomes = run_w2s(teacher, student, labels, splits=splits, config=config, groups=groups)
    found = result.students[NAME]
    right = np.concatenate([o.test_scores[NAME].argmax(axis=1) == labels.values[o.split.test] for o in outcomes])
    plain = np.concatenate([o.test_scores["vanilla"].argmax(axis=1) == labels.values[o.split.test] for o in outcomes])
    tested = np.concatenate([groups.codes[o.split.test] for o in outcomes])
    of_group = [right[tested == code].mean() for code in range(4)]
    assert found.worst_group_accuracy is not None
    assert found.worst_group_accuracy.value == pytest.approx(min(of_group))
    assert found.worst_group_accuracy.group == groups.names[int(np.argmin(of_group))]
    assert found.versus_vanilla is not None
    assert found.versus_vanilla["accuracy"].value == pytest.approx(right.mean() - plain.mean())
    worst_plain = min(plain[tested == code].mean() for code in range(4))
    assert found.versus_vanilla["worst_group_accuracy"].value == pytest.approx(min(of_group) - worst_plain)
    assert found.control is not None
    assert found.control.selection.kept == found.selection.kept
    assert found.selection.group_mix is not None
    assert sum(found.selection.group_mix.values()) == pytest.approx(1)
    assert found.coverage is not None
    assert [point.keep for point in found.coverage] == list(FRACTIONS)
    assert found.coverage[5].accuracy == found.scores["accuracy"]
    assert result.students["vanilla"].coverage is None
    assert type(result).from_json(result.to_json()) == result.as_printed()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("keep", 0, "auto, or a number above 0 and at most 1"),
        ("keep", "some", "auto, or a number above 0 and at most 1"),
        ("keep", -0.1, "auto, or a number above 0 and at most 1"),
        ("keep", 1.01, "auto, or a number above 0 and at most 1"),
        ("exponent", 0, "at most 1"),
        ("exponent", "0.2", "at most 1"),
        ("keep", True, "auto, or a number above 0 and at most 1"),
        ("labels", "mine", "one of teacher, student"),
        ("loss", "mse", "one of gce, ce, ridge"),
        ("quota", "yes", "one of true, false"),
        ("exponent", 2, "at most 1"),
    ],
)
def test_odd_settings_are_refused(setting: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fitted(NAME, settings={f"{NAME}.{setting}": value})
