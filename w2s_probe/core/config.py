"""Every setting of an experiment and its default, written once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import product
from typing import Any, Literal

from w2s_probe.core.errors import require_setting
from w2s_probe.core.fit_options import RIDGE_POINTS, FitOptions, Head, Rule, default_points
from w2s_probe.core.limits import COUNTS, LARGEST_SEED, MOST_ROWS, check_axes, require_count

GroupBy = Literal["cell", "column"]
System = Literal["teacher", "student", "baseline", "ceiling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Which table, and which of its columns mean what.

    Parameters
    ----------
    data : str
        Path of a CSV, Parquet or NDJSON table, of a folder of images, or ``builtin:NAME``.
    text, image : str or None
        Column of the items: texts, or image files relative to the table's folder.
    label, group, id : str or None
        Columns of the ground truth, the group value and the row ids.
    split : str or None
        Column with the values labeled, unlabeled and test; other rows are drawn. Of train, val and
        test, or 0, 1 and 2, test is the test part, train is drawn from, and val takes no part.
    group_split : str or None
        Column of sources whose rows stay in one part.
    skip_damaged : bool
        Leave out rows whose image cannot be decoded, instead of refusing the data.
    """

    data: str
    text: str | None = None
    image: str | None = None
    label: str = "label"
    group: str | None = None
    id: str | None = None
    split: str | None = None
    group_split: str | None = None
    skip_damaged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


_BY_HEAD: dict[str, dict[str, Any]] = {
    "ridge": {"scale": "none", "student_alpha": "gcv", "alphas": RIDGE_POINTS},
    "softmax": {"scale": "standard", "student_alpha": "cv"},  # strengths depend on the number of classes
}


