"""What `cache ls` prints as a fingerprint, `cache info` accepts, whatever the width of the terminal and the names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Cli
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.text import SHOWN, shortest_beginnings

NAMES = ("packaged:minilm-l6", "a-package-with-a-long-name:and-a-model-with-a-name-that-is-longer", "ü" * 70)


@pytest.mark.parametrize("width", ["20", "40", "80", "300"])
def test_every_printed_fingerprint_is_accepted(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    store, digests = FeatureStore(tmp_path / "cache"), item_digests(["a", "b"])
    specs = [
        EmbeddingSpec(backbone=name, revision="1", pooling=f"mean of layer {i} of many layers" * i)
        for i, name in enumerate(NAMES)
    ]
    for spec in specs:
        list(store.add([spec], digests, lambda _: [(np.ones((2, 123456)), {})], positions=np.arange(2)))
    np.save(tmp_path / "f.npy", np.ones((2, 3), dtype=np.float32))
    assert cli("cache", "import", "f.npy", "--name", "an-import-with-a-name-of-some-length" * 2).returncode == 0
    lines = cli("cache", "ls").stdout.splitlines()[2:]
    printed = [line.split()[0] for line in lines if line[:1].strip()]
    found = [json.loads(cli("cache", "info", name, "--json").stdout)["fingerprint"] for name in printed]
    assert {spec.fingerprint() for spec in specs} < {*found}
    shipped = {entry["fingerprint"] for entry in json.loads(cli("cache", "ls", "--json").stdout)["shipped"]}
    assert len({*found} - shipped) == len(specs) + 1
    assert shipped <= {*found}
    assert all(len(name) >= SHOWN for name in printed)
    assert max(map(len, lines)) <= 80


def test_lines_that_look_alike_are_told_apart(cli: Cli, tmp_path: Path) -> None:
    store, digests = FeatureStore(tmp_path / "cache"), item_digests(["a", "b"])
    for prompt, tokens, revision in (("", 64, "1" * 64), ("query: ", 64, "1" * 64), ("query: ", 12, "12" * 32)):
        settings = {"prompt": prompt, "preprocessing": f"at most {tokens} tokens", "revision": f"sha256:{revision}"}
        spec = EmbeddingSpec(backbone="sentence-transformers", pooling="mean", **settings)
        list(store.add([spec], digests, lambda _: [(np.ones((2, 3)), {})], positions=np.arange(2)))
    lines = cli("cache", "ls").stdout.splitlines()
    below = lines[lines.index("settings that differ:") + 1 :]
    assert {line.split(": ", 1)[1] for line in below} == {
        "no prompt, at most 64 tokens, files 11111111",
        "prompt 'query: ', at most 64 tokens, files 11111111",
        "prompt 'query: ', at most 12 tokens, files 12121212",
    }
    fingerprints = [line.split(":")[0].strip() for line in below]
    assert all(cli("cache", "info", name).returncode == 0 for name in fingerprints)
    assert max(map(len, lines)) <= 80


def test_lines_that_do_not_look_alike_need_no_further_line(cli: Cli, tmp_path: Path) -> None:
    store, digests = FeatureStore(tmp_path / "cache"), item_digests(["a", "b"])
    for pooling in ("mean", "cls"):
        spec = EmbeddingSpec(backbone="sentence-transformers", revision="1", pooling=pooling, prompt=pooling)
        list(store.add([spec], digests, lambda _: [(np.ones((2, 3)), {})], positions=np.arange(2)))
    assert "settings that differ" not in cli("cache", "ls").stdout


@given(st.lists(st.text("ab", min_size=64, max_size=64), min_size=1, max_size=6, unique=True), st.integers(0, 64))
def test_shortened_fingerprints_are_unique(fingerprints: list[str], common: int) -> None:
    fingerprints = list(dict.fromkeys("a" * common + one[common:] for one in fingerprints))
    short = shortest_beginnings(fingerprints)
    for one, beginning in short.items():
        assert [other for other in fingerprints if other.startswith(beginning)] == [one]
        assert len(beginning) >= SHOWN


def test_a_fingerprint_that_begins_like_a_name_is_longer() -> None:
    one = "ab" * 32
    assert shortest_beginnings([one], taken=[one[:SHOWN], one[: SHOWN + 1]]) == {one: one[: SHOWN + 2]}
