"""Tests of files that cannot be read, also where they run as root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_rights"]


@contextmanager
def without_rights() -> Iterator[None]:
    """Run without the rights of root, who may read every file."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
