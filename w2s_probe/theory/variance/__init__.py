"""Dong et al. (2025): intrinsic dimension and the variance that a student inherits."""
