"""The packages that can change a number, with their versions."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from w2s_probe import __version__

PACKAGES = ("numpy", "scipy", "scikit-learn", "polars", "torch", "sentence-transformers", "open_clip_torch", "timm")


def installed_versions() -> dict[str, str]:
    """Return the versions of Python, of w2s_probe and of the packages that can change a number."""
    versions = {"w2s_probe": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
