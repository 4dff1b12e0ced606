"""The default folder of the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from w2s_probe.cache import default_cache
from w2s_probe.core import location


def test_the_variable_then_the_checkout_then_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "checkout" / "w2s_probe" / "core" / "location.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(location, "__file__", str(module))
    monkeypatch.setenv("W2S_PROBE_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "mine"
    monkeypatch.setenv("W2S_PROBE_CACHE", "")
    assert default_cache() == tmp_path / "xdg" / "w2s_probe"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == tmp_path / "home" / ".cache" / "w2s_probe"
    (tmp_path / "checkout" / "pyproject.toml").touch()
    assert default_cache() == tmp_path / "home" / ".cache" / "w2s_probe"  # an installation has no cache/README.md
    (tmp_path / "checkout" / "cache").mkdir()
    (tmp_path / "checkout" / "cache" / "README.md").touch()
    assert default_cache() == tmp_path / "checkout" / "cache"
    (tmp_path / "checkout" / "pyproject.toml").unlink()
    assert default_cache() == tmp_path / "home" / ".cache" / "w2s_probe"
