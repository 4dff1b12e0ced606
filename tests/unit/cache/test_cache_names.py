"""Names in the cache are plain, point at one fingerprint, and are never half written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.cache import check_name, fingerprints_by_name, point
from w2s_probe.cache.names import forget_name
from w2s_probe.core.errors import CacheError

ONE, OTHER = "0" * 64, "f" * 64


def test_a_name_points_where_it_was_last_pointed(tmp_path: Path) -> None:
    point(tmp_path, "a.b-c_1", ONE)
    point(tmp_path, "other", OTHER)
    assert fingerprints_by_name(tmp_path) == {"a.b-c_1": ONE, "other": OTHER}
    point(tmp_path, "other", ONE)
    assert fingerprints_by_name(tmp_path)["other"] == ONE
    forget_name(tmp_path, "other")
    assert fingerprints_by_name(tmp_path) == {"a.b-c_1": ONE}
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_cache_without_names_has_none(tmp_path: Path) -> None:
    assert fingerprints_by_name(tmp_path / "none") == {}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a\\b", "-a", ".a", "a b", "ä", "a\n", "a" * 101, "a:b"]
)
def test_a_name_that_could_be_a_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CacheError, match="letters, digits"):
        point(tmp_path, name, ONE)
    assert not list(tmp_path.iterdir())


@given(name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True))
def test_plain_names_are_accepted(name: str) -> None:
    assert check_name(name) == name


def test_a_damaged_or_moved_name_names_nothing(tmp_path: Path) -> None:
    point(tmp_path, "one", ONE)
    path = tmp_path / "names" / "one.json"
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x20]) + content[position + 1 :])
        found = fingerprints_by_name(tmp_path)
        assert found == {} or found["one"] != ONE  # a flipped digit names other features, whose hash says so
    path.write_bytes(content)
    shutil.copy(path, path.with_name("two.json"))
    assert fingerprints_by_name(tmp_path) == {"one": ONE}
