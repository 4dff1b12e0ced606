"""Memory of whole commands: what they hold for each row is little beside the features, which stay in their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.memory import COMMANDS, usage_of, write_rows

# Of 200,000 rows x 64, a copy of one feature space takes 51 MB, and Python lists of ids and labels 30 MB.
MOST_MB = 75
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is read from /proc"),
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a table of few rows and one of many, with their features."""
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder / "few", 10_000, shuffled=True)
    write_rows(folder / "many", 200_000, shuffled=True)
    return folder / "few", folder / "many"


@pytest.mark.xdist_group("memory")  # one worker writes the tables
@pytest.mark.parametrize("verb", COMMANDS)
def test_memory_hardly_grows_with_the_rows(verb: str, tables: tuple[Path, Path]) -> None:
    few, many = (usage_of(COMMANDS[verb], folder) for folder in tables)
    assert many.anonymous - few.anonymous < MOST_MB, (few, many)
