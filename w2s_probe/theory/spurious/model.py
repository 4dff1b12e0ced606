r"""The model of a spurious correlation: label, core, group feature, and the features of teacher and student.

The label is :math:`y = z^\top\beta_* + \epsilon` with a core :math:`z \sim N(0, I_{d_z})`. A group feature
:math:`\xi \in R^p` is independent of the core and of y. The teacher's features are :math:`z \otimes w`,
:math:`w = [1; T^\top\xi]`, the student's :math:`z \otimes \psi`, :math:`\psi = [1; S^\top\xi]`. Both contain z,
which determines the truth, and products of z with the group feature, whose coefficients fit only noise. In
labeled rows, pool and test rows the minority has a fraction :math:`\eta`, by one of two laws:

* gaussian: :math:`\xi \sim N(\eta\mu, \sigma^2 I)`, one cloud whose mean moves with :math:`\eta`;
* mixture: :math:`\xi | g \sim N(g\mu, \sigma^2 I)` with g = 1 for a fraction :math:`\eta` of the rows, else g = 0.

A linear map of w or :math:`\psi` changes no prediction of least squares. So only the unitless
:math:`\mu_T = T^\top\mu/\sigma`, :math:`\mu_S = S^\top\mu/\sigma` and :math:`\Xi = T^\top S` matter.

References
----------
.. [1] Liu, Dong and Lei (2026), On the mechanisms of weak-to-strong generalization under spurious correlations,
   ICLR, arXiv 2509.24005.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import as_matrix
from w2s_probe.core.errors import ShapeError, require_setting
from w2s_probe.core.types import Float

Law = Literal["gaussian", "mixture"]
FARTHEST = 1e12  # group means, in standard deviations; squares of their inverses stay above rounding errors
ORTHONORMAL = 1e-5  # largest error of an inner product of two columns; float32 files have such errors


class Component(NamedTuple):
    """A Gaussian component of the group feature's law: its share of the rows, and its mean in units of mu."""

    share: float
    at: float


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SpuriousModel:
    """Law of the group feature, its directions in the features of teacher and student, sizes and minority fractions.

    Parameters
    ----------
    law : {"gaussian", "mixture"}
        Law of the group feature.
    T, S : array of shape (p, p_t - 1) and (p, p_s - 1)
        Orthonormal columns: the directions of the group feature in the features of teacher and student.
    mu : array of shape (p,)
        Minority mean minus majority mean of the group feature.
    sigma : float
        Standard deviation of the group feature in every direction, above 0.
    gamma, nu : float
        Core dimension divided by labeled rows and by pool rows; ``gamma p_t < 1``, ``nu p_s < 1``,
        and nu = 0 means an infinite pool.
    eta_labeled, eta_unlabeled, eta_test : float
        Minority fractions, from 0 to 1.
    noise_variance : float
        Variance of the label noise.
    """

    law: Law
    T: NDArray[np.floating]
    S: NDArray[np.floating]
    mu: NDArray[np.floating]
    sigma: float
    gamma: float
    nu: float
    eta_labeled: float
    eta_unlabeled: float
    eta_test: float
    noise_variance: float

    def __post_init__(self) -> None:
        advice = "Use mixture for two groups of rows, gaussian for one cloud of rows."
        require_setting(self.law in get_args(Law), "law", "gaussian or mixture", repr(self.law), advice)
        for name, words in (("T", "teacher matrix"), ("S", "student matrix")):
            object.__setattr__(self, name, _directions(getattr(self, name), words))
        object.__setattr__(self, "mu", _mean(self.mu, len(self.T)))
        if len(self.T) != len(self.S):
            msg = (
                "teacher and student matrix must have the same number of rows, one for each entry of the group "
                f"feature: got {len(self.T)} and {len(self.S)} rows. Save both for the same group feature."
            )
            raise ShapeError(msg)
        self._check_numbers()
        self._check_sizes()

    @property
    def p_teacher(self) -> int:
        """Length of w."""
        return self.T.shape[1] + 1

    @property
    def p_student(self) -> int:
        """Length of psi."""
        return self.S.shape[1] + 1

    @property
    def mu_teacher(self) -> Float:
        """Difference of the group means in the teacher's features, in units of sigma; shape (p_t - 1,)."""
        return self.T.T @ self.mu / self.sigma

    @property
    def mu_student(self) -> Float:
        """Difference of the group means in the student's features, in units of sigma; shape (p_s - 1,)."""
        return self.S.T @ self.mu / self.sigma

    @property
    def overlap(self) -> Float:
        """Cosines between the directions of teacher and student, shape (p_t - 1, p_s - 1)."""
        return self.T.T @ self.S

    def components(self, eta: float) -> tuple[Component, ...]:
        """Return the Gaussian components of the law at one minority fraction.

        Parameters
        ----------
        eta : float
            Minority fraction, from 0 to 1.
        """
        if self.law == "gaussian":
            return (Component(share=1.0, at=eta),)
        return (Component(share=1 - eta, at=0.0), Component(share=eta, at=1.0))

    def _check_numbers(self) -> None:
        sigma, noise = self.sigma, self.noise_variance
        require_setting(0 < sigma < math.inf, "sigma", "finite and above 0", sigma, "Give a number such as 1.")
        largest = float(np.abs(self.mu).max()) / sigma
        expected, advice = f"at most {FARTHEST:.0e} times `sigma`", "Use a smaller `mu` or a larger `sigma`."
        require_setting(largest <= FARTHEST, "mu", expected, f"{largest:.3g} times", advice)
        right = 0 <= noise < math.inf
        require_setting(right, "noise_variance", "finite and at least 0", noise, "Give a variance such as 1.")
        for name in ("eta_labeled", "eta_unlabeled", "eta_test"):
            eta = getattr(self, name)
            require_setting(0 <= eta <= 1, name, "between 0 and 1", eta, "Give the minority's fraction, such as 0.2.")

    def _check_sizes(self) -> None:
        gamma, nu = self.gamma, self.nu
        require_setting(gamma > 0, "gamma", "above 0", gamma, "Give a small number such as 0.01.")
        require_setting(nu >= 0, "nu", "at least 0", nu, "Give 0 for an infinite pool.")
        for name, value, p_name, p in (("gamma", gamma, "p_t", self.p_teacher), ("nu", nu, "p_s", self.p_student)):
            advice = "Use a smaller number: least squares needs more rows than features."
            require_setting(value < 1 / p, name, f"below 1/{p_name} = 1/{p}", value, advice)


