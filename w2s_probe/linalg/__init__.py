"""Spectra, ridge algebra and leave-one-out, as pure functions of arrays."""

from w2s_probe.linalg.loo import loo_error, loo_residuals
from w2s_probe.linalg.ridge import RidgePath, alpha_grid, ridge_path
from w2s_probe.linalg.spectra import Spectrum, centered_spectrum

__all__ = [
    "RidgePath",
    "Spectrum",
    "alpha_grid",
    "centered_spectrum",
    "loo_error",
    "loo_residuals",
    "ridge_path",
]
