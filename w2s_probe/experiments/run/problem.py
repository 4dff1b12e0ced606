"""The problem that strategies receive: teachers, features and ways to fit heads, without ground truth of the pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.arrays import frozen
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.fit_options import FitOptions, Scale
from w2s_probe.core.folds import stratified_folds
from w2s_probe.core.linked_folds import Fold, linked_folds
from w2s_probe.core.predictions import Predictions, all_count
from w2s_probe.core.row_view import row_view
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.heads import LinearHead, PoolFits
from w2s_probe.heads.linear import deviations, pseudolabels_of
from w2s_probe.heads.ridge import left_out_scores, ridge_spectrum
from w2s_probe.linalg.moments import Moments, moments_of
from w2s_probe.linalg.teacher_student import student_map
from w2s_probe.strategies import FurtherHead, Scorer, Teacher, W2SProblem

FOLDS = 5  # of heads whose held-out scores need refits
ITEM_GROUPS = 8  # of the items of pairs: 36 folds


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return names in which the second of two equal ones ends with " (2)", the third with " (3)".

    Examples
    --------
    >>> distinct_names(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitFits:
    """Features, labels and heads of one split, from which its problem is made.

    Parameters
    ----------
    teachers : sequence of FeatureSet
        Features of each teacher; predictions as raw scores of heads of the run's kind.
    student : FeatureSet
        Features of the student.
    Y : array of shape (n, K)
        True labels of the labeled rows.
    classes : tuple of str, or None
        Names of the classes.
    heads : sequence of LinearHead
        The head of each teacher.
    baseline : LinearHead
        The head on student features that is fitted to the labeled rows.
    split : Split
        Labeled rows, pool and test rows.
    config : W2SConfig
        All settings.
    fits : PoolFits
        Fits heads, with the pool's eigendecomposition.
    links : array of int, shape (n, 2), or None
        Two numbers for each labeled pair: held-out pairs share none with the pairs of their heads. None for rows.
    """

    teachers: Sequence[FeatureSet]
    student: FeatureSet
    Y: Float
    classes: tuple[str, ...] | None
    heads: Sequence[LinearHead]
    baseline: LinearHead
    split: Split
    config: W2SConfig
    fits: PoolFits
    links: Rows | None = None

    def problem(self, *, copies: bool) -> W2SProblem:
        """Return the problem; with `copies` it has the pool's features as an array, else as a view of their rows."""
        pool = self.fits.hold(self.student.X, self.split.unlabeled)
        names = distinct_names([features.name for features in self.teachers])
        vanilla = cache(partial(self._student_of, pool, None, self._pool_scores[0]))
        return W2SProblem(
            X_labeled=frozen(self.student.X[self.split.labeled]),
            Y_labeled=self.Y,
            X_unlabeled=self.fits.array() if copies else pool,
            teachers=tuple(self._teacher(m, name) for m, name in enumerate(names)),
            options=self.config.fit_options("student"),
            fit=self._fit,
            vanilla=vanilla,
            baseline=lambda: self.baseline,
            pseudolabels_of=self._pseudolabels_of,
            student_of=partial(self._student_of, pool, None),
            held_out=cache(lambda: frozen(self._student_held_out(vanilla(), pool))),
            label_map=cache(lambda: self._label_map(vanilla(), pool)),
            classes=self.classes,
            rng=np.random.default_rng([self.split.seed, 1]),
            links=None if self.links is None else frozen(self.links.copy()),
        )

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Labeled rows whose labels may judge every teacher, shape (n,): all, unless teachers are predictions."""
        counts = all_count(self.teachers)
        return np.ones(len(self.Y), dtype=np.bool_) if counts is None else counts[self.split.labeled]

    @cached_property
    def _labeled(self) -> list[Features]:
        return [frozen(features.X[self.split.labeled]) for features in self.teachers]

    @cached_property
    def _pools(self) -> list[Features]:
        return [row_view(features.X, self.split.unlabeled) for features in self.teachers]

    @cached_property
    def _pool_scores(self) -> list[Float]:
        return [frozen(head.scores(X)) for head, X in zip(self.heads, self._pools, strict=True)]

    @cached_property
    def _folds(self) -> list[Fold]:
        rng = np.random.default_rng([self.split.seed, 5])
        if self.links is not None:
            return linked_folds(self.links, groups=ITEM_GROUPS, rng=rng)
        every = np.arange(len(self.Y))
        return [(B, np.setdiff1d(every, B)) for B in stratified_folds(self.Y, min(FOLDS, len(self.Y)), rng)]

    @property
    def _scale(self) -> Scale:
        return self.config.fit_options("teacher").scale

    @property
    def _linear(self) -> bool:
        """Whether the vanilla student's predictions are linear in the labels."""
        return self.config.head == "ridge" and self.config.pseudolabels == "soft"

    def _given(self, m: int) -> bool:
        """Return whether a teacher is predictions: nothing of it is fitted."""
        return isinstance(self.teachers[m], Predictions)

    def _teacher(self, m: int, name: str) -> Teacher:
        raw, head = self._pool_scores[m], self.heads[m]
        return Teacher(
            name=name,
            head=head,
            scores=raw,
            pseudolabels=frozen(self._pseudolabels_of(raw)),
            held_out=cache(lambda: frozen(self._checked_held_out(m, name))),
            fit=partial(_no_further_head, name) if self._given(m) else partial(self._fit_teacher, m),
        )

    def _checked_held_out(self, m: int, name: str) -> Float:
        """Return the held-out scores of a teacher; predictions must speak on all labeled rows and have seen none."""
        self._check_counted(m, f"held-out scores of the teacher {name}")
        return self.teacher_held_out(m)

    def _check_counted(self, m: int, what: str) -> None:
        given = self.teachers[m]
        if isinstance(given, Predictions) and not given.counts[self.split.labeled].all():
            lost = len(self.Y) - int(given.counts[self.split.labeled].sum())
            msg = (
                f"this strategy needs {what} on all {len(self.Y):,} labeled rows: got predictions that abstain on, or "
                f"were trained on, {lost:,} of them. Use the strategy vanilla."
            )
            raise NotApplicableError(msg)

    def _fit(
        self,
        X: Features,
        targets: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        options: FitOptions | None = None,
    ) -> Scorer:
        return self.fits.fit(X, targets, options or self.config.fit_options("student"), sample_weight=sample_weight)

    def _fit_teacher(
        self,
        m: int,
        *,
        labels: ArrayLike | None = None,
        targets: ArrayLike | None = None,
        rows: Rows | None = None,
        sample_weight: ArrayLike | None = None,
        alpha: float | None = None,
    ) -> FurtherHead:
        options = self.config.fit_options("student" if labels is None and targets is not None else "teacher")
        X, Y = self._labeled[m], self.Y if labels is None else np.asarray(labels)
        if targets is not None:
            X, Y = self._pools[m], np.asarray(targets)
        if rows is not None:
            X, Y = X[rows], Y[rows]
        if labels is not None and targets is not None:
            X, Y = np.concatenate([self._labeled[m], X]), np.concatenate([np.asarray(labels), Y])
        if alpha is not None:
            options = replace(options, alpha=alpha)
        head = self.fits.fit(X, Y, options, sample_weight=sample_weight)
        labeled = frozen(head.scores(self._labeled[m]))
        return FurtherHead(head=head, scores=frozen(head.scores(self._pools[m])), labeled=labeled)

    def _student_of(self, pool: Features, alpha: float | None, scores: Float) -> Scorer:
        """Return the vanilla student of a teacher's scores on the pool, at the strength `alpha` if there is one."""
        options = self.config.fit_options("student")
        options = options if alpha is None else replace(options, alpha=alpha)
        return self.fits.fit(pool, self._pseudolabels_of(scores), options)

    def _pseudolabels_of(self, scores: Float) -> Float:
        return pseudolabels_of(self.heads[0], scores, hard=self.config.pseudolabels == "hard")  # all of one kind

    def teacher_held_out(self, m: int) -> Float:
        """Return the held-out scores of a teacher on the labeled rows; predictions as they are, see `counted`."""
        if self._given(m):
            return self.heads[m].scores(self._labeled[m])
        if self.config.head == "ridge":
            return left_out_scores(self._labeled[m], self.Y, alpha=self.heads[m].alpha, scale=self._scale)
        scores = np.empty_like(self.Y)
        for B, rest in self._folds:
            scores[B] = self._of_rows(m, rest).scores(self._labeled[m][B])
        return scores

    def _of_rows(self, m: int, rest: Rows) -> LinearHead:
        """Return a teacher's head on some of the labeled rows, at the strength of all rows."""
        options = replace(self.config.fit_options("teacher"), alpha=self.heads[m].alpha)
        return self.fits.fit(self._labeled[m][rest], self.Y[rest], options)

    def _student_held_out(self, vanilla: Scorer, pool: Features) -> Float:
        """Return the vanilla student's scores on the labeled rows, each left out of the teacher's labels."""
        if self._given(0):  # its pseudolabels contain no label of a labeled row, unless it was trained on one
            self._check_counted(0, "held-out scores of the vanilla student")
            return vanilla.scores(self.student.X[self.split.labeled])
        S = self._label_map(vanilla, pool)
        if S is not None:
            return S @ self.Y - np.diag(S)[:, None] * (self.Y - self.teacher_held_out(0))
        X, scores = self.student.X[self.split.labeled], np.empty_like(self.Y)
        for B, rest in self._folds:
            raw = self._of_rows(0, rest).scores(self._pools[0])
            scores[B] = self._student_of(pool, vanilla.alpha, raw).scores(X[B])
        return scores

    def _label_map(self, vanilla: Scorer, pool: Features) -> Float | None:
        if not self._linear or self._given(0):
            return None
        scale, L = self._scale, self.split.labeled
        teacher, student = self.teachers[0].X, self.student.X
        X_teacher, X_student = self._labeled[0], student[L]
        blocks = {"teacher": teacher, "student": student}
        moments = moments_of(blocks, rows=self.split.unlabeled)
        if scale == "standard":
            by_teacher, by_student = (deviations(X, np.ones(len(X))) for X in (X_teacher, pool))
            moments = _divided(moments, np.concatenate([by_teacher, by_student]))
            X_teacher, X_student = X_teacher / by_teacher, X_student / by_student
        on_labels = ridge_spectrum(self._labeled[0], scale=scale)
        on_pool = self.fits.spectrum(pool, scale)
        strengths = (self.heads[0].alpha, vanilla.alpha)
        S = student_map(on_labels, on_pool, moments, X_teacher=X_teacher, X_student=X_student, strengths=strengths)
        return frozen(S)


def _no_further_head(name: str, **_: object) -> FurtherHead:
    msg = (
        f"this strategy fits further heads of a teacher, which needs its features: got {name}, which is predictions. "
        "Use the strategy vanilla, or a teacher with features."
    )
    raise NotApplicableError(msg)


def _divided(moments: Moments, by: Float) -> Moments:
    """Return the moments of columns that are divided by these numbers."""
    return replace(moments, mean=moments.mean / by, scatter=moments.scatter / np.outer(by, by))
