r"""Excess risks under a spurious correlation, in closed form: Liu, Dong and Lei (2026).

In units of sigma, with :math:`D = \mu_T - \Xi\mu_S`, the published formula is

.. math::
    ER_t &= \sigma_y^2 \gamma [p_t + (\eta_t - \eta_\ell)^2 \lVert\mu_T\rVert^2] \\
    ER_s &= \sigma_y^2 \gamma [1 + \lVert\Xi\rVert_F^2
            + \lVert(\eta_u - \eta_\ell)\mu_T + (\eta_t - \eta_u)\Xi\mu_S\rVert^2]

with :math:`\eta_\ell, \eta_u, \eta_t` the minority fractions of labeled rows, pool and test rows. A pool of finite
size adds :math:`\nu (p_t - 1 - \lVert\Xi\rVert_F^2)
(p_s + (\eta_t - \eta_u)^2 \lVert\mu_S\rVert^2)` inside the student's brackets. :math:`ER_s` for an infinite pool is
smallest at :math:`\eta_u = D^\top(\eta_\ell\mu_T - \eta_t\Xi\mu_S) / \lVert D\rVert^2`.

The formula has two limits. It holds for small :math:`\gamma`: at :math:`\gamma p_t = .2` simulated risks are a third
to a half larger. And it holds for the gaussian law only. For any law, at small :math:`\gamma`, the second moments
:math:`C_a = E_a[ww^\top]`, :math:`S_a = E_a[\psi\psi^\top]`, :math:`M = S_u^{-1} E_u[\psi w^\top]` and
:math:`R = C_u - E_u[w\psi^\top] M` give

.. math::
    ER_t = \sigma_y^2 \gamma \operatorname{tr}(C_t C_\ell^{-1}), \qquad
    ER_s = \sigma_y^2 \gamma [\operatorname{tr}(S_t M C_\ell^{-1} M^\top)
           + \nu \operatorname{tr}(C_\ell^{-1} R) \operatorname{tr}(S_t S_u^{-1})]

which for the gaussian law is the published formula with its pool term. The last product assumes that the part of
the teacher's features outside the student's space is independent of the student's features. Under the mixture law it
is not, so that at order :math:`\nu` only the fixed point (`fixed_point_risks`) is right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from w2s_probe.theory.spurious.model import ORTHONORMAL, SpuriousModel, cross_moment, second_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Risks:
    """Expected excess risks of teacher and weak-to-strong student on test rows.

    Parameters
    ----------
    teacher, student : float
        Squared errors against the truth, without label noise.
    """

    teacher: float
    student: float


def published_risks(model: SpuriousModel) -> Risks:
    """Return the risks by the published formula, for an infinite pool.

    Parameters
    ----------
    model : SpuriousModel
        Its law is not used: the formula is that of the gaussian law.
    """
    m, overlap = model, model.overlap
    shared = overlap @ m.mu_student
    moved = (m.eta_unlabeled - m.eta_labeled) * m.mu_teacher + (m.eta_test - m.eta_unlabeled) * shared
    scale = m.noise_variance * m.gamma
    return Risks(
        teacher=scale * (m.p_teacher + (m.eta_test - m.eta_labeled) ** 2 * float(m.mu_teacher @ m.mu_teacher)),
        student=scale * (1 + float((overlap**2).sum()) + float(moved @ moved)),
    )


def published_pool_term(model: SpuriousModel) -> float:
    """Return the increase of the student's published risk in a pool of finite size; the model's law is not used."""
    m = model
    outside = m.p_teacher - 1 - float((m.overlap**2).sum())
    spread = m.p_student + (m.eta_test - m.eta_unlabeled) ** 2 * float(m.mu_student @ m.mu_student)
    return m.noise_variance * m.gamma * m.nu * outside * spread


def general_risks(model: SpuriousModel) -> Risks:
    """Return the risks from second moments, for the law of the model.

    Parameters
    ----------
    model : SpuriousModel
        Every feature must vary in labeled rows and pool, which a positive sigma ensures.

    Examples
    --------
    A minority that is a group of rows of its own raises the risk less than one that moves the whole cloud.

    >>> from dataclasses import replace
    >>> I = np.eye(6)
    >>> model = SpuriousModel(
    ...     law="gaussian", T=I[:, :3], S=I[:, 3:5], mu=np.array([2.0, 0, 1, 1, 0, 0]), sigma=1, gamma=0.01,
    ...     nu=0.0025, eta_labeled=0.5, eta_unlabeled=0.1, eta_test=0.5, noise_variance=1,
    ... )  # fmt: skip
    >>> round(general_risks(model).student, 6), round(general_risks(replace(model, law="mixture")).student, 6)
    (0.018237, 0.013398)
    """
    labeled, pool, test = model.eta_labeled, model.eta_unlabeled, model.eta_test
    C_l, C_u, C_t = (second_moment(model, eta, of="teacher", origin=labeled) for eta in (labeled, pool, test))
    S_u, S_t = (second_moment(model, eta, of="student", origin=pool) for eta in (pool, test))
    cross = cross_moment(model, pool, origins=(labeled, pool)).T
    M = np.linalg.solve(S_u, cross)
    inherited = np.trace(S_t @ M @ np.linalg.solve(C_l, M.T))
    outside = np.trace(np.linalg.solve(C_l, C_u - cross.T @ M))
    scale = model.noise_variance * model.gamma
    return Risks(
        teacher=scale * float(np.trace(np.linalg.solve(C_l, C_t))),
        student=scale * float(inherited + model.nu * outside * np.trace(np.linalg.solve(S_u, S_t))),
    )


def best_eta_unlabeled(model: SpuriousModel) -> float:
    """Return the pool's minority fraction, from 0 to 1/2, with the smallest published risk.

    NaN if the fraction makes no difference. The model's law and its `eta_unlabeled` are not used.
    """
    shared = model.overlap @ model.mu_student
    D = model.mu_teacher - shared
    size = float(D @ D)
    if size <= ORTHONORMAL**2 * float(model.mu_teacher @ model.mu_teacher + shared @ shared):
        return math.nan
    best = float(D @ (model.eta_labeled * model.mu_teacher - model.eta_test * shared)) / size
    return min(max(best, 0.0), 0.5)
