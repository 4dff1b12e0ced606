"""The checkout that the package is imported from, and the default folder of the cache."""

from __future__ import annotations

import os
from pathlib import Path

from w2s_probe.core.errors import CacheError


def default_cache() -> Path:
    """Return ``$W2S_PROBE_CACHE``, else ``cache/`` of the checkout, else the user's cache folder."""
    variable = os.environ.get("W2S_PROBE_CACHE")
    if variable:
        return Path(variable)
    root = checkout()
    if root is not None:
        return root / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "w2s_probe"


def checkout() -> Path | None:
    """Return the folder of the checkout that the package is imported from; None if it is installed elsewhere."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() and (root / "cache" / "README.md").is_file() else None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:  # no $HOME, and a user without an entry
        msg = "the feature cache needs a folder: got no home folder. Name one with --cache, or set W2S_PROBE_CACHE."
        raise CacheError(msg) from error
