"""Training sets of one size with given shares of overlap rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.unit.strategies.problems import SEED, rows_of, with_scores
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.diagnostics.overlap_density import confidence_margins, overlap_density
from w2s_probe.strategies import Student
from w2s_probe.strategies import overlap as module
from w2s_probe.strategies.overlap import SHARES, OverlapConfig, overlap


def students(student: Student) -> dict[float, Student]:
    """Return the student of each share."""
    found = {1.0: student}
    for name, variant in student.variants.items():
        found[float(name.removeprefix("share="))] = variant()  # type: ignore[operator]
    return found


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_sets_of_all_shares_have_one_size_and_are_nested(head: str) -> None:
    problem = rows_of(SEED, head=head).problem
    student = overlap(problem, OverlapConfig())
    both = student.parts["overlap"]
    of_share = students(student)
    assert tuple(of_share) == SHARES
    size = min(both.sum(), (~both).sum())
    for share, one in of_share.items():
        assert one.kept.sum() == size
        assert (one.kept & both).sum() == round(share * size)
    for larger, smaller in pairwise(SHARES):
        assert not (of_share[smaller].kept & both & ~of_share[larger].kept).any()
        assert not (of_share[larger].kept & ~both & ~of_share[smaller].kept).any()


def test_sets_are_as_large_as_the_rarer_kind_of_row_and_drawn_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = rows_of(SEED).problem
    both = np.arange(300) < 210
    monkeypatch.setattr(module, "pattern_rows", lambda confidence, X: {"easy": ~both, "hard": ~both, "overlap": both})
    one, again, other = (
        overlap(replace(problem, rng=np.random.default_rng(seed)), OverlapConfig()).kept for seed in (0, 0, 1)
    )
    assert one.sum() == 90
    assert not (one & ~both).any()
    np.testing.assert_array_equal(one, again)
    assert 20 < (one & other).sum() < 60  # 90 of 210 rows, twice: 38.6 on average


def test_the_parts_are_those_of_the_diagnostic() -> None:
    problem = rows_of(SEED).problem
    parts = overlap(problem, OverlapConfig()).parts
    assert sorted(parts) == ["easy", "hard", "overlap"]
    np.testing.assert_array_equal(np.sum([*parts.values()], axis=0), 1)
    confidence = confidence_margins(problem.teachers[0].scores)
    found = overlap_density(confidence, problem.X_unlabeled, rng=np.random.default_rng(0))
    assert (parts["overlap"].mean(), parts["hard"].mean()) == (found.value, found.hard)
    assert confidence[parts["hard"]].max() < confidence[~parts["hard"]].min()


def test_the_student_learns_the_vanilla_pseudolabels_of_its_rows() -> None:
    problem = rows_of(SEED).problem
    student = overlap(problem, OverlapConfig(share=0.5))
    again = problem.fit(problem.X_unlabeled[student.kept], problem.pseudolabels[0][student.kept])
    np.testing.assert_array_equal(student.head.scores(problem.X_labeled), again.scores(problem.X_labeled))
    assert student.targets is None
    assert list(student.variants) == ["share=1", "share=0.75", "share=0.25", "share=0"]


def test_a_teacher_that_is_equally_sure_of_all_rows_has_no_patterns() -> None:
    problem = rows_of(SEED).problem
    with pytest.raises(NotApplicableError, match="the teacher's confidence is 1 in every row"):
        overlap(with_scores(problem, problem.hard(problem.teachers[0].scores)), OverlapConfig())


def test_selected_rows_of_one_class_are_refused() -> None:
    problem = rows_of(SEED).problem
    scores = problem.teachers[0].scores.copy()
    hard = overlap(problem, OverlapConfig()).parts["hard"]
    scores[~hard] = np.sort(scores[~hard], axis=1)  # all rows of which the teacher is sure have the second class
    with pytest.raises(
        NotApplicableError, match="at least two classes among the selected pseudolabels: got one, at share 1"
    ):
        overlap(with_scores(problem, scores), OverlapConfig())


@pytest.mark.parametrize("share", [-0.1, 1.1, "all", True])
def test_odd_shares_are_refused(share: object) -> None:
    with pytest.raises(ConfigError, match=f"must be a number between 0 and 1: got {share!r}. Use 1"):
        OverlapConfig(share=share)  # type: ignore[arg-type]
