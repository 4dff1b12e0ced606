"""Why a teacher-student pair works or does not: dimensions, overlap and similarity of the two spaces."""

from w2s_probe.diagnostics.dimension import SpectralDimension, effective_rank, participation_ratio, ridge_df
from w2s_probe.diagnostics.neighbor_dimension import mle_dimension, twonn_dimension
from w2s_probe.diagnostics.neighbors import Neighbors, distinct_rows, nearest_neighbors
from w2s_probe.diagnostics.overlap import (
    CorrelationDimension,
    correlation_dimension,
    overlap_uncalibrated,
    principal_angles,
)
from w2s_probe.diagnostics.overlap_density import OverlapDensity, change_point, confidence_margins
from w2s_probe.diagnostics.pair import diagnose
from w2s_probe.diagnostics.paired import PairedMoments, paired_moments
from w2s_probe.diagnostics.representation_gap import RepresentationGap
from w2s_probe.diagnostics.similarity import LinearCKA, linear_cka, mutual_knn, procrustes
from w2s_probe.diagnostics.teacher_error import TeacherErrorEnergy, teacher_error_energy
from w2s_probe.results.diagnosis import Diagnosis

__all__ = [
    "CorrelationDimension",
    "Diagnosis",
    "LinearCKA",
    "Neighbors",
    "OverlapDensity",
    "PairedMoments",
    "RepresentationGap",
    "SpectralDimension",
    "TeacherErrorEnergy",
    "change_point",
    "confidence_margins",
    "correlation_dimension",
    "diagnose",
    "distinct_rows",
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
