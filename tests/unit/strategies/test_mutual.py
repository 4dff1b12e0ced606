"""Mutual learning: the schedule against an explicit one, its limits, its variants, and odd pools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import Ridge

from tests.conftest import feature_set
from tests.problems import problem_of, views
from tests.unit.strategies.pairs import pairs_problem
from tests.unit.strategies.several_teachers import several_teachers, variant
from w2s_probe.cli.values import _setting
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.splits import draw_splits
from w2s_probe.core.types import Float, Rows
from w2s_probe.strategies import Student, W2SProblem, load_strategy

NAME, SEED = "mutual", 4
FIXED: dict[str, Any] = {"student_alpha": 3.0, "teacher_alpha": 2.0}
KINDS: dict[str, Callable[[], W2SProblem]] = {
    "ridge": cache(lambda: several_teachers(0.5, 2.5, classes=3)),
    "softmax": cache(lambda: several_teachers(0.5, 2.5, head="softmax", pseudolabels="hard", alphas=4)),
    "pairs": cache(lambda: pairs_problem(0.5, 2.5)),
}


def learn(problem: W2SProblem, **settings: Any) -> Student:
    strategy, config = load_strategy(NAME, {f"{NAME}.{field}": value for field, value in settings.items()})
    return strategy(replace(problem, rng=np.random.default_rng(SEED)), config)


def settings_of(key: str) -> dict[str, Any]:
    """Return the setting of a variant's key, as --set reads it."""
    name, value = _setting(f"{NAME}.{key}")
    return {name.removeprefix(f"{NAME}."): value}


def scores(problem: W2SProblem, student: Student) -> bytes:
    return student.head.scores(problem.X_unlabeled).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pick", ["familiar", "random", "all", "margin"])
def test_one_round_is_vanilla_to_the_byte_whatever_is_picked(kind: str, pick: str) -> None:
    problem = KINDS[kind]()
    student = learn(problem, rounds=1, pick=pick)
    assert scores(problem, student) == problem.vanilla().scores(problem.X_unlabeled).tobytes()
    assert student.kept.all()
    assert not student.variants
    assert list(student.stages) == ["round0.teacher.weak 0", "round0.teacher.weak 1", "round1.student"]


@pytest.mark.parametrize("kind", KINDS)
def test_to_keep_every_familiar_label_is_to_pick_all(kind: str) -> None:
    problem = KINDS[kind]()
    student = learn(problem, keep=1.0)
    assert scores(problem, student) == scores(problem, learn(problem, pick="all", keep=0.1))
    assert student.kept.all()


def test_perfect_teachers_stay_perfect_and_give_the_ceiling() -> None:
    _, strong, labels = views(500, classes=3)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=300, n_test=100)
    perfect = feature_set(np.eye(3)[labels.values])
    config = W2SConfig(student_alpha=3.0, pseudolabels="hard")
    problem, truth = problem_of([perfect], strong, labels, split=split, config=config), labels.targets(split.unlabeled)
    student = learn(problem, keep=1)
    ceiling = problem.fit(problem.X_unlabeled, truth)
    assert scores(problem, student) == ceiling.scores(problem.X_unlabeled).tobytes()
    np.testing.assert_array_equal(student.targets, truth)
    for stage in (stage for stage in student.stages.values() if stage.teacher is not None):
        np.testing.assert_array_equal(stage.head.scores(truth).argmax(axis=1), truth.argmax(axis=1))


@dataclass(frozen=True, kw_only=True)
class Explicit:
    """The schedule with repeated rows, by functions that fit student and teachers and return their scores."""

    labels: list[Float]
    fit: Callable[[Rows, Float], Callable[[Rows], Float]]
    refit: Callable[[int, Rows, Float], Float]
    label: Callable[[Float], Float]
    loss: Callable[[Float, Float], Float]

    def scores(self, *, rounds: int, keep: float) -> Float:
        N = len(self.labels[0])
        parts = np.array_split(np.random.default_rng(SEED).permutation(N), rounds)
        rows, targets = parts[0], self.labels[0][parts[0]]
        student = self.fit(rows, targets)
        for part in parts[1:]:
            of_last = self.label(student(parts[-1]))
            new = [self.label(self.refit(m, parts[-1], of_last)) for m in range(len(self.labels))]
            own = student(part)
            for labels in new:
                best = part[np.argsort(self.loss(own, labels[part]), kind="stable")[: round(keep * len(part))]]
                rows, targets = np.concatenate([rows, best]), np.concatenate([targets, labels[best]])
            student = self.fit(rows, targets)
        return student(np.arange(N))


