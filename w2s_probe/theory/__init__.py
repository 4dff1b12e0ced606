"""Closed forms of published theories, and simulations that measure the same numbers."""

from w2s_probe.results.forecast import ErrorPart, ErrorParts
from w2s_probe.theory.spurious.fixed_point import FixedPointRisks, fixed_point_risks
from w2s_probe.theory.spurious.fractions import BestPool, RiskGrid, best_pools, spurious_risks
from w2s_probe.theory.spurious.model import SpuriousModel
from w2s_probe.theory.spurious.output import SpuriousOutput
from w2s_probe.theory.spurious.risks import (
    Risks,
    best_eta_unlabeled,
    general_risks,
    published_pool_term,
    published_risks,
)
from w2s_probe.theory.spurious.simulation import SpuriousSizes, simulate_risks, simulated_sizes
from w2s_probe.theory.spurious.summary import risks_over_fractions, spurious_output
from w2s_probe.theory.variance.conditional_variance import student_variance, student_variance_of_rows
from w2s_probe.theory.variance.decomposition import decompose
from w2s_probe.theory.variance.held_out import decompose_held_out
from w2s_probe.theory.variance.intrinsic_dimension import (
    ExpectedErrors,
    IntrinsicDimension,
    SystemErrors,
    expected_errors,
)
from w2s_probe.theory.variance.simulation import Simulated, simulate_errors
from w2s_probe.theory.variance.sizes import errors_over_sizes

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
