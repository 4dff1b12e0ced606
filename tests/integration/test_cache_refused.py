"""A disk that is full, or may only be read: what is cached stays valid, and the user gets one line."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.stderr import without_read

Outcome = tuple[int, str, str]


def embedding(folder: Path, *, rows: int, dim: int) -> list[str]:
    """Write a table and return the arguments that embed it in shards of eight rows."""
    texts = [f"item {i} says word{i % 97} and word{i % 89}" for i in range(rows)]
    (folder / f"table{rows}.csv").write_text("\n".join(["text", *texts]) + "\n")
    command = ["embed", f"table{rows}.csv", "--text", "text", "--backbone", f"classic:hashing-{dim}"]
    return [*command, "--shard-rows", "8", "--threads", "1", "--json"]


def run_limited(folder: Path, command: list[str], limit: Callable[[], object]) -> Outcome:
    """Run a command after `limit` has been called in its process."""
    done = subprocess.run(
        [sys.executable, "-m", "w2s_probe", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,  # this process has no threads that hold locks
    )
    return done.returncode, done.stdout, done.stderr


def fetched(outcome: Outcome) -> tuple[int, int]:
    """Return how many rows a successful `embed` has encoded, and how many the cache had."""
    code, output, errors = outcome
    assert (code, without_read(errors)) == (0, "")
    (one,) = json.loads(output)["backbones"]
    return one["encoded"], one["cached"]


def verified(outcome: Outcome) -> tuple[int, int]:
    """Return how many shards `cache verify --json` has found intact, and how many damaged."""
    found = json.loads(outcome[1])
    return found["intact"], found["damaged"]


def of(cli: Cli, *command: str) -> Outcome:
    done = cli(*command)
    return done.returncode, done.stdout, done.stderr


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def with_small_files(folder: Path, command: list[str]) -> Outcome:
    """Run a command that cannot write more than 500 bytes into a file."""
    resource = pytest.importorskip("resource")
    return run_limited(folder, command, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)))


FULL_DISK = """
mkdir small
mount -t tmpfs -o size={size} none small
cp -r cache/. small
code=0
{embed} --cache small >out 2>err || code=$?
echo $code >code
rm -r cache
cp -r small cache
"""


def on_a_full_disk(folder: Path, command: list[str]) -> Outcome:
    """Run a command with its cache on a disk that has space for a few shards more."""
    embed = shlex.join([sys.executable, "-m", "w2s_probe", *command])
    script = FULL_DISK.format(size=13 * os.sysconf("SC_PAGE_SIZE"), embed=embed)  # each file takes a page
    subprocess.run([*NAMESPACE, "sh", "-ec", script], cwd=folder, check=True, timeout=120)
    code, output, errors = ((folder / name).read_text() for name in ("code", "out", "err"))
    return int(code), output, errors


def namespace_to_mount_in() -> list[str]:
    """Return the command that lets another one mount, or nothing if this machine does not permit it."""
    for command in (["unshare", "-Urm"], ["unshare", "-m"]):
        with suppress(OSError):
            mount = [*command, "mount", "-t", "tmpfs", "none", "/mnt"]
            if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
                return command
    return []


NAMESPACE = namespace_to_mount_in()
LIMITS = [
    pytest.param(64, with_small_files, "File too large", id="array"),  # it has 2,176 bytes
    pytest.param(1, with_small_files, "File too large", id="sidecar", marks=pytest.mark.slow),  # the array fits
]
if NAMESPACE:
    full_disk = pytest.param(64, on_a_full_disk, "No space left on device", id="disk", marks=pytest.mark.slow)
    LIMITS.append(full_disk)


@pytest.mark.parametrize(("dim", "limited", "reason"), LIMITS)
def test_a_write_that_fails_half_way_leaves_the_cache_valid(
    cli: Cli, tmp_path: Path, dim: int, limited: Callable[[Path, list[str]], Outcome], reason: str
) -> None:
    cache = tmp_path / "cache"
    assert fetched(of(cli, *embedding(tmp_path, rows=24, dim=dim))) == (24, 0)
    before = tree(cache)
    more = embedding(tmp_path, rows=76, dim=dim)
    code, output, errors = limited(tmp_path, more)
    assert (code, output) == (1, "")
    assert_one_line(errors, reason)
    assert tree(cache).items() >= before.items()
    assert not list((cache / "tmp").iterdir())
    intact, damaged = verified(of(cli, "cache", "verify", "--json"))
    assert 3 <= intact < 10
    assert damaged == 0
    assert fetched(of(cli, *more)) == (76 - 8 * intact, 8 * intact)
    cache.rename(tmp_path / "mended")
    assert fetched(of(cli, *more)) == (76, 0)
    assert tree(tmp_path / "mended") == tree(cache)


def assert_one_line(errors: str, reason: str) -> None:
    errors = without_read(errors)
    assert errors.startswith("error: the feature cache must be writable: ")
    assert errors.endswith("what is cached stays valid.\n")
    assert errors.count("\n") == 1
    assert f" got {reason} for " in errors


def test_a_cache_that_may_only_be_read_is_read_and_not_written(cli: Cli, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command = embedding(tmp_path, rows=16, dim=4)
    assert of(cli, *command)[0] == 0
    before = tree(cache)
    for path in [cache, *cache.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert fetched(run_limited(tmp_path, command, obey_permissions)) == (0, 16)
        verify = run_limited(tmp_path, ["cache", "verify", "--json"], obey_permissions)
        assert verified(verify) == (2, 0)
        code, output, errors = run_limited(tmp_path, embedding(tmp_path, rows=24, dim=4), obey_permissions)
        assert (code, output) == (1, "")
        assert_one_line(errors, "Permission denied")
        assert "Check the permissions of the folder" in errors
        assert "Free some space" not in errors
        code, output, _ = run_limited(tmp_path, ["doctor", "--cache", "cache"], obey_permissions)
        assert code == 1
        assert re.search(r"BROKEN  cache +cache can be read only\n +check the permissions of cache, or", output)
        assert tree(cache) == before
    finally:
        for path in [cache, *cache.rglob("*")]:
            path.chmod(0o755)


@pytest.mark.parametrize(
    ("place", "closed"),
    [("cache/features", "cache"), ("cache", "cache/features/*/*.json"), ("x" * 300, "cache")],
    ids=["folder that may not be entered", "sidecar that may not be read", "long name"],
)
def test_a_cache_that_cannot_be_looked_at_is_one_line_too(cli: Cli, tmp_path: Path, place: str, closed: str) -> None:
    assert of(cli, *embedding(tmp_path, rows=16, dim=4))[0] == 0
    path = min(tmp_path.glob(closed))
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        code, _, errors = run_limited(tmp_path, ["cache", "verify", "--cache", place], obey_permissions)
    finally:
        path.chmod(mode)
    assert code == 1
    assert errors.count("\n") == 1


def obey_permissions() -> None:
    """Give up the right of root to read and write everything; others do not have it."""
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2  # linux/prctl.h, linux/capability.h
    with suppress(OSError, AttributeError):
        prctl = ctypes.CDLL(None).prctl
        for capability in (dac_override, dac_read_search):
            prctl(drop_from_bounding_set, capability, 0, 0, 0)
