"""The object that ``theory variance --json`` prints, as dataclasses that also read it and give its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar

from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.results.estimate import in_brief
from w2s_probe.theory.variance.intrinsic_dimension import ExpectedErrors, IntrinsicDimension, SystemErrors
from w2s_probe.theory.variance.simulation import Simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorsAndRatios:
    """Mean squared errors against the truth, PGR and OPR; null where undefined.

    Parameters
    ----------
    teacher, baseline : float
        Errors on new rows of heads on teacher and on student features, trained on the n labels.
    ceiling, ceiling_unlabeled : float
        Errors on new rows of heads on student features, trained on true labels of n + N rows or of the N pool rows.
    student_fresh, student_in_sample : float
        Errors of the weak-to-strong student on new rows, and on the pool.
    pgr, pgr_unlabeled : float
        Share of the gap from teacher to either ceiling that the student closes.
    opr : float
        The baseline's error divided by the student's error.
    """

    teacher: float
    baseline: float
    ceiling: float
    ceiling_unlabeled: float
    student_fresh: float
    student_in_sample: float
    pgr: float
    pgr_unlabeled: float
    opr: float


NAMES = tuple(field.name for field in fields(ErrorsAndRatios))
BESIDE = Keys(*NAMES, required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Settings of the simulation.

    Parameters
    ----------
    trials : int
        Number of draws.
    seed : int
        Seed of all draws.
    """

    trials: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """Errors at other sizes.

    Parameters
    ----------
    n, N : int
        Labeled rows and pool rows.
    expected : SystemErrors
        Expected errors, by the closed forms.
    simulated : mapping of name to Simulated, or None
        Simulated errors and ratios.
    """

    n: int
    N: int
    expected: SystemErrors
    simulated: Annotated[Mapping[str, Simulated] | None, Mark.UNLESS_NONE, BESIDE] = None


@dataclass(frozen=True, kw_only=True, repr=False)
class VarianceOutput(Printed):
    """Expected errors and ratios of all systems, and the simulated ones.

    Parameters
    ----------
    config : IntrinsicDimension
        Dimensions, sizes and noise.
    errors : ErrorsAndRatios
        Expected errors and ratios, by the closed forms.
    variance, bias : SystemErrors
        The two parts of the errors.
    simulated : mapping of name to Simulated, or None
        Simulated errors and ratios.
    simulation : Simulation or None
        Settings of the simulation.
    curve : tuple of SizePoint, or None
        Errors at other n, then at other N; only with ``--out``.
    """

    config: IntrinsicDimension
    errors: Annotated[ErrorsAndRatios, Mark.INLINE]
    variance: SystemErrors
    bias: SystemErrors
    simulated: Annotated[Mapping[str, Simulated] | None, Mark.UNLESS_NONE, BESIDE] = None
    simulation: Annotated[Simulation | None, Mark.UNLESS_NONE] = None
    curve: Annotated[tuple[SizePoint, ...] | None, Mark.UNLESS_NONE] = None

    also_shown: ClassVar = ("notes",)

    def decisive(self) -> Iterator[str]:
        """Yield the expected errors and the PGR."""
        errors = self.errors
        names = ("teacher", "baseline", "ceiling", "student_fresh")
        yield f"error: {', '.join(f'{name} {in_brief(getattr(errors, name))}' for name in names)}"
        yield f"pgr {in_brief(errors.pgr)}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about numbers that are right but surprising."""
        return self.expected.notes

    @property
    def expected(self) -> ExpectedErrors:
        """The closed forms with their notes."""
        return ExpectedErrors(config=self.config, variance=self.variance, bias=self.bias)

    def conditions(self) -> Mapping[str, bool]:
        """Return the conditions between fields that an output must meet, and whether each is met."""
        simulated = [self.simulated, *(point.simulated for point in self.curve or ())]
        here = (self.config.n, self.config.N)
        return {
            "simulated must have the same keys as the errors": all(
                errors is None or set(errors) == set(NAMES) for errors in simulated
            ),
            "curve must include the sizes of config": self.curve is None
            or here in [(point.n, point.N) for point in self.curve],
            "sizes in curve must be above 0": all(min(point.n, point.N) > 0 for point in self.curve or ()),
        }
