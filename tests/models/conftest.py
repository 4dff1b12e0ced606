"""Models read their environment when they are imported, and set threads for their process."""

from __future__ import annotations

import pytest

from tests.conftest import Cli


@pytest.fixture
def cli(process: Cli) -> Cli:
    """Run the command line in a process of its own."""
    return process
