"""Settings of ``reason``: the task, the decoders, their training, and the sizes of the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from w2s_probe.core.decoder_sizes import parameters_of, sizes_near, width_of
from w2s_probe.core.errors import require_setting
from w2s_probe.core.limits import COUNTS, MOST_ROWS, require_count
from w2s_probe.core.setting_types import check_types

Method = Literal["w2sr", "mutual"]
LEAST_SIZE, MOST_SIZE = 4_000, 4_000_000  # parameters of a decoder
MOST_STEPS, MOST_MODULUS = 8, 10  # one digit for each number
AXES = ("teacher_size", "teacher_accuracy", "teacher_updates")
MOST_UPDATES = 100_000
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 10.0  # logits divided by less overflow
MUTUAL_ONLY = {"weak": "one teacher", "rounds": "no rounds", "beta": "no pairs", "sft": "no pairs"}  # what w2sr has
RANGES = {
    "teacher_accuracy": (0.0, 1.0),
    "student_accuracy": (0.0, 1.0),
    "lr": (0.0, 1.0),
    "beta": (0.0, 100.0),
    "sft": (0.0, 100.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonConfig:
    """Weak-to-strong reasoning of small decoders on generated arithmetic.

    Parameters
    ----------
    method : {"w2sr", "mutual"}
        One round of traces from teacher to student, or rounds of preferences in which both sides learn.
    weak : int
        Teachers of ``mutual``, from 1 to 3.
    rounds : int
        Rounds of ``mutual``, each on a part of the pool.
    n_labeled, n_unlabeled, n_test : int
        Problems with true traces, problems of the pool, and test problems.
    steps, modulus : int
        Operations of a problem, and the modulus of its arithmetic.
    teacher_size : tuple of int
        Parameters of the teacher, about; further values are points of the curve, each with another width.
    student_size : int
        Parameters of the student.
    teacher_accuracy : tuple of float
        Accuracy on facts at which the teacher's pre-training stops; further values are points of the curve.
    student_accuracy : float
        Accuracy on facts at which the student's pre-training stops.
    teacher_updates : tuple of int
        Updates of the teacher on the true traces; further values are points of the curve.
    updates : int
        Updates of each other decoder on its traces.
    lr : float
        Largest learning rate of tuning.
    samples : int
        Sampled traces of a problem, for self-consistent traces and for pairs of ``mutual``.
    temperature : float
        Temperature of sampled traces, from 0.01 to 10.
    beta, sft : float
        Strength of DPO, and weight of the likelihood of the preferred trace in ``mutual``.
    seed, seeds : int
        Seeds ``seed … seed + seeds - 1`` each draw problems and pre-train decoders again.
    level : float
        Level of the intervals, in (0, 1).
    """

    method: Method = "w2sr"
    weak: int = 1
    rounds: int = 3
    n_labeled: int = 200
    n_unlabeled: int = 800
    n_test: int = 500
    steps: int = 4
    modulus: int = 5
    teacher_size: tuple[int, ...] = (100_000,)
    student_size: int = 100_000
    teacher_accuracy: tuple[float, ...] = (0.6,)
    student_accuracy: float = 0.99
    teacher_updates: tuple[int, ...] = (100,)
    updates: int = 100
    lr: float = 1e-3
    samples: int = 5
    temperature: float = 1.0
    beta: float = 0.1
    sft: float = 0.2
    seed: int = 0
    seeds: int = 5
    level: float = 0.95

    def __post_init__(self) -> None:
        check_types(self, {})
        counts = {
            "weak": (1, 3),
            "rounds": (1, 20),
            "steps": (1, MOST_STEPS),
            "modulus": (2, MOST_MODULUS),
            "student_size": (LEAST_SIZE, MOST_SIZE),
            "updates": (1, MOST_UPDATES),
            "samples": (1, 1000),
            **{name: COUNTS[name] for name in ("n_labeled", "n_unlabeled", "n_test", "seed", "seeds")},
        }
        for name, (least, most) in counts.items():
            require_count(getattr(self, name), name, least=least, most=most)
        for name in AXES:
            _require_distinct(name, getattr(self, name))
        for size in self.teacher_size:
            require_count(size, "teacher_size", least=LEAST_SIZE, most=MOST_SIZE)
        _require_sizes(self.teacher_size)
        for updates in self.teacher_updates:
            require_count(updates, "teacher_updates", least=1, most=MOST_UPDATES)
        self._check_numbers()
        self._check_problems()
        self._check_method()

    def _check_numbers(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                expected = f"above {low:g} and at most {high:g}"
                require_setting(low < number <= high, name, expected, number, "Leave it out to use the default.")
        right = LEAST_TEMPERATURE <= self.temperature <= MOST_TEMPERATURE
        expected = f"between {LEAST_TEMPERATURE:g} and {MOST_TEMPERATURE:g}"
        require_setting(right, "temperature", expected, self.temperature, "Leave it out to use the default.")
        right, advice = 0 < self.level < 1, "Use 0.95 for 95 % intervals."
        require_setting(right, "level", "a number between 0 and 1", self.level, advice)

    def _check_problems(self) -> None:
        chains = self.modulus * (3 * self.modulus) ** self.steps
        asked = self.n_labeled + self.n_unlabeled + self.n_test
        expected = f"small enough for {min(chains, MOST_ROWS):,} distinct problems"
        advice = f"All parts together have {asked:,}: use smaller parts, more `steps` or a larger `modulus`."
        require_setting(asked <= min(chains, MOST_ROWS), "n_unlabeled", expected, self.n_unlabeled, advice)

    def _check_method(self) -> None:
        if self.method == "mutual":
            several = [name for name in AXES if len(getattr(self, name)) > 1]
            for name in several:
                expected, advice = "one value with `method` mutual, which has no curve", "Give one value."
                require_setting(False, name, expected, list(getattr(self, name)), advice)  # noqa: FBT003  # it is refused
            right = self.n_unlabeled >= 2 * (self.rounds + 1)
            expected = f"at least {2 * (self.rounds + 1)} for {self.rounds} rounds, which have a part each"
            require_setting(right, "n_unlabeled", expected, self.n_unlabeled, "Use fewer `rounds`.")
        else:
            defaults = {field.name: field.default for field in fields(self)}
            for name, reason in MUTUAL_ONLY.items():
                value, expected = getattr(self, name), f"left out for w2sr, which has {reason}"
                require_setting(value == defaults[name], name, expected, value, "Remove it, or use `method` mutual.")

    @property
    def all_seeds(self) -> Sequence[int]:
        """Every seed."""
        return range(self.seed, self.seed + self.seeds)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def _require_distinct(name: str, values: Sequence[object]) -> None:
    distinct = bool(values) and len(set(values)) == len(values)
    require_setting(distinct, name, "distinct values, at least one", list(values), "Name each value once.")


def _require_sizes(sizes: Sequence[int]) -> None:
    """Raise `ConfigError` if two sizes are those of one decoder."""
    given: dict[int, int] = {}
    for size in sizes:
        other = given.setdefault(width_of(size), size)
        if other != size:
            near = [f"{possible:,}" for possible in sizes_near(size)]
            expected = (
                f"sizes of different decoders, but {other:,} and {size:,} both have "
                f"{parameters_of(width_of(size)):,} parameters"
            )
            advice = f"Sizes nearby are {', '.join(near[:-1])} and {near[-1]}."
            require_setting(False, "teacher_size", expected, list(sizes), advice)  # noqa: FBT003  # it is refused
