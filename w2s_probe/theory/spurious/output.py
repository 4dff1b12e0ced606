"""The object that ``theory spurious --json`` prints, as dataclasses that also read it and give its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.results.estimate import in_brief
from w2s_probe.results.read import Read
from w2s_probe.theory.spurious.fractions import BestPool, Form
from w2s_probe.theory.spurious.model import Law
from w2s_probe.theory.spurious.risks import Risks
from w2s_probe.theory.variance.simulation import Simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class SpuriousConfig:
    """Settings of the model, and derived numbers that determine the risks.

    Parameters
    ----------
    law : {"gaussian", "mixture"}
        Law of the group feature.
    p, p_teacher, p_student : int
        Length of the group feature, of w and of psi.
    teacher_matrix, student_matrix : str
        SHA-256 of the numbers of each matrix.
    mu : tuple of float
        Minority mean minus majority mean of the group feature.
    sigma : float
        Standard deviation of the group feature.
    gamma, nu : float
        Core dimension divided by labeled rows and by pool rows.
    eta_labeled, eta_unlabeled, eta_test : float
        Minority fractions.
    noise_variance : float
        Variance of the label noise.
    overlap : float
        Sum of squared cosines between the directions of teacher and student.
    distance_teacher, distance_student : float
        Distance of the group means in the features of each system, in units of sigma.
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
    """Risks by the published formula, and whether the formula holds for this law.

    Parameters
    ----------
    teacher, student : float
        Squared errors against the truth, for small gamma and an infinite pool.
    pool_term : float
        Increase of the student's risk in a pool of finite size.
    applies : bool
        Whether the formula holds for this law.
    reason : str or None
        Why the formula does not hold.
    """

    teacher: float
    student: float
    pool_term: float
    applies: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPoint:
    """Risks at these gamma and nu, in the limit of a large core dimension.

    Parameters
    ----------
    teacher, student : float
        Squared errors against the truth.
    nodes : int
        Quadrature points in each of two sums.
    accuracy : float
        Relative change of a risk at the last doubling of the nodes.
    converged : bool
        Whether the accuracy is at most 1e-7.
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
        Which fractions are changed, and to which values.
    eta_labeled, eta_unlabeled : float
        Minority fractions after the change.
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
    """Settings of the simulation.

    Parameters
    ----------
    trials, seed : int
        Number of draws, and the seed of all draws.
    core_dimension, n, N : int
        Dimension of z, labeled rows and pool rows.
    """

    trials: int
    seed: int
    core_dimension: int
    n: int
    N: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EtaPoint:
    """Risks by every form at one pair of minority fractions.

    Parameters
    ----------
    eta_labeled, eta_unlabeled : float
        Minority fractions.
    published, general, fixed_point : Risks
        Risks by each form.
    """

    eta_labeled: float
    eta_unlabeled: float
    published: Risks
    general: Risks
    fixed_point: Risks


SMALL = 0.1  # relative error of the limit of small gamma above which a note says so
FORMS = Keys(*get_args(Form), required=True)
SYSTEMS = Keys("teacher", "student", required=True)


@dataclass(frozen=True, kw_only=True, repr=False)
class SpuriousOutput(Printed):
    """Excess risks by every form, at these and at other minority fractions, and the simulated risks.

    Parameters
    ----------
    config : SpuriousConfig
        Settings of the model.
    published : PublishedRisks
        Risks by the published formula.
    general : Risks
        Risks from second moments, at small gamma.
    fixed_point : FixedPoint
        Risks at this gamma and nu.
    best_eta_unlabeled : float
        Minority fraction of the pool with the smallest published risk; null if it makes no difference.
    best : mapping of form to BestPool
        Minority fraction of the pool with the smallest risk, by each form.
    moves : tuple of Move
        The fixed point at other fractions; the first entry has the fractions of `config`.
    call : {"helps", "hurts", "unresolved"}
        Whether the student's risk is below the teacher's, by the fixed point.
    simulated : mapping of system to Simulated, or None
        Simulated risks.
    simulation : SpuriousSimulation or None
        Settings of the simulation.
    curve : tuple of EtaPoint, or None
        Risks at other fractions of the pool, then of the labeled rows; only with ``--out``.
    read : Read or None
        Files of the matrices that were read; None in results of schema 1.
    file_notes : tuple of str, or None
        Sentences on the files of the matrices; None if there are none.
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
    read: Annotated[Read | None, Mark.UNLESS_NONE] = None
    file_notes: Annotated[tuple[str, ...] | None, Mark.UNLESS_NONE] = None

    also_shown: ClassVar = ("notes",)

    def decisive(self) -> Iterator[str]:
        """Yield the risks by the fixed point, the best pool, and the answer."""
        yield f"risk: teacher {in_brief(self.fixed_point.teacher)}, student {in_brief(self.fixed_point.student)}"
        yield f"best eta_unlabeled {in_brief(self.best_eta_unlabeled)}"
        yield self.call

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the files, and about numbers that are right but surprising."""
        c, fixed, closed = self.config, self.fixed_point, self.general
        notes = list(self.file_notes or ())
        above = [ratio(fixed.teacher, closed.teacher) - 1, ratio(fixed.student, closed.student) - 1]
        if max(above) > SMALL:
            notes.append(
                "The published formula and the second moments hold for small gamma and nu. At gamma p_t = "
                f"{c.gamma * c.p_teacher:.3g} and nu p_s = {c.nu * c.p_student:.3g} the risk by the fixed point is "
                f"{above[0]:.0%} above the second moments for the teacher and {above[1]:.0%} for the student: "
                "use the fixed point."
            )
        if not fixed.converged:
            notes.append(
                f"The fixed point has not converged: its relative error with {fixed.nodes} nodes is about "
                f"{fixed.accuracy:.2g}. The reason is gamma p_t or nu p_s close to 1, or groups far apart."
            )
        return tuple(notes)

    def conditions(self) -> Mapping[str, bool]:
        """Return the conditions between fields that an output must meet, and whether each is met."""
        c = self.config
        pairs = [*map(_pair, self.moves), *map(_pair, self.curve or ())]
        etas = [c.eta_labeled, c.eta_unlabeled, c.eta_test, *(eta for pair in pairs for eta in pair)]
        here = (c.eta_labeled, c.eta_unlabeled)
        return {
            "fractions must lie between 0 and 1": all(0 <= eta <= 1 for eta in etas),
            "best must have published, general and fixed_point": set(self.best) == set(get_args(Form)),
            "the first entry of moves must have the fractions of config": bool(self.moves)
            and _pair(self.moves[0]) == here,
            "curve must include the fractions of config": not self.curve or here in map(_pair, self.curve),
            "simulated must have teacher and student": self.simulated is None
            or set(self.simulated) == {"teacher", "student"},
            "simulated and simulation must both be present or absent": (self.simulated is None)
            == (self.simulation is None),
            "gamma must be above 0": c.gamma > 0 and c.p_teacher > 1 and c.p_student > 1,
        }


def _pair(point: Move | EtaPoint) -> tuple[float, float]:
    return point.eta_labeled, point.eta_unlabeled


def ratio(risk: float, other: float) -> float:
    """Return one risk divided by another; 1 where both are 0, as they are without noise."""
    return risk / other if other > 0 else 1.0
