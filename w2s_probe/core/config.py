"""Every setting of an experiment and its default, written once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Literal

from w2s_probe.core.errors import require_setting
from w2s_probe.core.fit_options import RIDGE_POINTS, FitOptions, Head, Rule, default_points
from w2s_probe.core.limits import COUNTS, LARGEST_FILE, LARGEST_SEED, MOST_ROWS, require_count
from w2s_probe.core.serialize import Mark
from w2s_probe.core.setting_types import check_types

Task = Literal["classification", "regression", "preference"]
LabelTask = Literal["classification", "regression"]
GroupBy = Literal["cell", "column"]
System = Literal["teacher", "student", "baseline", "ceiling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Which table, and which of its columns mean what.

    Parameters
    ----------
    data : str or path
        Path of a table (CSV, TSV, Parquet, NDJSON, JSON, Arrow), a folder or pattern of such files, a folder or tar of
        images, ``hf:ORG/NAME[@CONFIG][#PART,…]``, or ``builtin:NAME``.
    text, image : str or None
        Column of the items: texts, or image files relative to the table's folder.
    prompt : str or None
        Column of prompts: an item is the prompt, two newlines and the text. Rows with one prompt stay in one part
        unless `group_split` names another column.
    label, group, id : str or None
        Columns of the ground truth, the group value and the row ids.
    split : str or None
        Column with the values labeled, unlabeled and test; other rows are drawn. Of train, val and
        test, or 0, 1 and 2, test is the test part, train is drawn from, and val takes no part.
    group_split : str or None
        Column of sources whose rows stay in one part.
    skip_damaged : bool
        Leave out rows whose image cannot be decoded, instead of refusing the data.
    max_bytes : int or None
        Most bytes that a compressed file may hold; None is 100 times its size.
    chosen, rejected : str or None
        Columns of preference pairs: preferred answers and other answers.
    score : str or None
        Column of the items' scores, from which preference pairs are made.
    criterion : {"better", "safer"}
        Which of PKU-SafeRLHF's two preferences is meant.
    teacher_saw : str or None
        Column of the rows that a ``labels:`` teacher was trained on (true or false), or ``all``.
    predictions : tuple of str
        Columns of ``labels:`` teachers; `pipeline.teachers` names them.
    file_parts : bool
        Whether names of files tell parts; verbs that are given a split file say no.
    """

    data: str
    text: str | None = None
    image: str | None = None
    prompt: str | None = None
    label: str = "label"
    group: str | None = None
    id: str | None = None
    split: str | None = None
    group_split: str | None = None
    skip_damaged: bool = False
    max_bytes: int | None = None
    chosen: str | None = None
    rejected: str | None = None
    score: str | None = None
    criterion: Literal["better", "safer"] = "better"
    teacher_saw: str | None = None
    predictions: Annotated[tuple[str, ...], Mark.HIDDEN] = ()
    file_parts: Annotated[bool, Mark.HIDDEN] = True

    def __post_init__(self) -> None:
        check_types(self, {"data": "Name a file, or call the verb with features and labels: run(X, Z, labels)."})
        require_count(self.max_bytes, "max_bytes", least=1, most=LARGEST_FILE)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; those of pairs, the limit and `teacher_saw` only where they are set."""
        plain = without_defaults(self, ("max_bytes", *PAIR_COLUMNS, "teacher_saw"))
        return {name: value for name, value in plain.items() if name not in ("predictions", "file_parts")}

    @property
    def own_parts(self) -> str | None:
        """The column or flag that replaces the parts that names of files tell, if there is one."""
        return self.split or (None if self.file_parts else "--split-file")

    @property
    def saw_column(self) -> str | None:
        """The column of the rows that a teacher was trained on, if there is one."""
        return None if self.teacher_saw == "all" else self.teacher_saw


PAIR_COLUMNS = ("chosen", "rejected", "score", "criterion")
PAIR_SETTINGS = ("items", "min_gap")


def without_defaults(config: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return a config's fields as plain values, without those of `names` that have their default.

    Parameters
    ----------
    config : dataclass
        A config.
    names : sequence of str
        Names of fields.
    """
    defaults = {each.name: each.default for each in fields(config) if each.name in names}
    return {name: value for name, value in asdict(config).items() if name not in defaults or value != defaults[name]}


def label_task(task: Task) -> LabelTask:
    """Return whether labels are classes, as the preferred sides of pairs are, or numbers.

    Parameters
    ----------
    task : {"classification", "regression", "preference"}
        The task.
    """
    return "regression" if task == "regression" else "classification"


def default_head(task: Task) -> Head:
    """Return the kind of heads of a task.

    Parameters
    ----------
    task : {"classification", "regression", "preference"}
        The task.
    """
    return "softmax" if task == "preference" else "ridge"


