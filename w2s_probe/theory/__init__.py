"""Closed forms of published theories, and simulations that measure the same numbers."""

from w2s_probe.error_parts import ErrorPart, ErrorParts
from w2s_probe.theory.conditional_variance import student_variance, student_variance_of_rows
from w2s_probe.theory.decomposition import decompose
from w2s_probe.theory.held_out import decompose_held_out
from w2s_probe.theory.intrinsic_dimension import ExpectedErrors, IntrinsicDimension, SystemErrors, expected_errors
from w2s_probe.theory.simulation import Simulated, simulate_errors
from w2s_probe.theory.sizes import errors_over_sizes

__all__ = [
    "ErrorPart",
    "ErrorParts",
    "ExpectedErrors",
    "IntrinsicDimension",
    "Simulated",
    "SystemErrors",
    "decompose",
    "decompose_held_out",
    "errors_over_sizes",
    "expected_errors",
    "simulate_errors",
    "student_variance",
    "student_variance_of_rows",
]
