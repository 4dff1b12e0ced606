"""A cache of the version before marks and seals is read and served unchanged; one of a newer version is left alone.

`tests/cache_4d0bd2a` was written by commit 4d0bd2a: `embed` of table.csv with two backbones in shards of 16 rows,
mine.npz imported as `mine` by its ids, and as `by-item` in float16 by the texts of the table.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from tests.locks import needs_folder_locks
from tests.stderr import without_read
from w2s_probe.cache import FeatureStore
from w2s_probe.cache.marks import MARKS

OLD = Path(__file__).parents[1] / "cache_4d0bd2a"
TABLE = ("table.csv", "--text", "text", "--id", "id")
PAIR = ("--teacher", "classic:hashing-8", "--student", "classic:hashing-16")
SIZES = ("--label", "label", "-n", "10", "-N", "15", "--seeds", "1")
EMBED = ("embed", *TABLE, "--backbone", "classic:hashing-8", "--backbone", "classic:hashing-16")
IMPORT = ("cache", "import", "mine.npz", "--name", "mine")
WORK = {
    "embed": EMBED,
    "run": ("run", *TABLE, *PAIR, *SIZES),
    "run on imports": ("run", *TABLE, "--teacher", "cached:mine", "--student", "cached:by-item", *SIZES),
    "forecast": ("forecast", *TABLE, *PAIR, "--label", "label", "-n", "10"),
    "diagnose": ("diagnose", *TABLE, *PAIR, "--label", "label"),
    "sweep": ("sweep", *TABLE, *PAIR, "--label", "label", "-n", "8,10", "-N", "15", "--seeds", "1"),
}
LOOK = {
    "ls": ("cache", "ls"),
    "info": ("cache", "info", "mine"),
    "verify": ("cache", "verify"),
    "export": ("cache", "export", "mine", "back.npz"),
    "gc --dry-run": ("cache", "gc", "--dry-run", "--older-than", "100000"),
}
CHANGE = {
    "gc": ("cache", "gc"),
    "gc with all flags": ("cache", "gc", "--older-than", "0", "--remove", "mine", "--force"),
    "import": IMPORT,
    "import under another name": ("cache", "import", "mine.npz", "--name", "other"),
    "embed of new rows": ("embed", "new.csv", "--text", "text", "--backbone", "classic:hashing-8"),
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Copy the old cache and its files to where the verbs run; return the folder of the cache."""
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    (tmp_path / "new.csv").write_text("text\nquite new\nnewer still\n")
    return tmp_path / "cache"


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("verb", [*WORK, *LOOK])
def test_every_verb_reads_the_old_cache_and_changes_no_byte(cli: Cli, old: Path, verb: str) -> None:
    before = tree(old)
    done = cli(*{**WORK, **LOOK}[verb])
    assert done.returncode == 0
    assert "encoded" not in done.stdout.replace("encoded 0 rows", "")
    assert not without_read(done.stderr) or "damaged" not in done.stderr
    assert tree(old) == before


def test_the_old_cache_is_served_with_the_bytes_that_were_written(cli: Cli, old: Path, tmp_path: Path) -> None:
    verified = json.loads(cli("cache", "verify", "--json").stdout)
    assert {key: verified[key] for key in ("intact", "damaged", "unsealed")} == {
        "intact": 8,
        "damaged": 0,
        "unsealed": 2,
    }
    store = FeatureStore(old)
    assert [entry.rows for entry in store.contents()] == [40] * 4
    for entry in store.contents():
        digests, _ = store.items(entry.spec)
        served = store.read(entry.spec, digests)
        stored = np.concatenate([np.load(path) for path in (old / "features" / entry.fingerprint).glob("*.npy")])
        assert served.dtype == stored.dtype == entry.spec.dtype
        assert sorted(row.tobytes() for row in served) == sorted(row.tobytes() for row in stored)
    assert cli("cache", "export", "mine", "back.npz", "--data", *TABLE).returncode == 0
    with np.load(tmp_path / "mine.npz") as mine, np.load(tmp_path / "back.npz") as back:
        assert back["X"].tobytes() == mine["X"].tobytes()
        assert back["ids"].tolist() == mine["ids"].tolist()


