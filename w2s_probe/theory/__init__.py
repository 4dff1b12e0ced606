"""Closed forms of published theories, and simulations that measure the same numbers."""

from w2s_probe.error_parts import ErrorPart, ErrorParts
from w2s_probe.theory.conditional_variance import student_variance, student_variance_of_rows
from w2s_probe.theory.decomposition import decompose
from w2s_probe.theory.held_out import decompose_held_out
from w2s_probe.theory.intrinsic_dimension import ExpectedErrors, IntrinsicDimension, SystemErrors, expected_errors
from w2s_probe.theory.simulation import Simulated, simulate_errors
from w2s_probe.theory.sizes import errors_over_sizes
from w2s_probe.theory.spurious import Risks, best_eta_unlabeled, general_risks, published_pool_term, published_risks
from w2s_probe.theory.spurious_fixed_point import FixedPointRisks, fixed_point_risks
from w2s_probe.theory.spurious_fractions import BestPool, RiskGrid, best_pools, spurious_risks
from w2s_probe.theory.spurious_model import SpuriousModel
from w2s_probe.theory.spurious_output import SpuriousOutput
from w2s_probe.theory.spurious_simulation import SpuriousSizes, simulate_risks, simulated_sizes
from w2s_probe.theory.spurious_summary import risks_over_fractions, spurious_output

__all__ = [
    "BestPool",
    "ErrorPart",
    "ErrorParts",
    "ExpectedErrors",
    "FixedPointRisks",
    "IntrinsicDimension",
    "RiskGrid",
    "Risks",
    "Simulated",
    "SpuriousModel",
    "SpuriousOutput",
    "SpuriousSizes",
    "SystemErrors",
    "best_eta_unlabeled",
    "best_pools",
    "decompose",
    "decompose_held_out",
    "errors_over_sizes",
    "expected_errors",
    "fixed_point_risks",
    "general_risks",
    "published_pool_term",
    "published_risks",
    "risks_over_fractions",
    "simulate_errors",
    "simulate_risks",
    "simulated_sizes",
    "spurious_output",
    "spurious_risks",
    "student_variance",
    "student_variance_of_rows",
]
