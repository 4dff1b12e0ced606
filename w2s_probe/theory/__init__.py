"""Closed forms of published theories, and simulations that estimate the same numbers."""

from w2s_probe.theory.spurious.fixed_point import fixed_point_risks
from w2s_probe.theory.spurious.fractions import spurious_risks
from w2s_probe.theory.spurious.model import SpuriousModel
from w2s_probe.theory.spurious.output import SpuriousOutput
from w2s_probe.theory.spurious.risks import general_risks, published_risks
from w2s_probe.theory.spurious.simulation import simulate_risks, simulated_sizes
from w2s_probe.theory.spurious.summary import risks_over_fractions
from w2s_probe.theory.variance.conditional_variance import student_variance
from w2s_probe.theory.variance.decomposition import decompose
from w2s_probe.theory.variance.held_out import decompose_held_out
from w2s_probe.theory.variance.intrinsic_dimension import ExpectedErrors, IntrinsicDimension, expected_errors
from w2s_probe.theory.variance.simulation import Simulated, simulate_errors
from w2s_probe.theory.variance.sizes import errors_over_sizes

__all__ = [
    "ExpectedErrors",
    "IntrinsicDimension",
    "Simulated",
    "SpuriousModel",
    "SpuriousOutput",
    "decompose",
    "decompose_held_out",
    "errors_over_sizes",
    "expected_errors",
    "fixed_point_risks",
    "general_risks",
    "published_risks",
    "risks_over_fractions",
    "simulate_errors",
    "simulate_risks",
    "simulated_sizes",
    "spurious_risks",
    "student_variance",
]
