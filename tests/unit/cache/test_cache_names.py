"""Names in the cache are plain, point at one fingerprint, and are never half written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from w2s_probe.cache import FeatureStore, check_case, check_name, fingerprints_by_name, item_digests, point, verify
from w2s_probe.cache.names import DEVICE, forget_name
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec

ONE, OTHER = "0" * 64, "f" * 64
SPEC = EmbeddingSpec(backbone="cached:one", revision="sha256:00")


def embed(root: Path) -> None:
    facts = {"matched_by": "item"}
    add = FeatureStore(root).add
    list(add([SPEC], item_digests(["a"]), lambda _: [(np.ones((1, 2)), facts)], positions=np.arange(1)))


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
    assume(not DEVICE.fullmatch(name))
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["con", "NUL", "aux.x", "Com1", "lpt9.a.b"])
def test_a_name_of_a_device_of_windows_is_refused_but_not_one_that_begins_so(name: str) -> None:
    with pytest.raises(CacheError, match=rf"no device of Windows: got {name}. Choose a name"):
        check_name(name)
    assert check_name(f"{name[:3]}x") == f"{name[:3]}x"


def test_a_name_in_other_letters_is_refused_since_some_systems_have_one_file_for_both() -> None:
    check_case("movies", {"movies", "movies-2"})
    with pytest.raises(CacheError, match=r"only in upper and lower case: got movies, and there is Movies\. Choose"):
        check_case("movies", {"Movies": ONE})


def test_a_damaged_or_moved_name_names_nothing(tmp_path: Path) -> None:
    point(tmp_path, "one", ONE)
    path = tmp_path / "names" / "one.json"
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x20]) + content[position + 1 :])
        found = fingerprints_by_name(tmp_path)
        assert found == {}
    path.write_bytes(content)
    shutil.copy(path, path.with_name("two.json"))
    assert fingerprints_by_name(tmp_path) == {"one": ONE}


def test_every_flipped_byte_of_a_name_is_found_and_its_features_stay(tmp_path: Path) -> None:
    embed(tmp_path)
    point(tmp_path, "one", SPEC.fingerprint())
    path = tmp_path / "names" / "one.json"
    content = path.read_bytes()
    for position in range(len(content)):
        for mask in (0x01, 0x20, 0xFF):
            path.write_bytes(content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :])
            assert fingerprints_by_name(tmp_path) == {}
            assert verify(tmp_path).counts() == {"damaged": 1}
    path.write_bytes(content)
    assert verify(tmp_path).faults == ()


def old_name(root: Path, name: str, fingerprint: str) -> Path:
    """Write a name as version 0.1 did, without a seal."""
    path = root / "names" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'{{"format": 1, "name": "{name}", "fingerprint": "{fingerprint}"}}\n')
    return path


def test_a_name_without_a_seal_is_read_counted_and_sealed_when_it_is_pointed_again(tmp_path: Path) -> None:
    embed(tmp_path)
    path = old_name(tmp_path, "one", SPEC.fingerprint())
    content = path.read_bytes()
    assert fingerprints_by_name(tmp_path) == {"one": SPEC.fingerprint()}
    assert (verify(tmp_path).unsealed, verify(tmp_path).faults) == (1, ())
    for position in range(len(content)):  # what has no seal can still point at nothing
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        assert verify(tmp_path).counts() == {"damaged": 1}
    path.write_bytes(content)
    point(tmp_path, "one", SPEC.fingerprint())
    assert (verify(tmp_path).unsealed, verify(tmp_path).faults) == (0, ())
    assert fingerprints_by_name(tmp_path) == {"one": SPEC.fingerprint()}


def test_names_that_cannot_be_read_are_not_written_over(tmp_path: Path) -> None:
    point(tmp_path, "one", ONE)
    path = tmp_path / "names" / "one.json"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(CacheError, match="must be readable"):
        point(tmp_path, "one", OTHER)
    assert path.is_symlink()
    assert verify(tmp_path).counts() == {"unreadable": 1}
