r"""Excess risks under a spurious correlation at finite gamma and nu: the fixed point of two equations.

As the core dimension grows with :math:`\gamma = d_z/n` and :math:`\nu = d_z/N` fixed, n times the inverse of the
teacher's Gram matrix tends to :math:`I \otimes G`. A row changes the inverse through :math:`\gamma w^\top G w`, its
leverage with respect to the other rows. Hence, with the second moments C of w and S of :math:`\psi` in
labeled rows (:math:`\ell`), pool (u) and test rows (t):

.. math::
    G = E_\ell[ww^\top / (1 + \gamma w^\top G w)]^{-1}, \qquad ER_t = \sigma_y^2\gamma\operatorname{tr}(C_t G)

The student is trained on the truth plus :math:`z^\top\Delta w`, with the teacher's error :math:`\Delta` of second
moment :math:`\sigma_y^2\gamma G`. It fits the part of w that its features predict, :math:`M^\top\psi`,
by weighted least squares. The remainder, :math:`r = w - M^\top\psi`, acts as noise of variance
:math:`r^\top G r`, and the student's own error V adds to this noise:

.. math::
    H &= E_u[\psi\psi^\top / (1 + \nu\psi^\top H\psi)]^{-1}, \quad \omega = 1/(1 + \nu\psi^\top H\psi), \quad
    M = E_u[\omega\psi\psi^\top]^{-1} E_u[\omega\psi w^\top] \\
    V &= H E_u[\omega^2 (r^\top G r + \nu\psi^\top V\psi)\psi\psi^\top] H, \qquad
    ER_s = \sigma_y^2\gamma [\operatorname{tr}(S_t M G M^\top) + \nu\operatorname{tr}(S_t V)]

If both systems have only the constant feature, the teacher's risk in units of :math:`\sigma_y^2` is
:math:`\gamma/(1 - \gamma) = d / (n - d)`. A simulation at
core dimension :math:`d_z` differs by about :math:`1/d_z` of the risk. Within a Gaussian component of the law, w given
:math:`\psi` has a linear mean and a constant variance, so that only expectations over :math:`\psi` are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float
from w2s_probe.theory.spurious.model import SpuriousModel, expected_teacher, second_moment
from w2s_probe.theory.spurious.quadrature import Axial, Points, quadrature

NODES = (24, 48, 96, 192, 384)
TOLERANCE = 1e-7  # relative change of every risk from one number of nodes to the next
STEP = 1e-12  # relative change at which an iteration ends
MOST_STEPS = 100


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FixedPointRisks:
    """Expected excess risks over a grid of minority fractions, with their numerical accuracy.

    Parameters
    ----------
    teacher : array of shape (L,)
        Risk at each `eta_labeled`.
    student : array of shape (L, U)
        Risk at each `eta_labeled` and `eta_unlabeled`.
    nodes : int
        Quadrature points in each of two sums.
    accuracy : float
        Largest relative change of a risk at the last doubling of the nodes, or the error of the iteration if that is
        larger.
    converged : bool
        Whether the accuracy reached 1e-7.
    """

    teacher: Float
    student: Float
    nodes: int
    accuracy: float
    converged: bool


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Equilibrium:
    """G or H at one minority fraction, with the weights omega, the feedback on V and the error of the iteration."""

    origin: float
    centers: tuple[float, ...]
    points: Points
    solution: Axial
    omega: Float
    feedback: Float
    error: float

    @property
    def full(self) -> Float:
        """G or H as a full matrix."""
        return self.solution.full(self.points.frame)


def fixed_point_risks(
    model: SpuriousModel, *, eta_labeled: Sequence[float] | Float, eta_unlabeled: Sequence[float] | Float
) -> FixedPointRisks:
    """Return the risks at every pair of fractions; the number of nodes doubles until the risks are stable.

    Parameters
    ----------
    model : SpuriousModel
        Its own `eta_labeled` and `eta_unlabeled` are not used.
    eta_labeled : sequence of float, length L
        Minority fractions of the labeled rows.
    eta_unlabeled : sequence of float, length U
        Minority fractions of the pool.
    """
    before = None
    for nodes in NODES:
        teacher, student, left = risks_with_nodes(model, eta_labeled, eta_unlabeled, nodes=nodes)
        now = np.concatenate([teacher, student.ravel()])
        if before is not None:
            change = np.abs(now - before) / np.where(now > 0, now, 1.0)
            accuracy = max(float(change.max(initial=0.0)), left)
            if accuracy <= TOLERANCE:
                break
        before = now
    return FixedPointRisks(
        teacher=teacher, student=student, nodes=nodes, accuracy=accuracy, converged=accuracy <= TOLERANCE
    )


def risks_with_nodes(
    model: SpuriousModel, eta_labeled: Sequence[float] | Float, eta_unlabeled: Sequence[float] | Float, *, nodes: int
) -> tuple[Float, Float, float]:
    """Return the risks of teachers, shape (L,), and students, shape (L, U), and the largest error of an iteration.

    `nodes` is the number of quadrature points in each of two sums; the other parameters are those of
    `fixed_point_risks`.
    """
    teachers = [_solve(model, eta, model.mu_teacher, rate=model.gamma, nodes=nodes) for eta in eta_labeled]
    pools = [_solve(model, eta, model.mu_student, rate=model.nu, nodes=nodes) for eta in eta_unlabeled]
    scale = model.noise_variance * model.gamma
    teacher_risks = [
        float((second_moment(model, model.eta_test, of="teacher", origin=teacher.origin) * teacher.full).sum())
        for teacher in teachers
    ]
    student_risks = [[_student(model, pool, teacher) for pool in pools] for teacher in teachers]
    return (
        scale * np.array(teacher_risks),
        scale * np.array(student_risks).reshape(len(teachers), len(pools)),
        max((solution.error for solution in (*teachers, *pools)), default=0.0),
    )


def _solve(model: SpuriousModel, eta: float, mu: Float, *, rate: float, nodes: int) -> _Equilibrium:
    """Return the fixed point of one system by Newton's method on the four numbers of its matrix."""
    parts = model.components(eta)
    points = quadrature(parts, mu, origin=eta, nodes=nodes)
    G = _total(points.moment(np.ones_like(points.weight))).inverse()
    step = before = np.inf
    for _ in range(MOST_STEPS):
        omega = 1 / (1 + rate * points.form(G))
        new = _newton(points, omega, G, rate=rate)
        before, step = step, _distance(new, G)
        G = new
        if step <= STEP or before <= step <= TOLERANCE:  # small steps that no longer shrink are rounding
            break
    omega = 1 / (1 + rate * points.form(G))
    return _Equilibrium(
        origin=eta,
        centers=tuple(part.at for part in parts),
        points=points,
        solution=G,
        omega=omega,
        feedback=_feedback(points, omega, G, rate=rate),
        error=step,
    )


