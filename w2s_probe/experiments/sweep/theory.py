"""What the theory of spurious correlations expects of each pair and each pair of fractions, beside what is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from w2s_probe.core.composition import Composition, composition_of
from w2s_probe.core.config import SweepConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
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


def predicted(
    teachers: Mapping[str, FeatureSet],
    students: Mapping[str, FeatureSet],
    source: SplitSource,
    *,
    config: SweepConfig,
) -> tuple[PairTheory, ...]:
    """Return the theory's risks for every pair over the fractions of a sweep; none where it does not vary them.

    Moments are those of all rows of the data, with their labels and groups: an analysis, not a forecast.

    Parameters
    ----------
    teachers, students : mapping of name to FeatureSet
        Features of the same n rows.
    source : SplitSource
        Labels, groups, and the parts the user has chosen.
    config : SweepConfig
        With the fractions.
    """
    groups, labels = source.groups, source.labels
    if groups is None or labels.classes is None or len(config.eta_labeled) * len(config.eta_unlabeled) == 1:
        return ()
    usual = np.array([groups.value_names.index(groups.cue[label]) for label in labels.classes])
    scores = {
        features.spec.fingerprint(): agreement_scores(features.X, groups.values, labels.values, usual)
        for features in (*teachers.values(), *students.values())
    }
    strata = 2 * labels.values + groups.conflicting
    found = []
    for weak, teacher in teachers.items():
        for strong, student in students.items():
            w, psi = (scores[features.spec.fingerprint()] for features in (teacher, student))
            moments = stratum_moments(w, psi, strata, count=2 * len(labels.classes))
            apart = separation(moments)
            found.append(
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
    return tuple(found)


def _point(
    moments: StratumMoments,
    source: SplitSource,
    groups: Groups,
    config: SweepConfig,
    etas: tuple[float | None, float | None],
) -> TheoryPoint:
    one = config.run_config(config.head[0], None, None, etas)
    asked = composition_of(source.labels, groups, etas=one.etas, balance_classes=one.balance_classes)
    risks = risks_from_moments(
        moments,
        labeled=_shares(asked, source, "labeled"),
        unlabeled=_shares(asked, source, "unlabeled"),
        test=_shares(asked, source, "test"),
    )
    gain = (risks.teacher - risks.student) / risks.teacher if risks.teacher > 0 else math.nan
    return TheoryPoint(
        eta_labeled=etas[0], eta_unlabeled=etas[1], teacher=risks.teacher, student=risks.student, gain=gain
    )


def _shares(asked: Composition, source: SplitSource, part: str) -> Float:
    """Return the strata's shares in a part: as asked for, or as they are where the user has chosen its rows."""
    for name, rows in source.fixed.items():
        if name == part:
            counts = asked.counts(rows)
            return np.asarray(counts / counts.sum())
    return asked.shares(part)
