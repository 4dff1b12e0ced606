"""Features go into the cache and out of it, and to another machine, without changing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from tests.conftest import Cli
from tests.integration.test_cache_refused import obey_permissions, run_limited, tree
from tests.stderr import without_read
from w2s_probe.cache import REASONS
from w2s_probe.cache.marks import MARKS

pytestmark = pytest.mark.slow  # several processes a test

ROWS = 40
TEXTS = [f"item {i} says word{i % 7}" for i in range(ROWS)]
RUN = ("--label", "y", "-n", "8", "-N", "12", "--n-test", "10", "--seeds", "2", "--json")


@pytest.fixture
def made(tmp_path: Path) -> np.ndarray:
    """Write table.csv with ids, texts and labels, and features of its rows in every format."""
    X = np.random.default_rng(3).standard_normal((ROWS, 6)).astype(np.float32)
    ids = [f"n{i}" for i in range(ROWS)]
    frame = pl.DataFrame({"id": ids, "text": TEXTS, "y": ["a", "b"] * (ROWS // 2)})
    frame.write_csv(tmp_path / "table.csv")
    frame.reverse().write_csv(tmp_path / "reversed.csv")
    frame.head(30).write_csv(tmp_path / "fewer.csv")
    np.save(tmp_path / "X.npy", X)
    np.savez(tmp_path / "X.npz", X=X[::-1], ids=np.array(ids[::-1]))
    save_file({"X": X}, tmp_path / "X.safetensors")
    pl.DataFrame({"id": ids, "features": X.tolist()}).write_parquet(tmp_path / "X.parquet")
    return X


def told(cli: Cli, *command: str) -> dict[str, Any]:
    done = cli(*command)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("note: ") for line in without_read(done.stderr).splitlines())  # 40 rows are few
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["schema"] == 2
    return answer


def exported(cli: Cli, folder: Path, name: str, table: str) -> np.ndarray:
    told(cli, "cache", "export", name, "out.npy", "--data", table, "--text", "text", "--id", "id", "--force", "--json")
    return np.load(folder / "out.npy")


@pytest.mark.parametrize("file", ["X.npy", "X.npz", "X.safetensors", "X.parquet"])
def test_features_imported_for_items_serve_every_table_of_these_items(
    cli: Cli, tmp_path: Path, made: np.ndarray, file: str
) -> None:
    data = ("--data", "table.csv", "--text", "text", "--id", "id")
    answer = told(cli, "cache", "import", file, "--name", "mine", *data, "--json")
    assert (answer["rows"], answer["dim"], answer["matched_by"]) == (ROWS, 6, "item")
    np.testing.assert_array_equal(exported(cli, tmp_path, "mine", "reversed.csv"), made[::-1])
    np.testing.assert_array_equal(exported(cli, tmp_path, answer["fingerprint"][:9], "fewer.csv"), made[:30])


def test_one_content_is_one_fingerprint_whatever_the_file_and_the_order(
    cli: Cli, tmp_path: Path, made: np.ndarray
) -> None:
    data = ("--text", "text", "--id", "id", "--json")
    one = told(cli, "cache", "import", "X.npy", "--name", "mine", "--data", "table.csv", *data)
    assert told(cli, "cache", "import", "X.parquet", "--name", "mine", "--data", "reversed.csv", *data) == one
    assert len(told(cli, "cache", "ls", "--json")["features"]) == 1


def test_features_without_data_are_found_by_ids_or_else_by_rows(cli: Cli, tmp_path: Path, made: np.ndarray) -> None:
    assert told(cli, "cache", "import", "X.npz", "--name", "ids", "--json")["matched_by"] == "id"
    assert told(cli, "cache", "import", "X.npy", "--name", "rows", "--json")["matched_by"] == "row"
    np.testing.assert_array_equal(exported(cli, tmp_path, "ids", "fewer.csv"), made[:30])
    np.testing.assert_array_equal(exported(cli, tmp_path, "rows", "table.csv"), made)
    told(cli, "cache", "export", "ids", "all.npz", "--json")
    told(cli, "cache", "export", "rows", "all.npy", "--json")
    with np.load(tmp_path / "all.npz") as arrays:
        order = np.argsort([int(name[1:]) for name in arrays["ids"]])
        np.testing.assert_array_equal(arrays["X"][order], made)
    np.testing.assert_array_equal(np.load(tmp_path / "all.npy"), made)


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors", "parquet"])
def test_a_run_on_named_features_is_the_run_on_their_files(
    cli: Cli, tmp_path: Path, made: np.ndarray, suffix: str
) -> None:
    data = ("--text", "text", "--id", "id")
    told(cli, "embed", "table.csv", *data, "--backbone", "classic:hashing-16", "--json")
    (entry,) = told(cli, "cache", "ls", "--json")["features"]
    file, cached = f"out.{suffix}", f"cached:{entry['fingerprint'][:8]}"
    told(cli, "cache", "export", cached, file, "--data", "table.csv", *data, "--json")
    told(cli, "cache", "import", file, "--name", "again", "--data", "table.csv", *data, "--json")
    student = ("--student", "features:X.npy", *data, *RUN)
    names = ("classic:hashing-16", cached, "cached:again", f"features:{file}")
    answers = [told(cli, "run", "table.csv", "--teacher", name, *student) for name in names]
    for answer in answers:
        assert answer["systems"] == answers[0]["systems"]
        assert answer["students"] == answers[0]["students"]


def test_a_name_keeps_its_content_unless_it_is_replaced(cli: Cli, tmp_path: Path, made: np.ndarray) -> None:
    command = ("cache", "import", "X.npy", "--name", "mine", "--json")
    first = told(cli, *command)
    assert told(cli, *command) == first
    np.save(tmp_path / "X.npy", -made)
    done = cli(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert first["fingerprint"][:12] in done.stderr
    np.testing.assert_array_equal(exported(cli, tmp_path, "mine", "table.csv"), made)
    assert told(cli, *command, "--replace")["replaced"] == first["fingerprint"]
    np.testing.assert_array_equal(exported(cli, tmp_path, "mine", "table.csv"), -made)


def test_float16_is_kept_apart_and_read_as_float32(cli: Cli, tmp_path: Path, made: np.ndarray) -> None:
    embed = ("embed", "table.csv", "--text", "text", "--backbone", "classic:hashing-64", "--json")
    assert told(cli, *embed)["backbones"][0]["encoded"] == ROWS
    assert told(cli, *embed, "--dtype", "float16")["backbones"][0]["encoded"] == ROWS
    assert told(cli, *embed, "--dtype", "float16")["backbones"][0]["encoded"] == 0
    types = {entry["spec"]["dtype"]: entry for entry in told(cli, "cache", "ls", "--json")["features"]}
    wide, narrow = (exported(cli, tmp_path, types[t]["fingerprint"], "table.csv") for t in ("float32", "float16"))
    assert [str(X.dtype) for X in (wide, narrow)] == ["float32", "float16"]
    np.testing.assert_array_equal(narrow, wide.astype(np.float16))
    pair = ("--teacher", "classic:hashing-64", "--student", "features:X.npy", "--text", "text", *RUN)
    answer = told(cli, "run", "table.csv", *pair, "--dtype", "float16")
    assert answer["config"]["dtype"] == "float16"
    np.save(tmp_path / "t.npy", narrow.astype(np.float32))
    same = told(cli, "run", "table.csv", "--teacher", "features:t.npy", *pair[2:])
    assert same["systems"] == answer["systems"]


def test_a_cache_from_another_machine_serves_everything_and_may_be_read_only(
    cli: Cli, process: Cli, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("\n".join(["text,y", *(f"{t},{'ab'[i % 2]}" for i, t in enumerate(TEXTS))]))
    np.save(tmp_path / "X.npy", np.random.default_rng(0).standard_normal((ROWS, 4)))
    told(cli, "cache", "import", "X.npy", "--name", "mine", "--data", "table.csv", "--text", "text", "--json")
    command = ["run", "table.csv", "--text", "text", *RUN]
    command += ["--teacher", "classic:hashing-8", "--student", "cached:mine"]
    here = told(cli, *command)
    copied = tmp_path / "from elsewhere" / "ünïcode"
    shutil.copytree(tmp_path / "cache", copied, copy_function=shutil.copyfile)  # new times
    shutil.rmtree(tmp_path / "cache")
    before = tree(copied)
    embed = [*command[:4], "--backbone", "classic:hashing-8", "--backbone", "cached:mine", "--json"]
    for path in [copied, *copied.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code, output, errors = run_limited(tmp_path, [*command, "--cache", str(copied)], obey_permissions)
        assert (code, json.loads(output)) == (0, here), errors
        code, output, errors = run_limited(tmp_path, ["embed", *embed[1:], "--cache", str(copied)], obey_permissions)
        assert [(one["encoded"], one["cached"]) for one in json.loads(output)["backbones"]] == [(0, ROWS)] * 2
    finally:
        for path in [copied, *copied.rglob("*")]:
            path.chmod(0o755)
    assert tree(copied) == before
    elsewhere = {"LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0", "TZ": "Asia/Tokyo"}
    done = process(*command, "--cache", str(copied), env=elsewhere)
    assert json.loads(done.stdout) == here


def test_a_damaged_shard_of_an_import_is_named_and_imported_again(cli: Cli, tmp_path: Path) -> None:
    X = np.random.default_rng(4).standard_normal((600, 3)).astype(np.float32)
    np.save(tmp_path / "Z.npy", X)
    pl.DataFrame({"y": ["a", "b"] * 300}).write_csv(tmp_path / "rows.csv")
    imported = ("cache", "import", "Z.npy", "--name", "mine", "--json")
    told(cli, *imported)
    shards = list((tmp_path / "cache" / "features").glob("*/*.npy"))
    assert len(shards) == 2
    shards[0].write_bytes(shards[0].read_bytes()[:-8])
    run = ("run", "rows.csv", "--label", "y", "--teacher", "cached:mine", "--student", "classic:hashing-8", "--json")
    one = "1 of its shards is damaged (see: w2s-probe cache verify). Import the features again."
    assert one in cli(*run).stderr
    assert one in cli("cache", "export", "mine", "back.npy").stderr
    shards[1].write_bytes(b"")
    assert "2 of its shards are damaged" in cli("cache", "export", "mine", "back.npy").stderr
    told(cli, *imported)
    told(cli, "cache", "export", "mine", "back.npy", "--json")
    assert np.array_equal(np.load(tmp_path / "back.npy"), X)


def test_the_kind_is_listed_among_the_backbones(cli: Cli) -> None:
    assert "\ncached:NAME\n" in cli("backbones").stdout


def test_gc_says_what_would_go_and_then_what_went(cli: Cli, tmp_path: Path, made: np.ndarray) -> None:
    told(cli, "cache", "import", "X.npy", "--name", "mine", "--json")
    told(cli, "embed", "table.csv", "--text", "text", "--backbone", "classic:hashing-8", "--json")
    cache = tmp_path / "cache"
    (cache / "tmp" / "1-0123456789abcdef").write_bytes(b"x" * 100)
    removed = dict.fromkeys(REASONS, 0)
    before = tree(cache)
    dry = told(cli, "cache", "gc", "--dry-run", "--older-than", "0", "--json")
    assert dry["removed"] == {**removed, "temporary": 1, "unused": 1}
    assert dry["dry_run"] is True
    assert tree(cache) == before
    assert told(cli, "cache", "gc", "--older-than", "0", "--json") == {**dry, "dry_run": False}
    left = tree(cache)
    assert sum(map(len, before.values())) - sum(map(len, left.values())) == dry["freed_bytes"]
    assert cli("cache", "gc").stdout == "freed 0.0 MB\n"
    assert told(cli, "cache", "gc", "--remove", "mine", "--json")["removed"] == {**removed, "requested": 1}
    assert tree(cache) == MARKS