_BY_HEAD: dict[str, dict[str, Any]] = {
    "ridge": {"scale": "none", "student_alpha": "gcv", "alphas": RIDGE_POINTS},
    "softmax": {"scale": "standard", "student_alpha": "cv"},  # strengths depend on the number of classes
}


@dataclass(frozen=True, slots=True, kw_only=True)
class W2SConfig:
    """One weak-to-strong experiment on frozen features.

    Parameters
    ----------
    task : {"classification", "regression", "preference"}
        How labels are read. The rows of a preference task are pairs of items, and its features are the differences of
        their sides.
    n_labeled, n_unlabeled, n_test : int or None
        Rows in each part; None is resolved by `splits.draw_splits`.
    seed, seeds : int
        Seeds ``seed … seed + seeds - 1`` each redraw the parts.
    head : {"ridge", "softmax"} or None
        Linear head on the frozen features; by default ridge, and softmax without intercept (Bradley–Terry) for
        preference.
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
    items : tuple of int or None
        Items of the labeled part, the pool and the test part from which preference pairs are drawn; None is as many as
        `pair_draws.draw_pairs` says.
    min_gap : float or None
        Smallest difference of the scores of a pair's sides; None is the data's own, usually any difference.
    """

    task: Task = "classification"
    n_labeled: int | None = None
    n_unlabeled: int | None = None
    n_test: int | None = None
    seed: int = 0
    seeds: int = 5
    head: Literal["ridge", "softmax"] | None = None
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
    items: tuple[int, int, int] | None = None
    min_gap: float | None = None

    def __post_init__(self) -> None:
        check_types(self, {"seeds": "It counts the seeds, from `seed` on; SweepConfig takes a tuple of seeds."})
        if self.head is None:
            object.__setattr__(self, "head", default_head(self.task))
        for name, value in _BY_HEAD[self.kind].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        if self.task == "regression":
            classes_only = {"head": ("softmax", "ridge"), "pseudolabels": ("hard", "soft")}
            for name, (refused, instead) in classes_only.items():
                right, expected = getattr(self, name) != refused, f"{instead} for regression, which has no classes"
                require_setting(right, name, expected, refused, f"Use `{name}` {instead}.")
        self._check_pairs()
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

    def _check_pairs(self) -> None:
        if self.task == "preference":
            right, advice = self.kind == "softmax", "Remove `head`."
            require_setting(
                right, "head", "left out for preference, whose heads are Bradley–Terry heads", self.head, advice
            )
            expected, advice = "left out for preference, which has no groups", "Remove it."
            require_setting(self.group_by == "cell", "group_by", expected, self.group_by, advice)
            require_setting(not self.cue, "cue", expected, dict(self.cue), advice)
        else:
            for name in PAIR_SETTINGS:
                value = getattr(self, name)
                expected = f"left out for {self.task}, which has no pairs"
                require_setting(value is None, name, expected, value, "Remove it, or use `task` preference.")
        three = self.items is None or len(self.items) == len(self.etas)
        require_setting(
            three, "items", "three numbers: labeled, pool and test", self.items, "Use `items` 300,6000,2000."
        )
        for size in self.items or ():
            require_count(size, "items", least=2, most=MOST_ROWS)
        gap = self.min_gap
        right = gap is None or 0 <= gap < math.inf
        require_setting(right, "min_gap", "a finite number of at least 0", gap, "Leave it out to allow any difference.")

    def _check_strengths(self) -> None:
        rule, strength = _BY_HEAD[self.kind]["student_alpha"], self.student_alpha
        expected, advice = f"{rule} or a number for {self.kind} heads", f"Use {rule}, or give a strength."
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
            why = "regression, which has no classes" if self.task == "regression" else "preference, which has no groups"
            require_setting(right, name, f"left out for {why}", value, "Remove it.")

    @property
    def kind(self) -> Head:
        """Kind of the heads."""
        return self.head or default_head(self.task)

    @property
    def label_task(self) -> LabelTask:
        """Whether labels are classes, as the preferred sides of pairs are, or numbers."""
        return label_task(self.task)

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
        of_labels: Rule = "loo" if self.kind == "ridge" else "cv"
        return FitOptions(
            kind=self.kind,
            scale=self.scale or "none",
            points=self.alphas,
            alpha=strength if isinstance(strength, float) else None,
            rule=strength if system == "student" and isinstance(strength, str) else of_labels,
            intercept=self.task != "preference",
        )

    def to_dict(self, *, classes: int | None = None) -> dict[str, Any]:
        """Return the settings as plain values.

        Parameters
        ----------
        classes : int, optional
            Number of classes, on which the number of strengths depends if it is not given.
        """
        alphas = self.alphas or default_points(self.kind, classes)
        return {**without_defaults(self, PAIR_SETTINGS), "alphas": alphas, "strategies": list(self.strategies)}


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
        check_types(self, {})
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
