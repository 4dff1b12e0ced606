r"""Expected errors of teacher, student, baseline and ceiling from three dimensions and two sizes: Dong et al. (2025).

Features are whitened Gaussians :math:`g_t, g_s` of the dimensions :math:`d_t, d_s`, with
:math:`C = E[g_s g_t^\top]` and correlation dimension :math:`d_{st} = \lVert C \rVert_F^2`. Heads are
least squares without intercept. Let :math:`\beta_t, \beta_s` be the projections of the truth
:math:`f_*` on both spaces, :math:`\rho_t, \rho_s` the squared errors of these projections and
:math:`\tau^2 = (\sigma^2 + \rho_t) / (n - d_t - 1)`. Errors are mean squares against :math:`f_*`:

.. math::
    ER_t &= \rho_t + d_t \tau^2 \\
    ER_s &= \rho_s + (\sigma^2 + \rho_s)\, d_s / (n - d_s - 1) \\
    ER_{w2s} &= \rho_s + \lVert\beta_s - C\beta_t\rVert^2 + q\,\beta_t^\top(I - C^\top C)\beta_t
              + \tau^2 [d_{st} + q (d_t - d_{st})], \qquad q = d_s / (N - d_s - 1)

and the ceilings are :math:`ER_s` with n + N or N rows instead of n. On the pool itself, where the student was
trained, :math:`q = d_s / N`, and the bias is :math:`(1 - q)(\rho_s + \lVert\beta_s - C\beta_t\rVert^2) + q \rho_t`,
because the student's misfit correlates there with its fit (at N = d_s the student repeats its teacher).

References
----------
.. [1] Dong, Li, Li, Lee and Lei (2025), Discrepancies are Virtue: Weak-to-Strong Generalization through
   Lens of Intrinsic Dimension, arXiv 2502.05075. Its Theorem 1 is the in-sample variance.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

from w2s_probe.core.errors import ConfigError, require_setting

FEW_SPARE_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrinsicDimension:
    """Dimensions of two feature spaces, sizes, label noise, and the parts of the truth that linear heads cannot fit.

    Parameters
    ----------
    d_student, d_teacher : int
        Intrinsic dimensions.
    correlation_dimension : float
        Sum of squared canonical correlations, from 0 to the smaller dimension.
    n, N : int
        Labeled rows and pool rows; n > d_teacher + 1 and N > d_student + 1.
    noise_variance : float
        Variance of the label noise.
    teacher_residual : float
        Squared error of the best linear function of the teacher's features.
    student_residual : float or None
        Squared error of the best linear function of the student's features; None means
        ``teacher_residual + unseen_signal - misalignment``, exact if every canonical correlation is 0 or 1.
    misalignment : float
        Squared norm of ``beta_s - C beta_t``: signal that the student can fit and its teacher cannot.
    unseen_signal : float
        ``beta_t' (I - C'C) beta_t``: signal that the teacher fits and that lies outside the student's space.
    """

    d_student: int
    d_teacher: int
    correlation_dimension: float
    n: int
    N: int
    noise_variance: float
    teacher_residual: float = 0.0
    student_residual: float | None = None
    misalignment: float = 0.0
    unseen_signal: float = 0.0

    def __post_init__(self) -> None:
        self._check_sizes()
        for name in ("noise_variance", "teacher_residual", "misalignment", "unseen_signal", "student_residual"):
            value = getattr(self, name)
            right = value is None or 0 <= value < math.inf
            require_setting(right, name, "finite and at least 0", value, "Give a mean square such as 0.1.")
        self._check_geometry()

    @property
    def rho_student(self) -> float:
        """The student's residual: the value of `student_residual`, or the one implied by the other numbers."""
        if self.student_residual is not None:
            return self.student_residual
        return self.teacher_residual - self.misalignment + self.unseen_signal

    def _check_sizes(self) -> None:
        for name in ("d_student", "d_teacher"):
            d = getattr(self, name)
            require_setting(d >= 1, name, "at least 1", d, "Give the intrinsic dimension of the features, such as 20.")
        for name, dimension in (("n", "d_teacher"), ("N", "d_student")):
            rows, least = getattr(self, name), getattr(self, dimension) + 2
            advice = "Use more rows: with fewer, least squares has no finite expected error."
            require_setting(rows >= least, name, f"at least `{dimension}` + 2 = {least}", rows, advice)
        overlap, most = self.correlation_dimension, min(self.d_student, self.d_teacher)
        expected, advice = (
            f"between 0 and the smaller dimension, {most}",
            "Give a sum of squared canonical correlations.",
        )
        require_setting(0 <= overlap <= most, "correlation_dimension", expected, overlap, advice)

    def _check_geometry(self) -> None:
        """Reject numbers that are impossible for any truth and any two spaces."""
        for name, dimension, inside in (
            ("misalignment", self.d_student, "the student's space lies inside the teacher's"),
            ("unseen_signal", self.d_teacher, "the teacher's space lies inside the student's"),
        ):
            if getattr(self, name) > 0 and self.correlation_dimension == dimension:
                msg = (
                    f"`{name}` must be 0 if `correlation_dimension` is {dimension}, because {inside}: "
                    f"got {getattr(self, name)}. Remove `{name}`, or use a smaller `correlation_dimension`."
                )
                raise ConfigError(msg)
        if self.misalignment > self.teacher_residual:
            msg = (
                "`misalignment` must be at most `teacher_residual`, which includes it: got "
                f"{self.misalignment} and {self.teacher_residual}. Use a smaller `misalignment`."
            )
            raise ConfigError(msg)
        self._check_student_residual()

    def _check_student_residual(self) -> None:
        # the student's misfit is a sum of two vectors: one from its teacher's signal, one from the rest of the truth
        signal, rest = math.sqrt(self.unseen_signal), math.sqrt(self.teacher_residual - self.misalignment)
        low, high = (signal - rest) ** 2, (signal + rest) ** 2
        if not self.misalignment:  # then both vectors are orthogonal
            low = high = signal**2 + rest**2
        slack = 1e-12 * max(high, 1e-300)
        if not low - slack <= self.rho_student <= high + slack:
            need = f"{low:.6g}" if low == high else f"between {low:.6g} and {high:.6g}"
            msg = (
                f"`student_residual` must be {need} for these `teacher_residual`, `misalignment` and `unseen_signal`: "
                f"got {self.rho_student}. Remove `student_residual`; its value is then computed."
            )
            raise ConfigError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemErrors:
    """Mean squared errors against the truth; NaN where least squares has no finite expected error.

    Parameters
    ----------
    teacher, baseline : float
        Errors on new rows of heads on teacher and on student features, trained on the n labels.
    ceiling, ceiling_unlabeled : float
        Errors on new rows of heads on student features, trained on true labels of n + N rows or of the N pool rows.
    student_fresh, student_in_sample : float
        Errors of the weak-to-strong student on new rows, and on the pool that it was trained on.
    """

    teacher: float
    baseline: float
    ceiling: float
    ceiling_unlabeled: float
    student_fresh: float
    student_in_sample: float

    @property
    def pgr(self) -> float:
        """Share of the gap from teacher to ceiling (n + N labels) that the student closes; NaN without a gap."""
        return _recovered(self.teacher, self.student_fresh, self.ceiling)

    @property
    def pgr_unlabeled(self) -> float:
        """Share of the gap from teacher to the ceiling with N labels that the student closes; NaN without a gap."""
        return _recovered(self.teacher, self.student_fresh, self.ceiling_unlabeled)

    @property
    def opr(self) -> float:
        """The baseline's error divided by the student's; above 1 weak-to-strong is the better use of n labels."""
        return self.baseline / self.student_fresh if self.student_fresh > 0 else math.nan

    def to_dict(self) -> dict[str, float]:
        """Return errors and ratios by name."""
        return {**asdict(self), "pgr": self.pgr, "pgr_unlabeled": self.pgr_unlabeled, "opr": self.opr}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedErrors:
    """Expected error of each system, as variance plus bias.

    Parameters
    ----------
    config : IntrinsicDimension
        Dimensions, sizes and noise.
    variance, bias : SystemErrors
        The two parts of each system's expected error.
    """

    config: IntrinsicDimension
    variance: SystemErrors
    bias: SystemErrors

    @property
    def total(self) -> SystemErrors:
        """Variance plus bias."""
        names = [field.name for field in fields(SystemErrors)]
        return SystemErrors(**{name: getattr(self.variance, name) + getattr(self.bias, name) for name in names})

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about numbers that are right but surprising."""
        c = self.config
        notes = []
        if math.isnan(self.total.baseline):
            notes.append(
                f"The baseline and OPR are undefined: n = {c.n} is not above d_student + 1 = {c.d_student + 1}."
            )
        for system, spare in {
            "teacher": c.n - c.d_teacher,
            "baseline": c.n - c.d_student,
            "student": c.N - c.d_student,
        }.items():
            if 1 < spare < FEW_SPARE_ROWS:
                notes.append(
                    f"The {system}'s error varies strongly between draws: the {system} has only {spare} rows more "
                    f"than dimensions. Below {FEW_SPARE_ROWS} the expected error says little; up to 3 the variance of "
                    "the error is infinite."
                )
        return tuple(notes)


def expected_errors(config: IntrinsicDimension) -> ExpectedErrors:
    """Return the expected errors of all systems, by the formulas at the top of this file.

    Parameters
    ----------
    config : IntrinsicDimension
        Dimensions, sizes and noise.

    Examples
    --------
    >>> config = IntrinsicDimension(
    ...     d_student=20, d_teacher=60, correlation_dimension=5, n=110, N=1000, noise_variance=0.25
    ... )
    >>> errors = expected_errors(config).total
    >>> round(errors.teacher, 6), round(errors.student_fresh, 6), round(errors.opr, 4)
    (0.306122, 0.031243, 1.7982)
    """
    c = config
    noise, rho_t, rho_s = c.noise_variance, c.teacher_residual, c.rho_student
    fresh, in_sample = _per_row(c.d_student, c.N), c.d_student / c.N

    def spread(q: float) -> float:
        inherited = c.correlation_dimension + q * (c.d_teacher - c.correlation_dimension)
        return inherited / (c.n - c.d_teacher - 1)

    variance = SystemErrors(
        teacher=noise * _per_row(c.d_teacher, c.n),
        baseline=noise * _per_row(c.d_student, c.n),
        ceiling=noise * _per_row(c.d_student, c.n + c.N),
        ceiling_unlabeled=noise * fresh,
        student_fresh=noise * spread(fresh),
        student_in_sample=noise * spread(in_sample),
    )
    limit = rho_s + c.misalignment
    bias = SystemErrors(
        teacher=rho_t * (1 + _per_row(c.d_teacher, c.n)),
        baseline=rho_s * (1 + _per_row(c.d_student, c.n)),
        ceiling=rho_s * (1 + _per_row(c.d_student, c.n + c.N)),
        ceiling_unlabeled=rho_s * (1 + fresh),
        student_fresh=limit + fresh * c.unseen_signal + rho_t * spread(fresh),
        student_in_sample=limit + in_sample * (rho_t - limit) + rho_t * spread(in_sample),
    )
    return ExpectedErrors(config=config, variance=variance, bias=bias)


def _per_row(d: int, rows: int) -> float:
    """Return the expected trace of an inverse Wishart, d / (rows - d - 1)."""
    return d / (rows - d - 1) if rows > d + 1 else math.nan


def _recovered(teacher: float, student: float, ceiling: float) -> float:
    return (teacher - student) / (teacher - ceiling) if teacher > ceiling else math.nan