@dataclass(frozen=True, slots=True, kw_only=True)
class W2SConfig:
    """One weak-to-strong experiment on frozen features.

    Parameters
    ----------
    task : {"classification", "regression"}
        How labels are read.
    n_labeled, n_unlabeled, n_test : int or None
        Rows in each part; None is resolved by `splits.draw_splits`.
    seed, seeds : int
        Seeds ``seed … seed + seeds - 1`` each redraw the parts.
    head : {"ridge", "softmax"}
        Linear head on the frozen features.
    scale : {"none", "standard"}
        Scaling of features, fitted on a head's own training rows; by default none for ridge
        heads, standard for softmax heads.
    pseudolabels : {"soft", "hard"}
        Teacher's raw scores, or one-hot rows of its decisions.
    teacher_alpha : float or None
        A strength of the teacher's head; None chooses it.
    student_alpha : {"gcv", "cv"} or float
        Rule for the student's strength, which reads pseudolabels only: GCV for ridge heads,
        cross-validation for softmax heads. A number is the strength of student, baseline and
        ceiling.
    ceiling : {"U", "L+U"}
        Rows whose true labels the ceiling is trained on.
    alphas : int or None
        Strengths tried, from 1e-4 to 1e4 times the median positive eigenvalue of the centered Gram; by default 33
        for ridge heads, whose grid goes on while one of its ends is best, and 13 for softmax heads, 5 above 50
        classes.
    strategies : tuple of str
        How students learn; the verdict speaks of the first.
    settings : mapping
        ``{"STRATEGY.FIELD": value}`` for the strategies' own configs.
    level : float
        Level of every interval, in (0, 1).
    group_by : {"cell", "column"}
        Groups are cells of label and group value, or group values alone (always for regression).
    cue : mapping of label to value
        The usual group value of a label, where it is not the one that `groups.usual_values` finds.
    eta_labeled, eta_unlabeled, eta_test : float or None
        Fraction of rows within each class of a part whose group value conflicts with the usual one; None is
        the data's own.
    balance_classes : bool
        Whether all classes have the same share of every drawn part.
    """

    task: Literal["classification", "regression"] = "classification"
    n_labeled: int | None = None
    n_unlabeled: int | None = None
    n_test: int | None = None
    seed: int = 0
    seeds: int = 5
    head: Literal["ridge", "softmax"] = "ridge"
    scale: Literal["none", "standard"] | None = None
    pseudolabels: Literal["soft", "hard"] = "soft"
    teacher_alpha: float | None = None
    student_alpha: Literal["gcv", "cv"] | float | None = None
    ceiling: Literal["U", "L+U"] = "U"
    alphas: int | None = None
    strategies: tuple[str, ...] = ("vanilla",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    level: float = 0.95
    group_by: GroupBy = "cell"
    cue: Mapping[str, str] = field(default_factory=dict)
    eta_labeled: float | None = None
    eta_unlabeled: float | None = None
    eta_test: float | None = None
    balance_classes: bool = False

    def __post_init__(self) -> None:
        for name, value in _BY_HEAD[self.head].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        if self.task == "regression":
            classes_only = {"head": ("softmax", "ridge"), "pseudolabels": ("hard", "soft")}
            for name, (refused, instead) in classes_only.items():
                right, expected = getattr(self, name) != refused, f"{instead} for regression, which has no classes"
                require_setting(right, name, expected, refused, f"Use `{name}` {instead}.")
        self._check_strengths()
        self._check_groups()
        for name, (least, most) in COUNTS.items():
            require_count(getattr(self, name), name, least=least, most=most)
        require_setting(
            0 < self.level < 1, "level", "a number between 0 and 1", self.level, "Use 0.95 for 95 % intervals."
        )
        names = self.strategies
        distinct = bool(names) and len(set(names)) == len(names)
        require_setting(distinct, "strategies", "distinct names, at least one", list(names), "Name each strategy once.")

    def _check_strengths(self) -> None:
        rule, strength = _BY_HEAD[self.head]["student_alpha"], self.student_alpha
        expected, advice = f"{rule} or a number for {self.head} heads", f"Use {rule}, or give a strength."
        require_setting(not isinstance(strength, str) or strength == rule, "student_alpha", expected, strength, advice)
        for name in ("teacher_alpha", "student_alpha"):
            value = getattr(self, name)
            right = not isinstance(value, float) or 0 < value < math.inf
            require_setting(right, name, "finite and above 0", value, "Leave it out to have it chosen.")

    def _check_groups(self) -> None:
        for part, eta in self.etas.items():
            right = eta is None or 0 <= eta <= 1
            require_setting(
                right, f"eta_{part}", "a share between 0 and 1", eta, "It is a share of the rows of each class."
            )
        composed = {**{f"eta_{part}": eta for part, eta in self.etas.items()}, "balance_classes": self.balance_classes}
        for name, value in composed.items():
            right = self.task == "classification" or value is None or value is False
            require_setting(right, name, "left out for regression, which has no classes", value, "Remove it.")

    @property
    def etas(self) -> dict[str, float | None]:
        """Fraction of conflicting rows asked of each part; None is the data's own."""
        return {"labeled": self.eta_labeled, "unlabeled": self.eta_unlabeled, "test": self.eta_test}

    @property
    def all_etas(self) -> tuple[float | None, ...]:
        """Every fraction of conflicting rows that is asked for; None is the data's own."""
        return tuple(self.etas.values())

    @property
    def composed(self) -> bool:
        """Whether parts must have shares of their own, of classes or of conflicting rows."""
        return self.balance_classes or any(eta is not None for eta in self.etas.values())

    def fit_options(self, system: System) -> FitOptions:
        """Return how the head of a system is fitted.

        Parameters
        ----------
        system : {"teacher", "student", "baseline", "ceiling"}
            The system.
        """
        strength = self.teacher_alpha if system == "teacher" else self.student_alpha
        of_labels: Rule = "loo" if self.head == "ridge" else "cv"
        return FitOptions(
            kind=self.head,
            scale=self.scale or "none",
            points=self.alphas,
            alpha=strength if isinstance(strength, float) else None,
            rule=strength if system == "student" and isinstance(strength, str) else of_labels,
        )

    def to_dict(self, *, classes: int | None = None) -> dict[str, Any]:
        """Return the settings as plain values.

        Parameters
        ----------
        classes : int, optional
            Number of classes, on which the number of strengths depends if it is not given.
        """
        alphas = self.alphas or default_points(self.head, classes)
        return {**asdict(self), "alphas": alphas, "strategies": list(self.strategies)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseConfig:
    """How a pair of feature spaces is diagnosed.

    Parameters
    ----------
    energy : float
        Fraction of centered energy that a space's kept principal axes hold, in (0, 1], wherever
        overlap is measured.
    neighbors : int
        Neighbors of the maximum-likelihood dimension.
    mutual_neighbors : int
        Neighbors of the mutual overlap; at most `neighbors`.
    sample : int
        Rows, drawn by seed, for all that needs neighbors or cosines.
    seed : int
        Of everything drawn.
    """

    energy: float = 0.99
    neighbors: int = 20
    mutual_neighbors: int = 10
    sample: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        right = 0 < self.energy <= 1
        require_setting(right, "energy", "a share above 0 and at most 1", self.energy, "Use 0.99 for 99 %.")
        for name, least in {"neighbors": 2, "mutual_neighbors": 1, "sample": 3}.items():
            require_count(getattr(self, name), name, least=least, most=MOST_ROWS)
        require_count(self.seed, "seed", least=0, most=LARGEST_SEED)
        require_setting(
            self.mutual_neighbors <= self.neighbors,
            "mutual_neighbors",
            f"at most `neighbors`, {self.neighbors}",
            self.mutual_neighbors,
            "Lower it, or raise `neighbors`.",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)


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
        Kinds of linear heads.
    strategies : tuple of str
        How students learn.
    eta_labeled, eta_unlabeled : tuple of float or None
        Fractions of conflicting rows of the labeled part and of the pool.
    seeds : tuple of int
        Each redraws all parts.
    task : {"classification", "regression"}
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
    """

    n_labeled: tuple[int | None, ...] = (None,)
    n_unlabeled: tuple[int | None, ...] = (None,)
    teacher_alpha: tuple[float | None, ...] = (None,)
    student_alpha: tuple[float | None, ...] = (None,)
    head: tuple[Head, ...] = (_DEFAULT["head"],)
    strategies: tuple[str, ...] = _DEFAULT["strategies"]
    eta_labeled: tuple[float | None, ...] = (None,)
    eta_unlabeled: tuple[float | None, ...] = (None,)
    seeds: tuple[int, ...] = tuple(range(_DEFAULT["seed"], _DEFAULT["seed"] + _DEFAULT["seeds"]))
    task: Literal["classification", "regression"] = _DEFAULT["task"]
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

    def __post_init__(self) -> None:
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
    def all_etas(self) -> tuple[float | None, ...]:
        """Every fraction of conflicting rows that is asked for; None is the data's own."""
        return (*self.eta_labeled, *self.eta_unlabeled, self.eta_test)

    @property
    def composed(self) -> bool:
        """Whether parts must have shares of their own, of classes or of conflicting rows."""
        return self.balance_classes or any(eta is not None for eta in self.all_etas)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
