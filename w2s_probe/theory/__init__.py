"""Closed forms of published theories, and simulations that measure the same numbers."""

from w2s_probe.theory.conditional_variance import student_variance, student_variance_of_rows
from w2s_probe.theory.decomposition import ErrorPart, ErrorParts, decompose
from w2s_probe.theory.intrinsic_dimension import ExpectedErrors, IntrinsicDimension, SystemErrors, expected_errors
from w2s_probe.theory.simulation import Simulated, simulate_errors

__all__ = [
    "ErrorPart",
    "ErrorParts",
    "ExpectedErrors",
    "IntrinsicDimension",
    "Simulated",
    "SystemErrors",
    "decompose",
    "expected_errors",
    "simulate_errors",
    "student_variance",
    "student_variance_of_rows",
]
