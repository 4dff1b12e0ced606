"""The object that ``theory spurious --json`` prints, as dataclasses: to be read back, shown, and described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.theory.spurious.fractions import BestPool, Form
from w2s_probe.theory.spurious.model import Law
from w2s_probe.theory.spurious.risks import Risks
from w2s_probe.theory.variance.simulation import Simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class SpuriousConfig:
    """What was asked, and what of it decides the risks.

    Parameters
    ----------
    law : {"gaussian", "mixture"}
        Of the group feature.
    p, p_teacher, p_student : int
        Length of the group feature, and of w and psi.
    teacher_matrix, student_matrix : str
        SHA-256 of the matrices' numbers.
    mu : tuple of float
        Distance of the minority's mean from the majority's.
    sigma : float
        Standard deviation of the group feature.
    gamma, nu : float
        Core dimension for each labeled row and for each row of the pool.
    eta_labeled, eta_unlabeled, eta_test : float
        Minority fractions.
    noise_variance : float
        Variance of the label noise.
    overlap : float
        Sum of squared cosines between the directions of teacher and student.
    distance_teacher, distance_student : float
        Distance of the groups as either sees it, in units of sigma.
    """

    law: Law
    p: int
    p_teacher: int
    p_student: int
    teacher_matrix: str
    student_matrix: str
    mu: tuple[float, ...]
    sigma: float
    gamma: float
    nu: float
    eta_labeled: float
    eta_unlabeled: float
    eta_test: float
    noise_variance: float
    overlap: float
    distance_teacher: float
    distance_student: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRisks:
    """Risks by the published formula, and whether it is for this law.

    Parameters
    ----------
    teacher, student : float
        Squared errors against the truth, at small gamma and with an endless pool.
    pool_term : float
        What a pool of finite size adds to the student.
    applies : bool
        Whether the law is the formula's.
    reason : str or None
        Why not.
    """

    teacher: float
    student: float
    pool_term: float
    applies: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPoint:
    """Risks at these gamma and nu, as the core dimension grows.

    Parameters
    ----------
    teacher, student : float
        Squared errors against the truth.
    nodes : int
        Quadrature points for each of two sums.
    accuracy : float
        Relative change of a risk when the nodes were last doubled.
    converged : bool
        Whether that is at most 1e-7.
    """

    teacher: float
    student: float
    nodes: int
    accuracy: float
    converged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The fixed point at other minority fractions.

    Parameters
    ----------
    name : str
        What was moved.
    eta_labeled, eta_unlabeled : float
        Where to.
    teacher, student : float
        Squared errors against the truth.
    """

    name: str
    eta_labeled: float
    eta_unlabeled: float
    teacher: float
    student: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpuriousSimulation:
    """How the simulation was made.

    Parameters
    ----------
    trials, seed : int
        Draws, and the seed of all of them.
    core_dimension, n, N : int
        Of z, labeled rows, and rows of the pool.
    """

    trials: int
    seed: int
    core_dimension: int
    n: int
    N: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EtaPoint:
    """The risks by every form at one pair of fractions.

    Parameters
    ----------
    eta_labeled, eta_unlabeled : float
        Minority fractions.
    published, general, fixed_point : Risks
        By each form.
    """

    eta_labeled: float
    eta_unlabeled: float
    published: Risks
    general: Risks
    fixed_point: Risks


SMALL = 0.1  # part by which the limit of small gamma may fall short before it is said
FORMS = Keys(*get_args(Form), required=True)
SYSTEMS = Keys("teacher", "student", required=True)


@dataclass(frozen=True, kw_only=True)
class SpuriousOutput(Printed):
    """Excess risks by every form, what the minority's fractions do to them, and the simulation beside them.

    Parameters
    ----------
    config : SpuriousConfig
        What was asked.
    published : PublishedRisks
        By the published formula.
    general : Risks
        From second moments, at small gamma.
    fixed_point : FixedPoint
        At this gamma and nu.
    best_eta_unlabeled : float
        Minority fraction of the pool at which the published risk is least; null if it makes no difference.
    best : mapping of form to BestPool
        The same by every form.
    moves : tuple of Move
        The fixed point at other fractions; the first is as asked.
    call : {"helps", "hurts", "unresolved"}
        Whether the student errs less than its teacher, by the fixed point.
    simulated : mapping of system to Simulated, or None
        The risks measured.
    simulation : SpuriousSimulation or None
        How.
    curve : tuple of EtaPoint, or None
        Other fractions of the pool, then of the labeled rows; only with ``--out``.
    """

    config: SpuriousConfig
    published: PublishedRisks
    general: Risks
    fixed_point: FixedPoint
    best_eta_unlabeled: float
    best: Annotated[Mapping[str, BestPool], FORMS]
    moves: tuple[Move, ...]
    call: Literal["helps", "hurts", "unresolved"]
    simulated: Annotated[Mapping[str, Simulated] | None, Mark.UNLESS_NONE, SYSTEMS] = None
    simulation: Annotated[SpuriousSimulation | None, Mark.UNLESS_NONE] = None
    curve: Annotated[tuple[EtaPoint, ...] | None, Mark.UNLESS_NONE] = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is right but surprising about these numbers, in sentences."""
        c, fixed, closed = self.config, self.fixed_point, self.general
        notes = []
        above = [ratio(fixed.teacher, closed.teacher) - 1, ratio(fixed.student, closed.student) - 1]
        if max(above) > SMALL:
            notes.append(
                "Published formula and second moments hold at small gamma and nu. At gamma p_t = "
                f"{c.gamma * c.p_teacher:.3g} and nu p_s = {c.nu * c.p_student:.3g} the fixed point lies "
                f"{above[0]:.0%} above the second moments for the teacher, {above[1]:.0%} for the student: "
                "believe the fixed point."
            )
        if not fixed.converged:
            notes.append(
                f"The fixed point has not converged: with {fixed.nodes} nodes it still changed by a fraction of "
                f"{fixed.accuracy:.2g}. Gamma p_t or nu p_s close to 1, or groups far apart, make it hard."
            )
        return tuple(notes)

    def conditions(self) -> Mapping[str, bool]:
        """Return what else must hold of an output, and whether it does."""
        c = self.config
        etas = [c.eta_labeled, c.eta_unlabeled, c.eta_test]
        etas += [eta for each in (*map(_pair, self.moves), *map(_pair, self.curve or ())) for eta in each]
        here = (c.eta_labeled, c.eta_unlabeled)
        return {
            "fractions must lie between 0 and 1": all(0 <= eta <= 1 for eta in etas),
            "best must hold published, general and fixed_point": set(self.best) == set(get_args(Form)),
            "moves must begin as asked": bool(self.moves) and _pair(self.moves[0]) == here,
            "the curve must hold the fractions of config": not self.curve or here in map(_pair, self.curve),
            "simulated must hold teacher and student": self.simulated is None
            or set(self.simulated) == {"teacher", "student"},
            "simulated and simulation must come together": (self.simulated is None) == (self.simulation is None),
            "gamma must be above 0": c.gamma > 0 and c.p_teacher > 1 and c.p_student > 1,
        }


def _pair(each: Move | EtaPoint) -> tuple[float, float]:
    return each.eta_labeled, each.eta_unlabeled


def ratio(risk: float, other: float) -> float:
    """Return one risk over another; 1 without noise, which leaves none."""
    return risk / other if other > 0 else 1.0