def test_the_next_writer_marks_the_old_cache_and_the_next_import_seals_its_name(cli: Cli, old: Path) -> None:
    before = tree(old)
    assert cli(*EMBED[:-2], "--dtype", "float16").returncode == 0
    assert tree(old).items() >= {**before, **MARKS}.items()
    assert json.loads(cli("cache", "verify", "--json").stdout)["unsealed"] == 2
    names = ("names/mine.json", "names/by-item.json")
    assert cli(*IMPORT).returncode == 0
    assert json.loads(cli("cache", "verify", "--json").stdout)["unsealed"] == 1
    assert [tree(old)[name] == before[name] for name in names] == [False, True]
    without_names = {name: content for name, content in before.items() if name not in names}
    assert tree(old).items() >= without_names.items()


def test_gc_keeps_all_imports_of_the_old_cache(cli: Cli, old: Path) -> None:
    shutil.rmtree(old / "names")
    before = tree(old)
    done = json.loads(cli("cache", "gc", "--older-than", "0", "--json").stdout)
    assert done["removed"]["unused"] == 6
    left = tree(old)
    assert {name: content for name, content in left.items() if name not in MARKS}.items() <= before.items()
    assert sorted(entry.spec.backbone for entry in FeatureStore(old).contents()) == ["cached:by-item", "cached:mine"]


@pytest.mark.parametrize("has_newer_shards", [False, True])
@pytest.mark.parametrize("verb", [*WORK, *LOOK, *CHANGE])
def test_a_cache_of_format_9_is_left_byte_for_byte_by_every_verb(
    cli: Cli, old: Path, verb: str, has_newer_shards: bool
) -> None:
    for name, content in {**MARKS, "format": b"9\n"}.items():
        (old / name).write_bytes(content)
    (old / "tmp").mkdir()
    (old / "tmp" / "1-0123456789abcdef").write_bytes(b"half a shard")
    if has_newer_shards:
        for path in old.glob("features/*/*.json"):
            path.write_bytes(path.read_bytes().replace(b'{"format": 1', b'{"format": 9, "new": 1'))
    before, times = tree(old), {path: path.stat().st_mtime_ns for path in old.rglob("*")}
    done = cli(*{**WORK, **LOOK, **CHANGE}[verb])
    assert (done.returncode, done.stdout) == (1, "")
    assert without_read(done.stderr).count("\n") == 1
    assert "newer version" in done.stderr
    assert (tree(old), {path: path.stat().st_mtime_ns for path in old.rglob("*")}) == (before, times)


@pytest.mark.parametrize("verb", [*WORK, *LOOK, *CHANGE])
def test_newer_shards_in_a_cache_of_today_stay_byte_for_byte(cli: Cli, old: Path, verb: str) -> None:
    for path in old.glob("features/*/*.json"):
        path.write_bytes(path.read_bytes().replace(b'{"format": 1', b'{"format": 9, "new": 1'))
    newer = tree(old / "features")
    done = cli(*{**WORK, **LOOK, **CHANGE}[verb])
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    assert "fault of ours" not in done.stderr
    assert tree(old / "features").items() >= newer.items()
    if verb in ("embed", "run"):
        assert done.returncode == 0
        assert "newer version" in done.stderr


@pytest.mark.parametrize("verb", ["ls", "verify", "gc"])
@pytest.mark.parametrize("name", ["features is a file", "folder of others", "no folder"])
def test_a_cache_that_cannot_be_opened_is_one_line(cli: Cli, tmp_path: Path, verb: str, name: str) -> None:
    root = tmp_path / "there"
    if name != "no folder":
        root.mkdir()
        (root / "features").write_text("a file")
    if name == "features is a file":
        for mark, content in MARKS.items():
            (root / mark).write_bytes(content)
    before = tree(tmp_path)
    done = cli("cache", verb, "--cache", "there")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "--cache" in done.stderr
    assert tree(tmp_path) == before


