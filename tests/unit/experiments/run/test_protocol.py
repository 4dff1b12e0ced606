"""The protocol against an independent transcription, and what it must not see."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ShapeError, SplitError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import read_groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits
from w2s_probe.experiments.run.protocol import fit_seed, run_w2s, seeds_at_once
from w2s_probe.linalg import ridge_path

CONFIG = W2SConfig(n_labeled=80, n_unlabeled=300, n_test=200, seeds=3)


def test_four_systems_equal_scikit_learn_on_the_same_rows() -> None:
    teacher, student, labels = pair_of_views(800, classes=3)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=80, n_unlabeled=300, n_test=200)
    outcome = fit_seed(teacher, student, labels, split=split, config=CONFIG)
    L, U, T = split.labeled, split.unlabeled, split.test
    Y = np.eye(3)[labels.values]

    def by_loo(X: np.ndarray, rows: np.ndarray) -> RidgeCV:
        return RidgeCV(alphas=ridge_path(X[rows], Y[rows]).alphas).fit(X[rows], Y[rows])

    weak = by_loo(teacher.X, L)
    pseudolabels = weak.predict(teacher.X[U])
    grid = ridge_path(student.X[U], pseudolabels)
    strong = Ridge(alpha=grid.alphas[np.argmin(grid.gcv)]).fit(student.X[U], pseudolabels)
    expected = {
        "teacher": weak.predict(teacher.X[T]),
        "vanilla": strong.predict(student.X[T]),
        "baseline": by_loo(student.X, L).predict(student.X[T]),
        "ceiling": by_loo(student.X, U).predict(student.X[T]),
    }
    for system, scores in expected.items():
        np.testing.assert_allclose(outcome.test_scores[system], scores, atol=1e-8)


def test_given_strengths_are_those_of_scikit_learn_pipelines_on_the_same_rows() -> None:
    teacher, student, labels = pair_of_views(800)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=80, n_unlabeled=300, n_test=200)
    config = W2SConfig(head="softmax", pseudolabels="hard", teacher_alpha=100.0, student_alpha=1000.0)
    outcome = fit_seed(teacher, student, labels, split=split, config=config)
    L, U, T, y = split.labeled, split.unlabeled, split.test, labels.values

    def fitted(X: np.ndarray, rows: np.ndarray, targets: np.ndarray, C: float) -> Pipeline:
        head = LogisticRegression(C=C, tol=1e-10, max_iter=1000)
        return make_pipeline(StandardScaler(), head).fit(X[rows].astype(float), targets)

    weak = fitted(teacher.X, L, y[L], 1e-2)
    expected = {
        "vanilla": fitted(student.X, U, weak.predict(teacher.X[U].astype(float)), 1e-3),
        "baseline": fitted(student.X, L, y[L], 1e-3),
        "ceiling": fitted(student.X, U, y[U], 1e-3),
    }
    for system, theirs in expected.items():
        scores = outcome.test_scores[system]
        log_odds = theirs.decision_function(student.X[T].astype(float))
        np.testing.assert_allclose(scores[:, 1] - scores[:, 0], log_odds, atol=1e-4)
    assert outcome.heads["teacher"].alpha == 100
    assert outcome.students["vanilla"].head.alpha == 1000


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_strengths_and_class_counts_are_those_of_the_heads_and_parts(head: Literal["ridge", "softmax"]) -> None:
    teacher, student, labels = pair_of_views(800, classes=3)
    splits = draw_splits(labels, seeds=range(3), n_labeled=80, n_unlabeled=300, n_test=200)
    config = replace(
        CONFIG, head=head, scale=None, student_alpha=None, alphas=None, strategies=("vanilla", "high_confidence")
    )
    result, outcomes = run_w2s(teacher, student, labels, splits=splits, config=config)
    rules = {"teacher": "loo", "baseline": "loo", "ceiling": "loo", "vanilla": "gcv"} if head == "ridge" else {}
    for name, system in {**result.systems, **result.students}.items():
        heads = [outcome.head(name) for outcome in outcomes]
        alphas = [head.alpha for head in heads]
        assert system.strength is not None
        assert system.strength.geometric_mean == pytest.approx(np.prod(alphas) ** (1 / 3))
        assert (system.strength.low, system.strength.high) == (min(alphas), max(alphas))
        assert system.strength.at_edge == pytest.approx(sum(head.at_edge for head in heads) / 3)
        if name != "high_confidence":
            assert system.strength.rule == rules.get(name, "cv")
        rows = [row["value"] for row in result.to_record() if row["metric"] == "alpha" and name in row.values()]
        assert rows == alphas
    for code, name in enumerate(labels.classes or ()):
        parts = splits[0].parts()
        expected = {part: int((labels.values[rows] == code).sum()) for part, rows in parts.items()}
        assert {part: getattr(result.class_counts[name], part) for part in parts} == expected
    given, _ = run_w2s(teacher, student, labels, splits=splits, config=replace(CONFIG, teacher_alpha=3.0))
    assert given.systems["teacher"].strength is not None
    assert (given.systems["teacher"].strength.rule, given.systems["teacher"].strength.high) == ("given", 3.0)


@pytest.mark.parametrize("pseudolabels", ["soft", "hard"])
def test_only_the_ceiling_reads_the_pools_labels(pseudolabels: Literal["soft", "hard"]) -> None:
    teacher, student, labels = pair_of_views(600)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=300, n_test=200)
    noise = labels.values.copy()
    noise[split.unlabeled] = np.random.default_rng(1).integers(2, size=300)
    config = replace(CONFIG, pseudolabels=pseudolabels)
    seen, blind = (
        fit_seed(teacher, student, replace(labels, values=values), split=split, config=config)
        for values in (labels.values, noise)
    )
    for system in ("teacher", "vanilla", "baseline"):
        np.testing.assert_array_equal(seen.test_scores[system], blind.test_scores[system])
    assert not np.array_equal(seen.test_scores["ceiling"], blind.test_scores["ceiling"])


def test_nothing_that_is_fitted_reads_the_test_labels() -> None:
    teacher, student, labels = pair_of_views(600)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=300, n_test=200)
    flipped = labels.values.copy()
    flipped[split.test] = 1 - flipped[split.test]
    seen, blind = (
        fit_seed(teacher, student, replace(labels, values=values), split=split, config=CONFIG)
        for values in (labels.values, flipped)
    )
    for system, scores in seen.test_scores.items():
        np.testing.assert_array_equal(scores, blind.test_scores[system])


def test_names_and_order_of_classes_change_no_score() -> None:
    teacher, student, labels = pair_of_views(700, classes=3)
    splits = draw_splits(labels, seeds=range(3), n_labeled=80, n_unlabeled=300, n_test=200)
    swapped = Labels(values=np.array([2, 0, 1])[labels.values], classes=("x", "y", "z"))
    one, other = (run_w2s(teacher, student, y, splits=splits, config=CONFIG)[0] for y in (labels, swapped))
    for system, each in one.systems.items():
        assert other.systems[system].scores["accuracy"].value == pytest.approx(each.scores["accuracy"].value, abs=1e-12)
    assert other.students["vanilla"].gain.value == pytest.approx(one.students["vanilla"].gain.value, abs=1e-12)


def wider(features: FeatureSet) -> FeatureSet:
    """Return features with more columns: ridge heads can copy those of the given features."""
    more = np.random.default_rng(7).standard_normal((len(features), 2))
    return feature_set(np.hstack([features.X, more]))


def test_a_student_whose_features_contain_its_teachers_agrees_with_it() -> None:
    teacher, _, labels = pair_of_views(900)
    splits = draw_splits(labels, seeds=range(3), n_labeled=80, n_unlabeled=500, n_test=200)
    result, _ = run_w2s(teacher, wider(teacher), labels, splits=splits, config=CONFIG)
    agreement = result.students["vanilla"].agreement
    assert agreement.value > 0.99
    assert any("can be copied" in note for note in result.notes)
    assert result.students["vanilla"].gain.value == pytest.approx(0, abs=0.01)


def test_a_copy_of_the_teacher_is_noticed_in_regression_and_decides_nothing() -> None:
    teacher, _, _ = pair_of_views(900, seed=4)
    labels = Labels(values=teacher.X[:, 0] + np.random.default_rng(0).standard_normal(900), classes=None)
    splits = draw_splits(labels, seeds=range(3), n_labeled=80, n_unlabeled=500, n_test=200)
    result, _ = run_w2s(teacher, wider(teacher), labels, splits=splits, config=replace(CONFIG, task="regression"))
    assert any("Try another teacher" in note for note in result.notes)
    assert result.verdict.call == "unresolved"
    assert "The student is as good as its teacher (" in result.verdict.advice


def test_ceiling_on_all_labels_is_fitted_to_both_parts() -> None:
    teacher, student, labels = pair_of_views(600)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=300, n_test=200)
    both = fit_seed(teacher, student, labels, split=split, config=replace(CONFIG, ceiling="L+U"))
    rows = np.concatenate([split.labeled, split.unlabeled])
    Y = np.eye(2)[labels.values[rows]]
    theirs = RidgeCV(alphas=[both.heads["ceiling"].alpha]).fit(student.X[rows], Y)
    np.testing.assert_allclose(both.heads["ceiling"].coef, theirs.coef_.T, atol=1e-8)


def test_regression_reports_r2_and_squared_error() -> None:
    teacher, student, _ = pair_of_views(900, seed=4)
    y = student.X[:, 0] + student.X[:, 1] + np.random.default_rng(0).standard_normal(900)
    labels = Labels(values=y, classes=None)
    splits = draw_splits(labels, seeds=range(3), n_labeled=80, n_unlabeled=400, n_test=200)
    result, outcomes = run_w2s(teacher, student, labels, splits=splits, config=replace(CONFIG, task="regression"))
    vanilla = result.students["vanilla"]
    assert result.score == "r2"
    said, taught = (np.concatenate([o.test_scores[name][:, 0] for o in outcomes]) for name in ("vanilla", "teacher"))
    assert vanilla.agreement.value == pytest.approx(r2_score(taught, said))
    assert set(vanilla.error_imitation) == {"teacher_error"}
    pool = [cell["value"] for cell in result.to_record() if cell["part"] == "unlabeled" and cell["metric"] == "r2"]
    assert pool == pytest.approx([r2_score(y[o.split.unlabeled], o.pseudolabels[:, 0]) for o in outcomes])
    errors = [
        np.mean((outcome.test_scores[name][:, 0] - y[outcome.split.test]) ** 2)
        for name in ("vanilla", "teacher", "ceiling")
        for outcome in outcomes
    ]
    ours, weak, top = np.reshape(errors, (3, 3)).mean(axis=1)
    assert vanilla.scores["squared_error"].value == pytest.approx(ours)
    # PGR is one number, whether of R² or of squared error, when all seeds have one variance of y
    assert vanilla.pgr.value == pytest.approx((weak - ours) / (weak - top), abs=0.02)
    assert result.to_dict()["majority_rate"] is None


def test_tidy_rows_hold_every_score_of_every_seed() -> None:
    teacher, student, labels = pair_of_views(700)
    splits = draw_splits(labels, seeds=range(3), n_labeled=80, n_unlabeled=300, n_test=200)
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=CONFIG)
    rows = list(result.to_record())
    accuracy = [r for r in rows if r["metric"] == "accuracy" and r["part"] == "test" and r["system"] == "student"]
    assert [row["seed"] for row in accuracy] == [0, 1, 2]
    mean = np.mean([row["value"] for row in accuracy])
    assert mean == pytest.approx(result.students["vanilla"].scores["accuracy"].value)
    keys = {"seed", "part", "system", "strategy", "metric", "group", "value", "n", "n_labeled", "n_unlabeled"}
    assert all(set(row) == keys for row in rows)


def test_one_split_says_that_it_covers_test_rows_only() -> None:
    teacher, student, labels = pair_of_views(700)
    splits = draw_splits(labels, seeds=[0], n_labeled=80, n_unlabeled=300, n_test=200)
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=CONFIG)
    assert any("test rows only" in note for note in result.notes)


def test_nearly_exhausting_the_table_is_said() -> None:
    teacher, student, labels = pair_of_views(600)
    splits = draw_splits(labels, seeds=range(2), n_labeled=80, n_unlabeled=300, n_test=200)
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=CONFIG)
    assert any("97% of the rows" in note for note in result.notes)


def test_rows_must_match_and_two_classes_be_labeled() -> None:
    teacher, student, labels = pair_of_views(100)
    with pytest.raises(ShapeError, match="got 99 rows and 100"):
        run_w2s(feature_set(teacher.X[1:], "teacher features"), student, labels, splits=[], config=CONFIG)
    one_class = np.flatnonzero(labels.values == 0)
    rest = np.setdiff1d(np.arange(100), one_class[:10])
    split = Split(labeled=one_class[:10], unlabeled=rest[:40], test=rest[40:], seed=0)
    with pytest.raises(SplitError, match="at least two different labels: got one"):
        run_w2s(teacher, student, labels, splits=[split], config=CONFIG)


def fingerprint(**changes: Any) -> str:
    """Return the fingerprint of a small run, in which parts of the question are changed."""
    teacher, student, labels = pair_of_views(200)
    values = np.where(np.arange(200) % 3, labels.values, 1 - labels.values)
    groups = read_groups([f"v{value}" for value in values], labels, name="color")
    splits = draw_splits(labels, seeds=[0, 1], n_labeled=40, n_unlabeled=80, n_test=60)
    question: dict[str, Any] = {"labels": labels, "splits": splits, "config": CONFIG, "groups": groups} | changes
    return run_w2s(teacher, student, **question)[0].fingerprint


def test_a_fingerprint_tells_questions_apart() -> None:
    _, _, labels = pair_of_views(200)
    splits = draw_splits(labels, seeds=[0, 1], n_labeled=40, n_unlabeled=80, n_test=60)
    values = labels.values.copy()
    values[splits[1].labeled[0]] = 1 - values[splits[1].labeled[0]]
    one_row_less = [replace(splits[0], test=splits[0].test[1:]), splits[1]]
    colors = read_groups(["v0"] * 100 + ["v1"] * 100, labels, name="color")
    shapes = read_groups(["w0"] * 100 + ["w1"] * 100, labels, name="color")
    rows = np.random.default_rng(2).standard_normal((200, 4))
    seconds = [feature_set(rows, "second"), feature_set(rows + 1, "other")]
    prints = [
        fingerprint(),
        fingerprint(groups=None),
        fingerprint(groups=colors),
        fingerprint(groups=shapes),
        fingerprint(labels=replace(labels, values=values)),
        fingerprint(splits=splits[:1]),
        fingerprint(splits=splits[::-1]),
        fingerprint(splits=one_row_less),
        fingerprint(config=replace(CONFIG, teacher_alpha=3.0)),
        fingerprint(links=np.stack([np.arange(200), np.arange(200)], axis=1)),
        fingerprint(links=np.stack([np.arange(200), np.arange(200) // 2], axis=1)),
        *(fingerprint(more_teachers=[second]) for second in seconds),
    ]
    assert len(set(prints)) == len(prints)


def test_a_fingerprint_does_not_depend_on_the_order_of_settings_or_on_sizes_that_the_splits_have() -> None:
    settings = {"high_confidence.keep": 0.5, "high_confidence.quota": False}
    ordered = replace(CONFIG, strategies=("vanilla", "high_confidence"), settings=settings)
    again = replace(ordered, settings=dict(reversed(settings.items())))
    assert fingerprint(config=ordered) == fingerprint(config=again)
    assert fingerprint() == fingerprint(config=replace(CONFIG, n_labeled=None, n_test=None))


def test_progress_counts_every_head_of_every_seed() -> None:
    teacher, student, labels = pair_of_views(200)
    splits = draw_splits(labels, seeds=range(3), n_labeled=40, n_unlabeled=80, n_test=60)
    calls: list[tuple[str, int, int, str]] = []
    config = replace(CONFIG, strategies=("vanilla", "high_confidence"))
    run_w2s(teacher, student, labels, splits=splits, config=config, on_progress=lambda *step: calls.append(step))
    assert {total for _, _, total, _ in calls} == {15}  # teacher, baseline, ceiling and two students of three seeds
    assert [done for _, done, _, _ in calls] == sorted(done for _, done, _, _ in calls)
    assert {done for _, done, _, _ in calls} == set(range(16))
    begun = [detail for _, _, _, detail in calls if detail.endswith("of seed 1")]
    heads = ("teacher", "baseline", "ceiling", "student", "high_confidence")
    assert list(dict.fromkeys(begun)) == [f"{head} of seed 1" for head in heads]


def test_softmax_heads_are_fitted_with_one_blas_thread() -> None:
    teacher, student, labels = pair_of_views(120)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=30, n_unlabeled=50, n_test=30)
    threads: set[int] = set()

    def count(*step: object) -> None:
        threads.update(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")

    config = W2SConfig(head="softmax", alphas=3)
    with threadpool_limits(limits=2, user_api="blas"):
        run_w2s(teacher, student, labels, splits=[split], config=config, on_progress=count)
    assert threads == {1}


def test_notes_name_the_features_with_large_rows() -> None:
    teacher, student, labels = pair_of_views(200)
    splits = draw_splits(labels, seeds=[0, 1], n_labeled=40, n_unlabeled=80, n_test=60)
    for name, row in (("teacher", splits[0].labeled[0]), ("student", splits[0].unlabeled[0])):
        views = {"teacher": teacher.X.copy(), "student": student.X.copy()}
        views[name][row] *= 1e6
        weak, strong = (feature_set(X, f"{view} features") for view, X in views.items())
        for chosen in (splits, splits[:1]):
            result, _ = run_w2s(weak, strong, labels, splits=chosen, config=CONFIG)
            notes = [note for note in result.notes if note.startswith(f"Rows of the {name}'s features")]
            assert [f"(row {row}, " in note for note in notes] == [True]


def test_heads_that_are_given_are_not_fitted_again() -> None:
    teacher, student, labels = pair_of_views(200)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=40, n_unlabeled=80, n_test=60)
    given = fit_seed(teacher, student, labels, split=split, config=CONFIG).heads["ceiling"]
    moved = replace(given, intercept=given.intercept + 1.0)
    outcome = fit_seed(teacher, student, labels, split=split, config=CONFIG, fitted={"ceiling": moved})
    assert outcome.heads["ceiling"] is moved
    np.testing.assert_array_equal(outcome.test_scores["ceiling"], moved.scores(student.X[split.test]))


def test_seeds_at_once_fit_the_copies_of_their_pools_into_256_mebibytes() -> None:
    splits: list[Any] = [SimpleNamespace(unlabeled=np.arange(size)) for size in (10, 128, 40)]
    for columns, at_once in ((2**12, 64), (2**12 + 1, 63), (2**20, 1), (1, 2**18)):
        wide: Any = SimpleNamespace(X=np.broadcast_to(np.zeros(1), (200, columns)))  # 8 bytes a column, none in memory
        assert seeds_at_once(wide, splits) == at_once


def test_notes_on_heads_and_rows_cover_all_teachers() -> None:
    teacher, student, labels = pair_of_views(500)
    splits = draw_splits(labels, seeds=range(4), n_labeled=60, n_unlabeled=200, n_test=100)
    noise = np.random.default_rng(8).standard_normal((500, 30))  # best when it is hardly used
    large = teacher.X.copy()
    large[splits[0].unlabeled[0]] *= 1e6
    more = [feature_set(noise, "noise"), feature_set(large, "large")]
    config = W2SConfig(strategies=("mean_teacher",))
    result, outcomes = run_w2s(teacher, student, labels, splits=splits, config=config, more_teachers=more)
    assert any(outcome.all_heads()["teachers/noise"].at_edge for outcome in outcomes)
    assert any(note.startswith("teacher noise: the chosen strength is the largest one") for note in result.notes)
    assert [note.partition(" that")[0] for note in result.notes if "median row" in note] == [
        "Rows of the teacher large's features"
    ]