@pytest.mark.parametrize(("rounds", "keep"), [(2, 0.5), (3, 0.5), (4, 0.9)])
@pytest.mark.parametrize("pseudolabels", ["soft", "hard"])
def test_ridge_students_equal_scikit_learns_on_repeated_rows(pseudolabels: str, rounds: int, keep: float) -> None:
    weak, strong, labels = views(500, classes=3, noises=(0.5, 2.5))
    (split,) = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=200, n_test=100)
    config = W2SConfig(**FIXED, pseudolabels=pseudolabels)  # type: ignore[arg-type]
    problem, L, U = problem_of(weak, strong, labels, split=split, config=config), split.labeled, split.unlabeled

    def fit(rows: Rows, Y: Float) -> Callable[[Rows], Float]:
        head = Ridge(alpha=3.0).fit(strong.X[U[rows]], Y)
        return lambda wanted: np.asarray(head.predict(strong.X[U[wanted]]))

    def refit(m: int, rows: Rows, Y: Float) -> Float:
        X = weak[m].X
        head = Ridge(alpha=2.0).fit(X[np.concatenate([L, U[rows]])], np.concatenate([labels.targets(L), Y]))
        return np.asarray(head.predict(X[U]))

    label = problem.hard if pseudolabels == "hard" else lambda raw: raw
    explicit = Explicit(
        labels=problem.pseudolabels,
        fit=fit,
        refit=refit,
        label=label,
        loss=lambda own, Y: np.round(((own - Y) ** 2).sum(axis=1), 9),
    )
    student = learn(problem, rounds=rounds, keep=keep)
    theirs = explicit.scores(rounds=rounds, keep=keep)
    np.testing.assert_allclose(student.head.scores(problem.X_unlabeled), theirs, atol=1e-7)  # of two solvers in a chain


