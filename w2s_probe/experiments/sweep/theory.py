"""Risks that the theory of spurious correlations expects for each pair and each pair of fractions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from w2s_probe.core.composition import Composition, composition_of
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.predictions import Predictions
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Float
from w2s_probe.experiments.sweep.splits import SplitSource
from w2s_probe.results.sweep import PairTheory, TheoryPoint
from w2s_probe.theory.spurious.from_features import (
    StratumMoments,
    agreement_scores,
    risks_from_moments,
    separation,
    stratum_moments,
)


def expected_risks(
    teachers: Mapping[str, FeatureSet],
    students: Mapping[str, FeatureSet],
    source: SplitSource,
    *,
    config: SweepConfig,
) -> tuple[PairTheory, ...]:
    """Return the theory's risks of every pair at all fractions of conflicting rows of a sweep; empty if there is one.

    The moments are computed from all rows of the data, with their labels and groups: an analysis, not a forecast. It
    needs features: teachers that are predictions are left out.
    """
    teachers = {name: one for name, one in teachers.items() if not isinstance(one, Predictions)}
    groups, labels = source.groups, source.labels
    if groups is None or labels.classes is None or len(config.eta_labeled) * len(config.eta_unlabeled) == 1:
        return ()
    usual = np.array([groups.value_names.index(groups.cue[label]) for label in labels.classes])
    scores = {
        features.spec.fingerprint(): agreement_scores(features.X, groups.values, labels.values, usual)
        for features in (*teachers.values(), *students.values())
    }
    strata = 2 * labels.values + groups.conflicting
    theories = []
    for weak, teacher in teachers.items():
        for strong, student in students.items():
            w, psi = (scores[features.spec.fingerprint()] for features in (teacher, student))
            moments = stratum_moments(w, psi, strata, count=2 * len(labels.classes))
            apart = separation(moments)
            theories.append(
                PairTheory(
                    teacher_backbone=weak,
                    student_backbone=strong,
                    separation_teacher=apart.teacher,
                    separation_student=apart.student,
                    correlation=apart.correlation,
                    points=tuple(
                        _point(moments, source, groups, config, (labeled, pool))
                        for labeled in config.eta_labeled
                        for pool in config.eta_unlabeled
                    ),
                )
            )
    return tuple(theories)


def _point(
    moments: StratumMoments,
    source: SplitSource,
    groups: Groups,
    config: SweepConfig,
    etas: tuple[float | None, float | None],
) -> TheoryPoint:
    run = config.run_config(config.head[0], None, None, etas)
    composition = composition_of(source.labels, groups, etas=run.etas, balance_classes=run.balance_classes)
    risks = risks_from_moments(
        moments,
        labeled=_shares(composition, source, "labeled"),
        unlabeled=_shares(composition, source, "unlabeled"),
        test=_shares(composition, source, "test"),
    )
    gain = (risks.teacher - risks.student) / risks.teacher if risks.teacher > 0 else math.nan
    return TheoryPoint(
        eta_labeled=etas[0], eta_unlabeled=etas[1], teacher=risks.teacher, student=risks.student, gain=gain
    )


def _shares(composition: Composition, source: SplitSource, part: str) -> Float:
    """Return the share of each stratum in a part: as composed, or as counted if the user fixed its rows."""
    for name, rows in source.fixed.items():
        if name == part:
            counts = composition.counts(rows)
            return np.asarray(counts / counts.sum())
    return composition.shares(part)
