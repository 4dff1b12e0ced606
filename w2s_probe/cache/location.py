"""The default folder of the cache."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """Return ``$W2S_PROBE_CACHE``, else ``cache/`` of the checkout, else the user's cache folder."""
    variable = os.environ.get("W2S_PROBE_CACHE")
    if variable:
        return Path(variable)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "cache" / "README.md").is_file():
        return checkout / "cache"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "w2s_probe"