@pytest.mark.parametrize("kind", ["softmax", "pairs"])
def test_softmax_students_equal_those_of_repeated_rows(kind: str) -> None:
    settings = {**FIXED, "scale": "none"}
    problem = (
        pairs_problem(0.5, 2.5, **settings)
        if kind == "pairs"
        else several_teachers(0.5, 2.5, head="softmax", **settings)
    )
    X, teachers = problem.X_unlabeled, problem.teachers

    def fit(rows: Rows, Y: Float) -> Callable[[Rows], Float]:
        head = problem.fit(X[rows], Y)
        return lambda wanted: head.scores(X[wanted])

    def refit(m: int, rows: Rows, Y: Float) -> Float:
        targets = np.full((len(X), 2), np.nan)
        targets[rows] = Y
        return teachers[m].fit(labels=problem.Y_labeled, targets=targets, rows=rows).scores

    explicit = Explicit(
        labels=problem.pseudolabels,
        fit=fit,
        refit=refit,
        label=problem.pseudolabels_of,
        loss=lambda own, Y: np.round(-(Y * log_softmax(own, axis=1)).sum(axis=1), 9),
    )
    theirs = explicit.scores(rounds=3, keep=0.5)
    np.testing.assert_allclose(learn(problem).head.scores(X), theirs, atol=1e-4)  # where a minimizer stops


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pick", ["familiar", "random", "all", "margin"])
def test_teachers_never_learn_from_rows_that_the_student_was_trained_on(kind: str, pick: str) -> None:
    problem, events = KINDS[kind](), []
    position = {row.tobytes(): k for k, row in enumerate(problem.X_unlabeled)}

    def fit(X: Any, *arguments: Any, **keywords: Any) -> Any:
        events.append(("student", {position[row.tobytes()] for row in X}))
        return problem.fit(X, *arguments, **keywords)

    def refit(old: Any, **keywords: Any) -> Any:
        np.testing.assert_array_equal(keywords["labels"], problem.Y_labeled)
        events.append(("teacher", set(keywords["rows"].tolist())))
        return old(**keywords)

    spied = tuple(replace(teacher, fit=partial(refit, teacher.fit)) for teacher in problem.teachers)
    student = learn(replace(problem, fit=fit, teachers=spied), rounds=4, pick=pick)
    assert [side for side, _ in events] == ["student", *["teacher"] * 2, "student"] + [
        "teacher",
        "teacher",
        "student",
    ] * 2
    learned: set[int] = set()
    for side, rows in events:
        if side == "student":
            assert learned < rows
            learned = rows
        else:
            assert rows
            assert not rows & learned
    assert learned == set(np.flatnonzero(student.kept).tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_arms_of_one_teacher_have_equal_sizes_and_the_first_part_in_common(kind: str) -> None:
    problem = KINDS[kind]()
    own = learn(problem, teachers=1)
    for pick in ("random", "margin"):
        arm = variant(own, f"pick={pick}")
        for part, rows in own.parts.items():
            assert arm.parts[part].sum() == rows.sum()
            assert np.array_equal(arm.parts[part], rows) == (part == "round 1")
    third = len(problem.X_unlabeled) / 3
    assert own.parts["round 1"].sum() == pytest.approx(third, abs=1)
    assert own.parts["round 3"].sum() == pytest.approx(third / 2, abs=1)
    assert variant(own, "pick=all").kept.all()
    assert own.weights is None


def test_margin_takes_the_labels_of_the_teachers_smallest_margins() -> None:
    problem, spied = KINDS["ridge"](), []

    def refit(**keywords: Any) -> Any:
        made = problem.teachers[0].fit(**keywords)
        spied.append(made.scores)
        return made

    spied_on = replace(problem, teachers=(replace(problem.teachers[0], fit=refit),))
    student = learn(spied_on, rounds=2, pick="margin")
    top = np.sort(spied[0], axis=1)
    margin, second = top[:, -1] - top[:, -2], ~student.parts["round 1"]
    picked = student.parts["round 2"]
    assert margin[picked].max() <= margin[second & ~picked].min()


@pytest.mark.parametrize("pick", ["familiar", "random", "all", "margin"])
def test_swapped_sides_of_pairs_change_no_prediction_but_its_sign(pick: str) -> None:
    plain, swapped = pairs_problem(0.5, 2.5), pairs_problem(0.5, 2.5, swapped=True)
    left, right = learn(plain, pick=pick), learn(swapped, pick=pick)
    np.testing.assert_array_equal(left.kept, right.kept)
    X = np.random.default_rng(0).standard_normal((20, plain.X_unlabeled.shape[1]))
    np.testing.assert_allclose(left.head.scores(X), right.head.scores(X), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_variants_are_the_students_of_their_settings_in_any_order_of_calls(kind: str) -> None:
    problem = KINDS[kind]()
    own = learn(problem)
    assert list(own.variants) == ["rounds=0", "teachers=1", "pick=random", "pick=all", "pick=margin"]
    assert own.rivals == ("mutual/rounds=0", "mutual/pick=random", "mutual/pick=all")
    for key in reversed(list(own.variants)[1:]):
        made = variant(own, key)
        assert scores(problem, made) == scores(problem, learn(problem, **settings_of(key)))
        assert not made.variants
    assert scores(problem, own) == scores(problem, learn(problem))
    one = learn(problem, teachers=1)
    assert list(one.variants) == ["rounds=0", "teachers=2", "pick=random", "pick=all", "pick=margin"]
    assert scores(problem, variant(one, "teachers=2")) == scores(problem, own)


def test_without_rounds_the_rows_stay_and_have_the_first_teachers_labels() -> None:
    problem = several_teachers(0.5, 2.5, **FIXED)
    own = learn(problem)
    plain = variant(own, "rounds=0")
    np.testing.assert_array_equal(plain.kept, own.kept)
    assert not own.kept.all()
    theirs = Ridge(alpha=3.0).fit(problem.X_unlabeled[own.kept], problem.pseudolabels[0][own.kept])
    np.testing.assert_allclose(
        plain.head.scores(problem.X_unlabeled), theirs.predict(problem.X_unlabeled), atol=1e-9
    )  # two solvers
    everything = learn(problem, pick="all")
    vanilla = problem.vanilla().scores(problem.X_unlabeled).tobytes()
    assert scores(problem, variant(everything, "rounds=0")) == vanilla
    assert everything.rivals == ("mutual/rounds=0", "mutual/pick=familiar", "mutual/pick=random")


def test_stages_and_parts_are_in_the_order_of_the_rounds() -> None:
    student = learn(KINDS["ridge"]())
    names = ("teacher.weak 0", "teacher.weak 1")
    assert list(student.stages) == [
        *(f"round0.{name}" for name in names),
        *(f"round{r}.{name}" for r in (1, 2) for name in ("student", *names)),
        "round3.student",
    ]
    assert student.stages["round3.student"].head is student.head
    assert student.stages["round2.teacher.weak 1"].teacher == 1
    assert list(student.parts) == ["round 1", "round 2", "round 3"]
    np.testing.assert_array_equal(np.any(list(student.parts.values()), axis=0), student.kept)
    assert student.weights is not None
    np.testing.assert_array_equal(student.weights > 0, student.kept)
    size = len(student.kept) // 3
    assert student.weights.sum() == pytest.approx(size + 2 * 2 * size / 2, abs=4)


def test_a_pool_of_as_many_rows_as_classes_for_each_round_is_enough_and_one_row_less_is_not() -> None:
    problem = several_teachers(0.5, pool=12, classes=2)
    assert np.isfinite(learn(problem, rounds=6).head.scores(problem.X_unlabeled)).all()
    expected = r"needs 2 rows of the pool or more for each round: got 12 rows for 7 rounds. Use a smaller mutual.rounds"
    with pytest.raises(NotApplicableError, match=expected):
        learn(problem, rounds=7)


def test_equal_labels_of_the_first_part_are_refused_for_classes_and_serve_for_pairs() -> None:
    problem = several_teachers(0.5, pseudolabels="hard")
    constant = np.tile([0.0, 1.0], (len(problem.X_unlabeled), 1))
    teacher = replace(problem.teachers[0], scores=constant, pseudolabels=constant)
    with pytest.raises(NotApplicableError, match=r"the first teacher gives its 87 rows one label. Use a smaller"):
        learn(replace(problem, teachers=(teacher,)))
    pairs = pairs_problem(0.5, pseudolabels="hard")
    constant = np.tile([0.0, 1.0], (len(pairs.X_unlabeled), 1))
    teacher = replace(pairs.teachers[0], scores=constant, pseudolabels=constant)
    assert np.isfinite(learn(replace(pairs, teachers=(teacher,))).head.scores(pairs.X_unlabeled)).all()


def test_numbers_and_absent_teachers_are_refused_in_one_line() -> None:
    with pytest.raises(NotApplicableError, match="needs classes"):
        learn(several_teachers(0.5, classes=None))
    with pytest.raises(NotApplicableError, match=r"mutual.teachers says, 3: got 1. Use a smaller number, or add"):
        learn(several_teachers(0.5), teachers=3)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rounds": 0}, "mutual.rounds must be a whole number from 1 to 20: got 0. Use 3."),
        ({"rounds": 2.0}, "mutual.rounds must be .*: got 2.0"),
        ({"rounds": True}, "mutual.rounds must be .*: got True"),
        ({"rounds": 21}, "mutual.rounds must be .*: got 21"),
        ({"keep": 0}, "mutual.keep must be a number above 0 and at most 1: got 0"),
        ({"keep": 1.5}, "mutual.keep must be"),
        ({"keep": float("nan")}, "mutual.keep must be"),
        ({"teachers": 0}, "mutual.teachers must be a whole number of at least 1: got 0. Leave it out"),
        ({"teachers": "all"}, "mutual.teachers must be .*: got 'all'"),
        ({"pick": "best"}, "mutual.pick must be one of familiar, random, all, margin: got 'best'. Use familiar."),
        ({"pick": ["all"]}, "mutual.pick must be one of"),
    ],
)
def test_wrong_settings_are_one_line(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        load_strategy(NAME, {f"{NAME}.{field}": value for field, value in settings.items()})
    assert "\n" not in str(caught.value)
