"""Settings of a sweep: the axes of its grid, and what all cells share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import product
from typing import Any, Literal

from w2s_probe.core.config import (
    PAIR_SETTINGS,
    GroupBy,
    LabelTask,
    Task,
    W2SConfig,
    default_head,
    label_task,
    without_defaults,
)
from w2s_probe.core.fit_options import Head
from w2s_probe.core.limits import check_axes
from w2s_probe.core.setting_types import check_types

AXES = (
    "n_labeled",
    "n_unlabeled",
    "teacher_alpha",
    "student_alpha",
    "head",
    "strategies",
    "eta_labeled",
    "eta_unlabeled",
    "seeds",
)
_DEFAULT: dict[str, Any] = {each.name: each.default for each in fields(W2SConfig)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """Weak-to-strong experiments on a grid: the product of the axes, each a tuple of distinct values.

    Parameters
    ----------
    n_labeled, n_unlabeled : tuple of int or None
        Sizes of the labeled part and of the pool; None is resolved by `splits.draw_grid`.
    teacher_alpha, student_alpha : tuple of float or None
        Strengths of the heads, with the meaning they have in `W2SConfig`; None chooses them.
    head : tuple of {"ridge", "softmax"}
        Kinds of linear heads; empty for the default of the task.
    strategies : tuple of str
        How students learn.
    eta_labeled, eta_unlabeled : tuple of float or None
        Fractions of conflicting rows of the labeled part and of the pool.
    seeds : tuple of int
        Each redraws all parts.
    task : {"classification", "regression", "preference"}
        As in `W2SConfig`, like all fields below: the same for the whole grid.
    n_test : int or None
        Test rows.
    scale : {"none", "standard"} or None
        Scaling of features.
    pseudolabels : {"soft", "hard"}
        Scores or decisions.
    ceiling : {"U", "L+U"}
        Rows of the ceiling.
    alphas : int or None
        Strengths tried.
    settings : mapping
        Strategies' own settings.
    level : float
        Level of every interval, in (0, 1).
    group_by : {"cell", "column"}
        What a group is.
    cue : mapping of label to value
        Usual group values.
    eta_test : float or None
        Fraction of conflicting test rows.
    balance_classes : bool
        Whether all classes have the same share.
    items, min_gap : tuple of int, float, or None
        How preference pairs are drawn.
    """

    n_labeled: tuple[int | None, ...] = (None,)
    n_unlabeled: tuple[int | None, ...] = (None,)
    teacher_alpha: tuple[float | None, ...] = (None,)
    student_alpha: tuple[float | None, ...] = (None,)
    head: tuple[Head, ...] = ()
    strategies: tuple[str, ...] = _DEFAULT["strategies"]
    eta_labeled: tuple[float | None, ...] = (None,)
    eta_unlabeled: tuple[float | None, ...] = (None,)
    seeds: tuple[int, ...] = tuple(range(_DEFAULT["seed"], _DEFAULT["seed"] + _DEFAULT["seeds"]))
    task: Task = _DEFAULT["task"]
    n_test: int | None = None
    scale: Literal["none", "standard"] | None = None
    pseudolabels: Literal["soft", "hard"] = _DEFAULT["pseudolabels"]
    ceiling: Literal["U", "L+U"] = _DEFAULT["ceiling"]
    alphas: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    level: float = _DEFAULT["level"]
    group_by: GroupBy = _DEFAULT["group_by"]
    cue: Mapping[str, str] = field(default_factory=dict)
    eta_test: float | None = None
    balance_classes: bool = _DEFAULT["balance_classes"]
    items: tuple[int, int, int] | None = None
    min_gap: float | None = None

    def __post_init__(self) -> None:
        check_types(self, {"seeds": "Name each seed: range(5) are the seeds 0 to 4."})
        if not self.head:
            object.__setattr__(self, "head", (default_head(self.task),))
        check_axes({name: getattr(self, name) for name in AXES})
        for head in self.head:
            for strengths in product(self.teacher_alpha, self.student_alpha):
                self.run_config(head, *strengths)
        for etas in product(self.eta_labeled, self.eta_unlabeled):
            self.run_config(self.head[0], None, None, etas)
        for name in ("n_labeled", "n_unlabeled"):
            for size in getattr(self, name):
                W2SConfig(**{name: size})
        for seed in (min(self.seeds), max(self.seeds)):
            W2SConfig(seed=seed)

    def run_config(
        self,
        head: Head,
        teacher_alpha: float | None,
        student_alpha: float | None,
        etas: tuple[float | None, float | None] = (None, None),
    ) -> W2SConfig:
        """Return the experiment at one kind of head and two strengths; sizes and seeds are not in it.

        Parameters
        ----------
        head : {"ridge", "softmax"}
            Of the axis.
        teacher_alpha, student_alpha : float or None
            Of their axes.
        etas : tuple of float or None
            Fractions of conflicting rows of the labeled part and of the pool, of their axes.
        """
        single = {each.name for each in fields(W2SConfig)} & {each.name for each in fields(self)} - set(AXES)
        return W2SConfig(
            head=head,
            teacher_alpha=teacher_alpha,
            student_alpha=student_alpha,
            strategies=self.strategies,
            eta_labeled=etas[0],
            eta_unlabeled=etas[1],
            **{name: getattr(self, name) for name in single},
        )

    @property
    def label_task(self) -> LabelTask:
        """Whether labels are classes, as the preferred sides of pairs are, or numbers."""
        return label_task(self.task)

    @property
    def all_etas(self) -> tuple[float | None, ...]:
        """Every fraction of conflicting rows that is asked for; None is the data's own."""
        return (*self.eta_labeled, *self.eta_unlabeled, self.eta_test)

    @property
    def composed(self) -> bool:
        """Whether parts must have shares of their own, of classes or of conflicting rows."""
        return self.balance_classes or any(eta is not None for eta in self.all_etas)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        plain = without_defaults(self, PAIR_SETTINGS)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
