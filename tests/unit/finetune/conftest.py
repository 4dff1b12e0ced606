"""Tests that train weights need torch, which the bare wheel has not."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = (
    [] if find_spec("torch") and find_spec("sentence_transformers") else ["test_*.py", "reasoning/*.py"]
)