def test_doctor_says_that_a_folder_is_no_cache(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("text\n")
    checks = json.loads(cli("doctor", "--cache", ".", "--json").stdout)["checks"]
    (cache,) = (check for check in checks if check["name"] == "cache")
    assert not cache["ok"]
    assert "Name another folder with --cache" in cache["mend"]


def test_a_cache_that_does_not_exist_yet_holds_nothing(cli: Cli, tmp_path: Path) -> None:
    assert cli("cache", "ls").stdout.startswith("nothing is cached")
    assert cli("cache", "verify").stdout.startswith("0 shards intact, 0 damaged\n")
    assert cli("cache", "gc").stdout == "freed 0.0 MB\n"
    assert list(tmp_path.iterdir()) == []


@needs_folder_locks
def test_the_quarantine_is_listed_not_read_and_emptied_when_asked(cli: Cli, old: Path) -> None:
    (array,) = (old / "features").glob("573e805cfc45*/*.npy")
    array.write_bytes(array.read_bytes()[:-1] + b"!")
    size = array.stat().st_size + array.with_suffix(".json").stat().st_size
    assert cli("cache", "gc", "--dry-run").stdout.startswith("1 damaged shard or name would be moved to quarantine/")
    assert cli("cache", "gc").stdout.startswith("1 damaged shard or name moved to quarantine/")
    assert json.loads(cli("cache", "ls", "--json").stdout)["quarantine_bytes"] == size
    assert f"quarantine: {size / 1e6:.3g} MB" in cli("cache", "ls").stdout
    assert cli("cache", "export", "mine", "back.npz").returncode == 1
    freed = json.loads(cli("cache", "gc", "--force", "--json").stdout)
    assert (freed["removed"]["emptied"], freed["freed_bytes"]) == (1, size)
    assert json.loads(cli("cache", "ls", "--json").stdout)["quarantine_bytes"] == 0


def test_info_prints_no_escapes_of_strangers(cli: Cli, old: Path) -> None:
    from w2s_probe.cache import item_digests
    from w2s_probe.core.features import EmbeddingSpec

    spec = EmbeddingSpec(backbone="\x1b[31mred\x1b]0;pwn\x07", revision="a\nb")
    store = FeatureStore(old)
    X = np.zeros((1, 2), dtype=np.float32)
    list(store.add([spec], item_digests(["a"]), lambda _: [(X, {})], positions=np.arange(1)))
    for verb in (("ls",), ("info", spec.fingerprint()), ("info", spec.fingerprint(), "--json"), ("verify",)):
        done = cli("cache", *verb)
        assert done.returncode == 0
        assert not {"\x1b", "\x07"} & {*done.stdout, *done.stderr}
    shown = cli("cache", "info", spec.fingerprint()).stdout
    assert "\\x1b[31mred" in shown
    assert "a\\nb" in shown


def test_a_flipped_name_is_told_by_every_verb_that_needs_it(cli: Cli, old: Path) -> None:
    assert cli(*IMPORT).returncode == 0
    path = old / "names" / "mine.json"
    path.write_bytes(path.read_bytes().replace(b"format", b"formaX"))
    assert "names that cannot be used: mine." in cli("cache", "ls").stderr
    for verb in (LOOK["info"], LOOK["export"], WORK["run on imports"]):
        done = cli(*verb)
        assert (done.returncode, done.stdout) == (1, "")
        assert "a cache name must keep its bytes" in done.stderr
    assert cli(*IMPORT).returncode == 0
    assert cli(*LOOK["info"]).returncode == 0


@pytest.mark.parametrize("backbone", ["sentence-transformers", "packaged:minilm-l6"])
def test_texts_of_before_are_kept_under_their_fingerprint_with_unknown_pooling(
    cli: Cli, old: Path, backbone: str
) -> None:
    from w2s_probe.cache import item_digests
    from w2s_probe.core.features import EmbeddingSpec

    before = EmbeddingSpec(backbone=backbone, revision="sha256:00")
    X = np.arange(4, dtype=np.float32).reshape(2, 2)
    positions = np.arange(2)
    list(FeatureStore(old).add([before], item_digests(["a", "b"]), lambda _: [(X, {})], positions=positions))
    (line,) = (line for line in cli("cache", "ls").stdout.splitlines() if before.fingerprint()[:12] in line)
    assert " unknown " in line
    assert "pooling        unknown\n" in cli("cache", "info", before.fingerprint()[:12]).stdout
    assert cli("cache", "export", before.fingerprint(), "back.npz").returncode == 0
    assert " unknown " not in cli("cache", "ls").stdout.replace(line, "")
