"""The object that ``theory variance --json`` prints, as dataclasses: to be read back, shown, and described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.theory.variance.intrinsic_dimension import ExpectedErrors, IntrinsicDimension, SystemErrors
from w2s_probe.theory.variance.simulation import Simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorsAndRatios:
    """Mean squared errors against the truth, and what they amount to; null where undefined.

    Parameters
    ----------
    teacher, baseline : float
        Teacher and student features on the n labels.
    ceiling, ceiling_unlabeled : float
        Student features on true labels of n + N rows, or of the N.
    student_fresh, student_in_sample : float
        Weak-to-strong student on fresh points, and on the pool.
    pgr, pgr_unlabeled : float
        Share of the gap from teacher to either ceiling that the student closes.
    opr : float
        The baseline's error over the student's.
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
    """How the simulation was made.

    Parameters
    ----------
    trials : int
        Draws.
    seed : int
        Of all of them.
    """

    trials: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """The errors at other sizes.

    Parameters
    ----------
    n, N : int
        Labeled rows, and rows of the pool.
    expected : SystemErrors
        By the closed forms.
    simulated : mapping of name to Simulated, or None
        Measured beside them.
    """

    n: int
    N: int
    expected: SystemErrors
    simulated: Annotated[Mapping[str, Simulated] | None, Mark.UNLESS_NONE, BESIDE] = None


@dataclass(frozen=True, kw_only=True)
class VarianceOutput(Printed):
    """Expected errors and ratios of all systems, and the simulation beside them.

    Parameters
    ----------
    config : IntrinsicDimension
        Dimensions, sizes and noise.
    errors : ErrorsAndRatios
        Of the closed forms.
    variance, bias : SystemErrors
        The two parts of the errors.
    simulated : mapping of name to Simulated, or None
        The same measured.
    simulation : Simulation or None
        How.
    curve : tuple of SizePoint, or None
        Smaller and larger sizes, by n and then by N; only with ``--out``.
    """

    config: IntrinsicDimension
    errors: Annotated[ErrorsAndRatios, Mark.INLINE]
    variance: SystemErrors
    bias: SystemErrors
    simulated: Annotated[Mapping[str, Simulated] | None, Mark.UNLESS_NONE, BESIDE] = None
    simulation: Annotated[Simulation | None, Mark.UNLESS_NONE] = None
    curve: Annotated[tuple[SizePoint, ...] | None, Mark.UNLESS_NONE] = None

    @property
    def expected(self) -> ExpectedErrors:
        """The closed forms with their notes."""
        return ExpectedErrors(config=self.config, variance=self.variance, bias=self.bias)

    def conditions(self) -> Mapping[str, bool]:
        """Return what else must hold of an output, and whether it does."""
        simulated = [self.simulated, *(point.simulated for point in self.curve or ())]
        here = (self.config.n, self.config.N)
        return {
            "simulated must hold the same as the errors": all(
                one is None or set(one) == set(NAMES) for one in simulated
            ),
            "the curve must hold the sizes of config": self.curve is None
            or here in [(point.n, point.N) for point in self.curve],
            "sizes of the curve must be above 0": all(min(point.n, point.N) > 0 for point in self.curve or ()),
        }