def second_moment(model: SpuriousModel, eta: float, *, of: Literal["teacher", "student"], origin: float = 0.0) -> Float:
    r"""Return :math:`E[ww^\top]` of the teacher or :math:`E[\psi\psi^\top]` of the student, in units of sigma.

    `eta` is the minority fraction. `origin`, in units of mu, is subtracted from the group feature. It changes no
    risk; an origin near the mean of a head's training rows avoids loss of digits.
    """
    mean = model.mu_teacher if of == "teacher" else model.mu_student
    moment = np.diag([0.0, *np.ones(len(mean))])
    for share, at in model.components(eta):
        center = np.array([1.0, *(at - origin) * mean])
        moment += share * np.outer(center, center)
    return moment


def expected_teacher(model: SpuriousModel, at: float, *, origins: tuple[float, float]) -> Float:
    """Return the matrix A, shape (p_t, p_s), with E[w | psi] = A psi within one Gaussian component.

    `at` is the component's mean in units of mu; `origins`, in units of mu, are subtracted from the group feature in w
    and in psi.
    """
    w, psi = ((at - origin) * mu for origin, mu in zip(origins, (model.mu_teacher, model.mu_student), strict=True))
    matrix = np.zeros((model.p_teacher, model.p_student))
    matrix[0, 0] = 1.0
    matrix[1:, 0] = w - model.overlap @ psi
    matrix[1:, 1:] = model.overlap
    return matrix


def cross_moment(model: SpuriousModel, eta: float, *, origins: tuple[float, float]) -> Float:
    r"""Return :math:`E[w\psi^\top]` at the minority fraction `eta`, in units of sigma, shape (p_t, p_s).

    `origins`, in units of mu, are subtracted from the group feature in w and in psi.
    """
    moment = np.zeros((model.p_teacher, model.p_student))
    moment[1:, 1:] = model.overlap
    for share, at in model.components(eta):
        w, psi = ((at - origin) * mu for origin, mu in zip(origins, (model.mu_teacher, model.mu_student), strict=True))
        moment += share * np.outer([1.0, *w], [1.0, *psi])
    return moment


def _directions(columns: NDArray[np.floating], name: str) -> Float:
    """Return the matrix in float64 if its columns are orthonormal."""
    matrix = np.array(as_matrix(columns, name), dtype=np.float64)
    rows, count = matrix.shape
    if count > rows:
        msg = f"{name} must have at most as many columns as rows: got shape {matrix.shape}. Save its transpose."
        raise ShapeError(msg)
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.abs(matrix.T @ matrix - np.eye(count)).max()
    if not far <= ORTHONORMAL:
        msg = (
            f"{name} must have orthonormal columns: got inner products that differ by up to {far:.3g} from 0 and 1. "
            "Save the Q of numpy.linalg.qr instead."
        )
        raise ShapeError(msg)
    return matrix


def _mean(mu: NDArray[np.floating], p: int) -> Float:
    mean = np.asarray(mu, dtype=np.float64)
    if mean.shape != (p,):
        got = f"{mean.size} numbers" if mean.ndim == 1 else f"shape {mean.shape}"
        msg = f"`mu` must have one number for each of the {p} rows of the teacher matrix: got {got}. Give {p} numbers."
        raise ShapeError(msg)
    if not np.isfinite(mean).all():
        msg = f"`mu` must be finite: got {mean[~np.isfinite(mean)][0]}. Replace this entry by a number."
        raise ShapeError(msg)
    return mean
