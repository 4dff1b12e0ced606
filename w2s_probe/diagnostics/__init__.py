"""Dimensions, overlap and similarity of the feature spaces of a teacher-student pair."""

from w2s_probe.diagnostics.diagnosis import Diagnosis
from w2s_probe.diagnostics.dimension import effective_rank, participation_ratio, ridge_df
from w2s_probe.diagnostics.neighbor_dimension import mle_dimension, twonn_dimension
from w2s_probe.diagnostics.neighbors import nearest_neighbors
from w2s_probe.diagnostics.overlap import correlation_dimension, overlap_uncalibrated, principal_angles
from w2s_probe.diagnostics.pair import diagnose
from w2s_probe.diagnostics.paired import paired_moments
from w2s_probe.diagnostics.similarity import linear_cka, mutual_knn, procrustes
from w2s_probe.diagnostics.teacher_error import teacher_error_energy

__all__ = [
    "Diagnosis",
    "correlation_dimension",
    "diagnose",
    "effective_rank",
    "linear_cka",
    "mle_dimension",
    "mutual_knn",
    "nearest_neighbors",
    "overlap_uncalibrated",
    "paired_moments",
    "participation_ratio",
    "principal_angles",
    "procrustes",
    "ridge_df",
    "teacher_error_energy",
    "twonn_dimension",
]
