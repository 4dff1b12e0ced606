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


@pytest.mark.parametrize("verb", COMMANDS)
def test_memory_hardly_grows_with_the_rows(verb: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "few", 10_000, shuffled=True)
    write_rows(tmp_path / "many", 200_000, shuffled=True)
    few, many = (usage_of(COMMANDS[verb], tmp_path / name) for name in ("few", "many"))
    assert many.anonymous - few.anonymous < MOST_MB, (few, many)
