"""Spectra, ridge regression and leave-one-out, as pure functions of arrays."""

from w2s_probe.linalg.loo import loo_error, loo_residuals
from w2s_probe.linalg.ridge import ridge_path

__all__ = ["loo_error", "loo_residuals", "ridge_path"]
