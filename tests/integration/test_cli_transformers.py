"""Layers of language models on the command line: ladders, what is read, settings of texts, and mistakes."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.decoders import save_gpt2, save_llama
from tests.tiny_models import text_table

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="bare wheel: no transformers")
SIZES = ("-n", "24", "-N", "40", "--n-test", "40", "--seeds", "2", "--threads", "1", "--quiet")
COLUMNS = ("--text", "text", "--label", "label", "--id", "id")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Write a table and two models into the working folder."""
    text_table(tmp_path / "t.csv", 110)
    save_llama(tmp_path / "models" / "llama")
    save_gpt2(tmp_path / "models" / "gpt2")
    return tmp_path


def test_a_sweep_takes_every_layer_as_a_ladder_and_a_list_of_layers(place: Path, cli: Cli) -> None:
    teacher, student = "transformers:models/llama@*:mean", "transformers:models/gpt2@1,-1,classic:hashing-64"
    done = cli("sweep", "t.csv", *COLUMNS, "--teacher", teacher, "--student", student, *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)["config"]
    assert config["teachers"] == [f"transformers:llama@{layer}:mean" for layer in range(4)]
    assert config["students"] == ["transformers:gpt2@1:last", "transformers:gpt2@3:last", "classic:hashing-64"]
    again = cli("embed", "t.csv", "--text", "text", "--backbone", "transformers:models/llama@*:mean")
    assert again.stdout.count("encoded 0 rows") == 4


def test_defaults_are_printed_as_guesses_and_stand_in_the_result(place: Path, cli: Cli) -> None:
    pair = ("--teacher", "transformers:models/gpt2@0:mean", "--student", "transformers:models/llama")
    done = cli("run", "t.csv", *COLUMNS, *pair, *SIZES, "--json", "--prefix", "film: ", "--max-length", "6")
    assert done.returncode == 0, done.stderr
    teacher, student = (part for part in done.stderr.split("; ") if part.startswith(("teacher", "student")))
    assert "transformers:gpt2@0:mean" in teacher
    assert "guess" not in teacher
    assert student.startswith("student transformers:llama@3:last: ")
    assert student.endswith("(guess: MODEL@LAYER:POOL)")
    config = json.loads(done.stdout)["config"]
    assert (config["teacher"], config["student"]) == ("transformers:gpt2@0:mean", "transformers:llama@3:last")
    assert (config["prefix"], config["max_length"]) == ("film: ", 6)
    assert "precision" not in config
    assert "texts were longer than transformers:llama reads and were cut" in done.stderr


@pytest.mark.parametrize(("teacher", "student"), [("gpt2/", "llama/"), ("gpt2/@-1", "llama/:last"), ("gpt2", "llama")])
def test_a_slash_at_the_end_of_a_folder_leaves_the_name(teacher: str, student: str, place: Path, cli: Cli) -> None:
    pair = ("--teacher", f"transformers:models/{teacher}", "--student", f"transformers:models/{student}")
    done = cli("run", "t.csv", *COLUMNS, *pair, *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)["config"]
    assert (config["teacher"], config["student"]) == ("transformers:gpt2@3:last", "transformers:llama@3:last")


@pytest.mark.parametrize("end", ["", "/"])
def test_folders_of_one_name_keep_what_tells_them_apart_and_all_parts(end: str, place: Path, cli: Cli) -> None:
    names = [f"transformers:{folder}/tiny{end}" for folder in ("p1", "p2")]
    save_gpt2(place / "p1" / "tiny")
    save_llama(place / "p2" / "tiny")
    done = cli("run", "t.csv", *COLUMNS, "--teacher", names[0], "--student", names[1], *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)["config"]
    assert (config["teacher"], config["student"]) == ("transformers:p1/tiny@3:last", "transformers:p2/tiny@3:last")


def test_two_poolings_are_two_entries_of_the_cache(place: Path, cli: Cli) -> None:
    names = [part for pool in ("mean", "last") for part in ("--backbone", f"transformers:models/llama:{pool}")]
    done = cli("embed", "t.csv", "--text", "text", *names, "--json")
    first, second = json.loads(done.stdout)["backbones"]
    assert first["fingerprint"] != second["fingerprint"]
    listed = json.loads(cli("cache", "ls", "--json").stdout)
    assert {entry["spec"]["pooling"] for entry in listed["features"]} == {
        "mean over tokens of hidden layer 3 of 3",
        "last token of hidden layer 3 of 3",
    }


MISTAKES = {
    "several layers": (("--student", "transformers:models/llama@*"), "only embed, forecast and sweep take"),
    "committee of layers": (
        ("--teacher", "transformers:models/llama@*+classic:hashing-64"),
        "only embed, forecast and",
    ),
    "layer": (("--student", "transformers:models/gpt2@4"), "transformers:models/gpt2 has layers 0–3"),
    "pool": (("--student", "transformers:models/gpt2@1:sum"), "the pooling mean, last or first: got 'sum'"),
    "length": (
        ("--max-length", "65"),
        "--max-length must be at least 1 and at most 64, its limit, for transformers:mod",
    ),
    "no template": (
        ("--chat-template",),
        "--chat-template applies to transformers: models with a chat template only: got classic:hashing-64, transf",
    ),
    "no model": (
        ("--student", "classic:hashing-32", "--prefix", "a"),
        "--prefix applies to sentence-transformers:, transformers: and packaged:minilm-l6 models only",
    ),
    "no room": (("--prefix", "a word " * 40), "--prefix must leave room for the texts: 'a word a word a word"),
    "no language model": (
        ("--student", "packaged:minilm-l6", "--prefix", "a", "--chat-template"),
        "--chat-template applies to transformers: models with a chat template only",
    ),
    "bare folder": (("--student", "models/gpt2"), "Did you mean sentence-transformers:models/gpt2?"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str, place: Path, cli: Cli) -> None:
    more, expected = MISTAKES[mistake]
    usual = {"--teacher": "classic:hashing-64", "--student": "transformers:models/gpt2"}
    sides = [part for flag, name in usual.items() if flag not in more for part in (flag, name)]
    done = cli("run", "t.csv", *COLUMNS, *sides, *SIZES, *more)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr


def test_a_chat_template_is_used_where_there_is_one(place: Path, cli: Cli) -> None:
    template = "{% for m in messages %}<s> {{ m.content }} </s>{% endfor %}"
    save_llama(place / "models" / "chat", chat_template=template)
    pair = ("--teacher", "transformers:models/gpt2@1:mean", "--student", "transformers:models/chat@2:last")
    done = cli("run", "t.csv", *COLUMNS, *pair, *SIZES, "--chat-template", "--json")
    assert done.returncode == 0, done.stderr
    assert "transformers:gpt2 has no chat template: it reads the plain texts." in done.stderr
    assert "transformers:chat has no" not in done.stderr
    specs = [entry["spec"]["preprocessing"] for entry in json.loads(cli("cache", "ls", "--json").stdout)["features"]]
    assert sorted("in the chat template" in spec for spec in specs) == [False, True]


def test_images_are_refused(place: Path, cli: Cli) -> None:
    done = cli("embed", "builtin:digits", "--backbone", "transformers:models/gpt2")
    assert "transformers:models/gpt2 takes texts: builtin:digits holds images." in done.stderr
    assert done.returncode == 1
