r"""Excess risks under a spurious correlation at finite gamma and nu: a fixed point, solved to a stated accuracy.

As the core dimension grows with :math:`\gamma = d_z/n` and :math:`\nu = d_z/N` fixed, n times the inverse of the
teacher's Gram matrix tends to :math:`I \otimes G`. What one row adds to that matrix enters through
:math:`\gamma w^\top G w`, the row's leverage before it is its own, so that (with S, C as in `general_risks`)

.. math::
    G = E_\ell[ww^\top / (1 + \gamma w^\top G w)]^{-1}, \qquad ER_t = \sigma_y^2\gamma\operatorname{tr}(C_t G)

The student is trained on :math:`z^\top\Delta w` beside the truth, :math:`\Delta` being its teacher's error, of
which :math:`\sigma_y^2\gamma G` is the second moment. It fits what its features predict of w, :math:`M^\top\psi`,
by weighted least squares, and takes the rest, :math:`r = w - M^\top\psi`, for noise of variance
:math:`r^\top G r`, to which its own error V adds:

.. math::
    H &= E_u[\psi\psi^\top / (1 + \nu\psi^\top H\psi)]^{-1}, \quad \omega = 1/(1 + \nu\psi^\top H\psi), \quad
    M = E_u[\omega\psi\psi^\top]^{-1} E_u[\omega\psi w^\top] \\
    V &= H E_u[\omega^2 (r^\top G r + \nu\psi^\top V\psi)\psi\psi^\top] H, \qquad
    ER_s = \sigma_y^2\gamma [\operatorname{tr}(S_t M G M^\top) + \nu\operatorname{tr}(S_t V)]

With one constant feature each, these are :math:`\gamma/(1 - \gamma)` and so on: d / (n - d). A simulation at
core dimension :math:`d_z` differs by about :math:`1/d_z` of the risk. Within a Gaussian part of the law w given
:math:`\psi` has a linear mean and a constant variance, which leaves expectations over :math:`\psi`.
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
    """Expected excess risks over a grid of minority fractions, and how accurately they are known.

    Parameters
    ----------
    teacher : array of shape (L,)
        At every `eta_labeled`.
    student : array of shape (L, U)
        At every `eta_labeled` and `eta_unlabeled`.
    nodes : int
        Quadrature points for each of two sums.
    accuracy : float
        Largest relative change of a risk when half the nodes were doubled to these, or larger if the iteration
        left more.
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
    """G or H at one fraction, the weights 1/(1 + …) and the feedback on V that go with it, the error that is left."""

    origin: float
    centers: tuple[float, ...]
    points: Points
    solved: Axial
    omega: Float
    feedback: Float
    error: float

    @property
    def full(self) -> Float:
        """G or H itself."""
        return self.solved.full(self.points.frame)


def fixed_point_risks(
    model: SpuriousModel, *, eta_labeled: Sequence[float] | Float, eta_unlabeled: Sequence[float] | Float
) -> FixedPointRisks:
    """Return the risks at every pair of fractions, with quadratures doubled until nothing changes.

    Parameters
    ----------
    model : SpuriousModel
        All but its own `eta_labeled` and `eta_unlabeled`.
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
    """Return the risks of teachers and students with this many nodes, and the largest error an iteration left.

    Parameters
    ----------
    model : SpuriousModel
        As `fixed_point_risks`.
    eta_labeled, eta_unlabeled : sequence of float
        The same.
    nodes : int
        Quadrature points for each of two sums.
    """
    teachers = [_solve(model, eta, model.mu_teacher, rate=model.gamma, nodes=nodes) for eta in eta_labeled]
    pools = [_solve(model, eta, model.mu_student, rate=model.nu, nodes=nodes) for eta in eta_unlabeled]
    scale = model.noise_variance * model.gamma
    teacher = [
        float((second_moment(model, model.eta_test, of="teacher", origin=each.origin) * each.full).sum())
        for each in teachers
    ]
    student = [[_student(model, pool, each) for pool in pools] for each in teachers]
    return (
        scale * np.array(teacher),
        scale * np.array(student).reshape(len(teachers), len(pools)),
        max((each.error for each in (*teachers, *pools)), default=0.0),
    )


def _solve(model: SpuriousModel, eta: float, mu: Float, *, rate: float, nodes: int) -> _Equilibrium:
    """Return the fixed point of one system, by Newton's method on its four numbers."""
    parts = model.components(eta)
    points = quadrature(parts, mu, origin=eta, nodes=nodes)
    found = _total(points.moment(np.ones_like(points.weight))).inverse()
    step = before = np.inf
    for _ in range(MOST_STEPS):
        omega = 1 / (1 + rate * points.form(found))
        new = _newton(points, omega, found, rate=rate)
        before, step = step, _distance(new, found)
        found = new
        if step <= STEP or before <= step <= TOLERANCE:  # the second is rounding
            break
    omega = 1 / (1 + rate * points.form(found))
    return _Equilibrium(
        origin=eta,
        centers=tuple(part.at for part in parts),
        points=points,
        solved=found,
        omega=omega,
        feedback=_feedback(points, omega, found, rate=rate),
        error=step,
    )


def _newton(points: Points, omega: Float, found: Axial, *, rate: float) -> Axial:
    """Return one step of Newton's method; where it leaves the positive matrices, one of plain iteration.

    The plain iteration is monotone and shrinks multiples, and so always arrives (Yates 1995, IEEE Journal on
    Selected Areas in Communications 13), but takes 1 / (1 - rate p) times as many steps as digits.
    """
    plain = _total(points.moment(omega)).inverse()
    feedback = _feedback(points, omega, plain, rate=rate)
    change = np.linalg.solve(np.eye(4) - feedback, _numbers(plain) - _numbers(found))
    new = _axial(_numbers(found) + change)
    positive = new.block[0, 0] > 0 and np.linalg.det(new.block) > 0 and (new.rest > 0 or not points.others)
    return new if positive else plain


def _feedback(points: Points, omega: Float, H: Axial, *, rate: float) -> Float:
    """Return the linear map from V to ``rate H E[omega² psi'V psi psi psi'] H``, shape (4, 4)."""
    units = [_axial(unit) for unit in np.eye(4)]
    fed_back = [H @ _total(points.moment(omega**2 * points.form(V))) @ H for V in units]
    return rate * np.stack([_numbers(each) for each in fed_back], axis=1)


def _student(model: SpuriousModel, pool: _Equilibrium, teacher: _Equilibrium) -> float:
    """Return the student's risk in units of noise variance times gamma."""
    points, omega, G, Xi = pool.points, pool.omega, teacher.full, model.overlap
    S_t = second_moment(model, model.eta_test, of="student", origin=pool.origin)
    means = [expected_teacher(model, at, origins=(teacher.origin, pool.origin)) for at in pool.centers]
    moments = [moment.full(points.frame) for moment in points.moment(omega)]
    Mt = np.sum([mean @ moment for mean, moment in zip(means, moments, strict=True)], axis=0) @ pool.full
    unseen = float(np.trace(G[1:, 1:]) - ((Xi.T @ G[1:, 1:]) * Xi.T).sum())
    seen = [Axial.of((mean - Mt).T @ G @ (mean - Mt), points.frame) for mean in means]
    source = _total(points.moment(omega**2 * (points.form(*seen) + unseen)))
    fresh = _numbers(pool.solved @ source @ pool.solved)
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
