"""Names of several backbones in one text: what separates them, and what is refused."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.integration.test_cli_plugins import install
from w2s_probe.backbones.names import alternatives, members
from w2s_probe.backbones.registry import kinds_of_backbones
from w2s_probe.core.errors import ConfigError

BUILT_IN = (
    "packaged",
    "sentence-transformers",
    "transformers",
    "open_clip",
    "timm",
    "classic",
    "features",
    "cached",
    "labels",
)
TRAPS = (
    "features:a+b.npy",
    "features:c,d.npy",
    "features:x.parquet#a,b,c",
    "features:x.parquet#a, b",
    "features:x.npy,y+z",
    "features:my packaged file+2.npz",
    "open_clip:ViT-B-32/laion+x",
    "open_clip:ViT-B-32/./a,b+c.pt",
    "sentence-transformers:./a+b",
    "sentence-transformers:org/model,v2",
    "timm:resnet18@w+x.pt",
    "labels:ann,bob",
    "labels:./a+b.csv",
    "transformers:./a+b,c@0,2,-1:mean",
    "cached:a+b",
    "packaged:minilm-l6@1",
    "classic:pixels-2x4",
    "mine:any+thing,else",
)


@pytest.fixture(autouse=True)
def _plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "backbones", "mine = MODULE:make", "make = int", monkeypatch)


def test_the_traps_have_names_of_every_kind_and_of_a_plug_in() -> None:
    assert {name.partition(":")[0] for name in TRAPS} == set(kinds_of_backbones()) == {*BUILT_IN, "mine"}


@pytest.mark.parametrize("space", ["", " "])
def test_both_marks_separate_only_before_a_kind(space: str) -> None:
    for name in TRAPS:
        assert alternatives(name, "--teacher") == members(name, "--teacher") == [name]
    for pair in itertools.product(TRAPS, repeat=2):
        for text, parts in ((f"{space}+{space}".join(pair), members), (f"{space},{space}".join(pair), alternatives)):
            assert parts(text, "--teacher") == list(pair)
        assert alternatives(f"{space}+{space}".join(pair), "--teacher") == ["+".join(pair)]


def test_a_comma_separates_committees() -> None:
    text = "features:a+b.npy+features:c,d.npy,cached:e + mine:f"
    assert alternatives(text, "--teacher") == ["features:a+b.npy+features:c,d.npy", "cached:e+mine:f"]
    assert [members(name, "--teacher") for name in alternatives(text, "--teacher")] == [
        ["features:a+b.npy", "features:c,d.npy"],
        ["cached:e", "mine:f"],
    ]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("packaged:wordllama+", "+"),
        ("packaged:wordllama + ", "+"),
        ("+packaged:wordllama", "+"),
        ("packaged:wordllama++cached:a", "+"),
        ("packaged:wordllama+ +cached:a", "+"),
        ("packaged:wordllama,", "comma"),
        (",packaged:wordllama", "comma"),
        ("packaged:wordllama,,cached:a", "comma"),
        ("features:a.npy,", "comma"),
        (" ,", "comma"),
        ("+", "+"),
    ],
)
def test_an_empty_name_is_refused(text: str, mark: str) -> None:
    with pytest.raises(ConfigError) as error:
        alternatives(text, "--teacher")
    assert str(error.value).startswith(f"--teacher must have a value before and after each {mark}: got ")


@pytest.mark.parametrize("text", ["", " "])
def test_a_text_without_a_name_is_refused(text: str) -> None:
    for parts in (alternatives, members):
        with pytest.raises(ConfigError, match="--teacher must have a value before and after each"):
            parts(text, "--teacher")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("packaged:wordllama+packagd:minilm-l6", r"after each \+: got 'packagd:' in .* Did you mean packaged\?"),
        ("packaged:wordllama, clazzic:hashing-64", "after each comma: got 'clazzic:' in .* Did you mean classic"),
        ("packaged:wordllama,minilm-l6@1", "after each comma: got 'minilm-l6@1' in .* Write packaged:minilm-l6@1, for"),
        (
            "cached:a,classic:pixels-2x2 + pixels-4x4",
            r"after each \+: got 'pixels-4x4' in .* Write classic:pixels-4x4,",
        ),
    ],
)
def test_a_kind_that_is_misspelt_or_missing_after_a_mark_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        alternatives(text, "--teacher")
    assert alternatives("features:a,clazzic:b.npy", "--teacher") == ["features:a,clazzic:b.npy"]
