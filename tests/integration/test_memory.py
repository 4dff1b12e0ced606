"""Memory of whole commands: what they hold for each row is little beside the features, which stay in their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.memory import COMMANDS, usage_of, write_rows

# Both tables are too large for what small ones keep in memory, so that only what grows with the rows is left: 41 to
# 63 MB for ids, labels and predictions of 200,000 rows. A copy of one feature space, 200,000 x 64, takes 51 MB more.
FEW, MANY = 200_000, 400_000
MOST_MB = 80
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is read from /proc"),
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a table and one of twice its rows, with their features."""
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder / "few", FEW, shuffled=True)
    write_rows(folder / "many", MANY, shuffled=True)
    return folder / "few", folder / "many"


@pytest.mark.xdist_group("memory")  # one worker writes the tables
@pytest.mark.parametrize("verb", COMMANDS)
def test_memory_hardly_grows_with_the_rows(verb: str, tables: tuple[Path, Path]) -> None:
    few, many = (usage_of(COMMANDS[verb], folder) for folder in tables)
    assert many.anonymous - few.anonymous < MOST_MB, (few, many)