def _newton(points: Points, omega: Float, G: Axial, *, rate: float) -> Axial:
    """Return one step of Newton's method, or of plain iteration if Newton's step is not positive definite.

    The plain iteration is monotone and scales sublinearly, so it always converges (Yates 1995, IEEE Journal on
    Selected Areas in Communications 13), but each digit takes 1 / (1 - rate p) steps.
    """
    plain = _total(points.moment(omega)).inverse()
    feedback = _feedback(points, omega, plain, rate=rate)
    change = np.linalg.solve(np.eye(4) - feedback, _numbers(plain) - _numbers(G))
    new = _axial(_numbers(G) + change)
    positive = new.block[0, 0] > 0 and np.linalg.det(new.block) > 0 and (new.rest > 0 or not points.off_axis)
    return new if positive else plain


def _feedback(points: Points, omega: Float, H: Axial, *, rate: float) -> Float:
    """Return the linear map from V to ``rate H E[omega² psi'V psi psi psi'] H`` on the four numbers, shape (4, 4)."""
    units = [_axial(unit) for unit in np.eye(4)]
    images = [H @ _total(points.moment(omega**2 * points.form(V))) @ H for V in units]
    return rate * np.stack([_numbers(image) for image in images], axis=1)


def _student(model: SpuriousModel, pool: _Equilibrium, teacher: _Equilibrium) -> float:
    """Return the student's risk in units of noise variance times gamma."""
    points, omega, G, Xi = pool.points, pool.omega, teacher.full, model.overlap
    S_t = second_moment(model, model.eta_test, of="student", origin=pool.origin)
    means = [expected_teacher(model, at, origins=(teacher.origin, pool.origin)) for at in pool.centers]
    moments = [moment.full(points.frame) for moment in points.moment(omega)]
    Mt = np.sum([mean @ moment for mean, moment in zip(means, moments, strict=True)], axis=0) @ pool.full
    constant = float(np.trace(G[1:, 1:]) - ((Xi.T @ G[1:, 1:]) * Xi.T).sum())  # from the variance of w given psi
    forms = [Axial.of((mean - Mt).T @ G @ (mean - Mt), points.frame) for mean in means]
    source = _total(points.moment(omega**2 * (points.form(*forms) + constant)))
    fresh = _numbers(pool.solution @ source @ pool.solution)
    V = _axial(np.linalg.solve(np.eye(4) - pool.feedback, fresh)).full(points.frame)
    return float((S_t * (Mt.T @ G @ Mt)).sum() + model.nu * (S_t * V).sum())


def _numbers(matrix: Axial) -> Float:
    return np.array([matrix.block[0, 0], matrix.block[0, 1], matrix.block[1, 1], matrix.rest])


def _axial(numbers: NDArray[np.floating]) -> Axial:
    a, b, c, rest = numbers
    return Axial(block=np.array([[a, b], [b, c]], dtype=np.float64), rest=float(rest))


def _total(parts: Sequence[Axial]) -> Axial:
    return Axial(block=np.sum([part.block for part in parts], axis=0), rest=sum(part.rest for part in parts))


def _distance(new: Axial, old: Axial) -> float:
    """Return the largest relative change of a diagonal entry."""
    before = np.array([*old.block.diagonal(), old.rest])
    change = np.abs(np.array([*new.block.diagonal(), new.rest]) - before)
    return float((change[before > 0] / before[before > 0]).max())
