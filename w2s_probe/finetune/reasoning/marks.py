"""Marks of all decoders of one seed, of further teachers, and of the rounds of ``mutual``."""

from __future__ import annotations

from dataclasses import dataclass, field

from w2s_probe.datasets.arithmetic import Chain
from w2s_probe.finetune.reasoning.chains import Marks
from w2s_probe.finetune.reasoning.pretraining import Pretraining


@dataclass(frozen=True, eq=False, kw_only=True)
class Point:
    """One teacher of the curve: the value on its axis, its marks and its student's marks.

    Parameters
    ----------
    axis : str
        Setting that differs from the first teacher's.
    value : float
        Value of the setting.
    same_as : float or None
        An earlier value of the setting whose teacher has the same weights.
    pretraining : Pretraining
        Pre-training of the teacher.
    pool, teacher, traces : Marks
        The teacher on the pool and on test problems, and the student of its traces on test problems.
    """

    axis: str
    value: float
    same_as: float | None
    pretraining: Pretraining
    pool: Marks
    teacher: Marks
    traces: Marks


@dataclass(frozen=True, eq=False, kw_only=True)
class Round:
    """Both sides after one round of ``mutual``.

    Parameters
    ----------
    pairs : dict of side to int
        Pairs on which each side was trained.
    right : dict of side to float
        Share of these pairs in which the answer of the preferred trace is right and that of the other one is wrong.
    marks : dict of side to Marks
        Each side on test problems.
    """

    pairs: dict[str, int]
    right: dict[str, float]
    marks: dict[str, Marks]


@dataclass(frozen=True, eq=False, kw_only=True)
class SeedMarks:
    """Marks of all decoders of one seed.

    Parameters
    ----------
    test : list of Chain
        Test problems.
    marks : dict of system or student to Marks
        Marks on the test problems; a student without traces has none.
    pool : Marks
        Marks of the teacher's traces of the pool.
    rows : dict of student to int
        Traces on which each student was trained.
    pretraining : dict of side to Pretraining
        Pre-training of student and teachers.
    curve : list of Point
        Further teachers.
    rounds : list of Round
        Rounds of ``mutual``.
    """

    test: list[Chain]
    marks: dict[str, Marks]
    pool: Marks
    rows: dict[str, int]
    pretraining: dict[str, Pretraining]
    curve: list[Point] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
