"""The result of ``theory spurious``: a model's risks by every form, at its own and at other minority fractions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from w2s_probe.results.read import Read
from w2s_probe.theory.spurious.fixed_point import fixed_point_risks
from w2s_probe.theory.spurious.fractions import Form, best_pools, spurious_risks
from w2s_probe.theory.spurious.model import SpuriousModel
from w2s_probe.theory.spurious.output import (
    EtaPoint,
    FixedPoint,
    Move,
    PublishedRisks,
    SpuriousConfig,
    SpuriousOutput,
    SpuriousSimulation,
)
from w2s_probe.theory.spurious.risks import (
    Risks,
    best_eta_unlabeled,
    general_risks,
    published_pool_term,
    published_risks,
)
from w2s_probe.theory.variance.simulation import Simulated

LAW_REASON = (
    "the published formula holds for one cloud whose mean moves with eta (--law gaussian); "
    "for two groups of rows it uses the wrong second moments"
)
STEPS = 20


def spurious_output(
    model: SpuriousModel,
    *,
    simulated: Mapping[str, Simulated] | None = None,
    simulation: SpuriousSimulation | None = None,
    curve: tuple[EtaPoint, ...] | None = None,
    read: Read | None = None,
    notes: tuple[str, ...] = (),
) -> SpuriousOutput:
    """Return the risks of a model by every form, the best pools and the risks at other fractions.

    `simulated` is the result of `simulate_risks` and `simulation` its settings; `curve` is the result of
    `risks_over_fractions`, `read` what was read of the files of the matrices, and `notes` are sentences on them.
    """
    fixed = _fixed_point(model)
    best = best_pools(model, nodes=fixed.nodes)
    return SpuriousOutput(
        config=_config(model),
        read=read,
        published=_published(model),
        general=general_risks(model),
        fixed_point=fixed,
        best_eta_unlabeled=best_eta_unlabeled(model),
        best={str(form): pool for form, pool in best.items()},
        moves=tuple(_moves(model, fixed, best["fixed_point"].eta_unlabeled)),
        call=_call(fixed),
        simulated=simulated,
        simulation=simulation,
        curve=curve,
        file_notes=notes or None,
    )


def risks_over_fractions(model: SpuriousModel) -> tuple[EtaPoint, ...]:
    """Return the risks over minority fractions of the pool, then over those of the labeled rows.

    The other fraction stays fixed.

    Parameters
    ----------
    model : SpuriousModel
        Its own fractions are included in the curve.
    """
    own = (model.eta_labeled, model.eta_unlabeled)
    most = 0.5 if max(own) <= 0.5 else 1.0
    steps = [most * i / STEPS for i in range(STEPS + 1)]
    return (
        *_points(model, [own[0]], sorted({*steps, own[1]})),
        *_points(model, sorted({*steps, own[0]}), [own[1]]),
    )


def _points(model: SpuriousModel, labeled: list[float], pool: list[float]) -> Iterator[EtaPoint]:
    grids = {form: spurious_risks(model, eta_labeled=labeled, eta_unlabeled=pool, form=form) for form in get_args(Form)}
    for i, j in np.ndindex(len(labeled), len(pool)):
        risks = {
            form: Risks(teacher=float(grid.teacher[i, j]), student=float(grid.student[i, j]))
            for form, grid in grids.items()
        }
        yield EtaPoint(eta_labeled=labeled[i], eta_unlabeled=pool[j], **risks)


def _fixed_point(model: SpuriousModel) -> FixedPoint:
    risks = fixed_point_risks(model, eta_labeled=[model.eta_labeled], eta_unlabeled=[model.eta_unlabeled])
    return FixedPoint(
        teacher=float(risks.teacher[0]),
        student=float(risks.student[0, 0]),
        nodes=risks.nodes,
        accuracy=risks.accuracy,
        converged=risks.converged,
    )


def _published(model: SpuriousModel) -> PublishedRisks:
    risks, applies = published_risks(model), model.law == "gaussian"
    return PublishedRisks(
        teacher=risks.teacher,
        student=risks.student,
        pool_term=published_pool_term(model),
        applies=applies,
        reason=None if applies else LAW_REASON,
    )


def _config(model: SpuriousModel) -> SpuriousConfig:
    return SpuriousConfig(
        law=model.law,
        p=len(model.T),
        p_teacher=model.p_teacher,
        p_student=model.p_student,
        teacher_matrix=_digest(model.T),
        student_matrix=_digest(model.S),
        mu=tuple(model.mu.tolist()),
        sigma=model.sigma,
        gamma=model.gamma,
        nu=model.nu,
        eta_labeled=model.eta_labeled,
        eta_unlabeled=model.eta_unlabeled,
        eta_test=model.eta_test,
        noise_variance=model.noise_variance,
        overlap=float((model.overlap**2).sum()),
        distance_teacher=float(np.linalg.norm(model.mu_teacher)),
        distance_student=float(np.linalg.norm(model.mu_student)),
    )


def _digest(matrix: NDArray[np.floating]) -> str:
    return f"sha256:{hashlib.sha256(np.ascontiguousarray(matrix, dtype='<f8').tobytes()).hexdigest()}"


def _call(fixed: FixedPoint) -> Literal["helps", "hurts", "unresolved"]:
    gain = fixed.teacher - fixed.student
    if abs(gain) <= max(fixed.accuracy, 1e-9) * fixed.teacher:
        return "unresolved"
    return "helps" if gain > 0 else "hurts"


def _moves(model: SpuriousModel, fixed: FixedPoint, best: float) -> Iterator[Move]:
    """Yield the fixed point at the model's fractions, then at other fractions."""
    labeled, pool, test = model.eta_labeled, model.eta_unlabeled, model.eta_test
    yield Move(name="as given", eta_labeled=labeled, eta_unlabeled=pool, teacher=fixed.teacher, student=fixed.student)
    fractions = {
        "best pool": (labeled, best),
        "pool as labeled rows": (labeled, labeled),
        "pool as test rows": (labeled, test),
        "labeled as test rows": (test, pool),
        "both as test rows": (test, test),
    }
    for name, (a, b) in fractions.items():
        if not math.isnan(b) and (a, b) != (labeled, pool):
            moved = _fixed_point(replace(model, eta_labeled=a, eta_unlabeled=b))
            yield Move(name=name, eta_labeled=a, eta_unlabeled=b, teacher=moved.teacher, student=moved.student)
