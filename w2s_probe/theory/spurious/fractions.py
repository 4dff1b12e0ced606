"""Risks of a spurious correlation over minority fractions of labeled rows and pool, and the best pool fraction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Float
from w2s_probe.theory.spurious.fixed_point import fixed_point_risks, risks_with_nodes
from w2s_probe.theory.spurious.model import SpuriousModel
from w2s_probe.theory.spurious.risks import Risks, best_eta_unlabeled, general_risks, published_risks

Form = Literal["published", "general", "fixed_point"]
MOST = 0.5  # largest fraction of a minority
FLAT = 1e-6  # relative range of a risk below which no fraction is the best


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RiskGrid:
    """Excess risks at every pair of fractions.

    Parameters
    ----------
    eta_labeled : array of shape (L,)
        Minority fractions of the labeled rows.
    eta_unlabeled : array of shape (U,)
        Minority fractions of the pool.
    teacher, student : array of shape (L, U)
        Squared errors against the truth; the teacher's error does not depend on the pool.
    """

    eta_labeled: Float
    eta_unlabeled: Float
    teacher: Float
    student: Float

    @property
    def gain(self) -> Float:
        """The teacher's risk minus the student's risk; above 0 weak-to-strong helps."""
        return self.teacher - self.student


@dataclass(frozen=True, slots=True, kw_only=True)
class BestPool:
    """The minority fraction of the pool with the smallest risk of the student.

    Parameters
    ----------
    eta_unlabeled : float
        Minority fraction of the pool, from 0 to 1/2; NaN if it makes no difference.
    student : float
        Risk of the student at this fraction.
    """

    eta_unlabeled: float
    student: float


def spurious_risks(
    model: SpuriousModel, *, eta_labeled: ArrayLike, eta_unlabeled: ArrayLike, form: Form = "fixed_point"
) -> RiskGrid:
    """Return the risks over a grid of minority fractions.

    Parameters
    ----------
    model : SpuriousModel
        Its own `eta_labeled` and `eta_unlabeled` are not used.
    eta_labeled : array of shape (L,)
        Minority fractions of the labeled rows, from 0 to 1.
    eta_unlabeled : array of shape (U,)
        Minority fractions of the pool, from 0 to 1.
    form : {"published", "general", "fixed_point"}
        The formula to use.

    Raises
    ------
    ConfigError
        If a fraction does not lie between 0 and 1, or the form does not exist.

    Examples
    --------
    >>> I = np.eye(6)
    >>> model = SpuriousModel(
    ...     law="gaussian", T=I[:, :3], S=I[:, 3:5], mu=np.array([2.0, 0, 1, 1, 0, 0]), sigma=1, gamma=0.01,
    ...     nu=0.0025, eta_labeled=0.5, eta_unlabeled=0.1, eta_test=0.5, noise_variance=1,
    ... )  # fmt: skip
    >>> spurious_risks(model, eta_labeled=[0.1, 0.5], eta_unlabeled=[0.1, 0.3], form="published").student
    array([[0.01 , 0.012],
           [0.018, 0.012]])
    """
    if form not in get_args(Form):
        msg = f"the form of the risks must be published, general or fixed_point: got {form!r}. Use fixed_point."
        raise ConfigError(msg)
    labeled, pool = _fractions(eta_labeled, "eta_labeled"), _fractions(eta_unlabeled, "eta_unlabeled")
    if form == "fixed_point":
        fixed = fixed_point_risks(model, eta_labeled=labeled, eta_unlabeled=pool)
        teacher, student = np.repeat(fixed.teacher[:, None], len(pool), axis=1), fixed.student
    else:
        risks = [_closed(model, form, a, b) for a in labeled.tolist() for b in pool.tolist()]
        shape = (len(labeled), len(pool))
        teacher = np.array([cell.teacher for cell in risks]).reshape(shape)
        student = np.array([cell.student for cell in risks]).reshape(shape)
    return RiskGrid(eta_labeled=labeled, eta_unlabeled=pool, teacher=teacher, student=student)


def best_pools(model: SpuriousModel, *, nodes: int) -> dict[Form, BestPool]:
    """Return for each form the minority fraction of the pool with the smallest risk of the student.

    `nodes` is the number of quadrature points of the fixed point. The model's own `eta_unlabeled` is not used.
    """

    def general(pool: Float) -> Float:
        return np.array([_closed(model, "general", model.eta_labeled, eta).student for eta in pool.tolist()])

    def fixed_point(pool: Float) -> Float:
        return risks_with_nodes(model, [model.eta_labeled], pool, nodes=nodes)[1][0]

    published = best_eta_unlabeled(model)
    pool = model.eta_unlabeled if math.isnan(published) else published
    risk = _closed(model, "published", model.eta_labeled, pool).student
    return {
        "published": BestPool(eta_unlabeled=published, student=risk),
        "general": _least(general),
        "fixed_point": _least(fixed_point),
    }


def _closed(model: SpuriousModel, form: Form, labeled: float, pool: float) -> Risks:
    moved = replace(model, eta_labeled=labeled, eta_unlabeled=pool)
    return published_risks(moved) if form == "published" else general_risks(moved)


def _least(student: Callable[[Float], Float]) -> BestPool:
    """Return the minimum of a smooth function, by a grid and then a bounded search around the best grid point."""
    from scipy.optimize import minimize_scalar

    etas = MOST * np.linspace(0, 1, 17) ** 2  # dense near 0, where risks change fastest
    risks = student(etas)
    i = int(risks.argmin())
    if np.ptp(risks) <= FLAT * risks[i]:
        return BestPool(eta_unlabeled=math.nan, student=float(risks[i]))
    bounds = (etas[max(i - 1, 0)], etas[min(i + 1, len(etas) - 1)])
    minimum = minimize_scalar(lambda eta: float(student(np.array([eta]))[0]), bounds=bounds, method="bounded")
    if minimum.fun < risks[i]:
        return BestPool(eta_unlabeled=float(minimum.x), student=float(minimum.fun))
    return BestPool(eta_unlabeled=float(etas[i]), student=float(risks[i]))


def _fractions(values: ArrayLike | Sequence[float], name: str) -> Float:
    etas = np.atleast_1d(np.asarray(values, dtype=np.float64))
    outside = etas[~((etas >= 0) & (etas <= 1))]
    if etas.ndim > 1 or outside.size:
        got = f"shape {etas.shape}" if etas.ndim > 1 else outside[0]
        msg = f"`{name}` must be one axis of fractions between 0 and 1: got {got}. Use numbers such as [0.1, 0.5]."
        raise ConfigError(msg)
    return etas
