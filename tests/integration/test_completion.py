"""What shells offer on TAB, through click's machinery and through a real bash."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import polars as pl
import pytest
from click.shell_completion import FishComplete, ShellComplete, ZshComplete

from tests.conftest import Cli
from w2s_probe.backbones.packaged import TEXT_NAMES
from w2s_probe.backbones.packaged_decoder import DECODER_NAMES
from w2s_probe.backbones.packaged_images import IMAGE_NAMES
from w2s_probe.backbones.registry import kinds_of_backbones
from w2s_probe.cli.completion import Bash
from w2s_probe.cli.main import cli as group
from w2s_probe.datasets.builtin import BUILT_IN

BREAKS = " \t\n\"'@><=;|&(:"  # of an interactive bash


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    header = "text,label,the group"
    Path("table.csv").write_text(f"\ufeff{header}\n1,2,3\n", encoding="utf-8")
    Path("table.tsv").write_text(header.replace(",", "\t") + "\n1\t2\t3\n", encoding="utf-8")
    Path("table.csv.gz").write_bytes(gzip.compress(f"{header}\n1,2,3\n".encode()))
    Path("table.ndjson").write_text(json.dumps(dict.fromkeys(header.split(","), 1)) + "\n", encoding="utf-8")
    pl.DataFrame({name: [1] for name in header.split(",")}).write_parquet("table.parquet")
    Path("shards").mkdir()
    shutil.copy("table.parquet", "shards/part-0.parquet")
    np.save("features.npy", np.ones((2, 2)))
    for name, content in {
        "broken.parquet": b"PAR1",
        "broken.ndjson": b"[",
        "empty.csv": b"",
        "odd.csv": b"\xff\xfe",
    }.items():
        Path(name).write_bytes(content)
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe.csv")


def offered(line: str) -> list[str]:
    """Return what click offers at the end of a line, whatever the shell."""
    words = line.split(" ")
    completion = ShellComplete(group, {}, "w2s-probe", "_W2S_PROBE_COMPLETE")
    return [item.value for item in completion.get_completions(words[:-1], words[-1])]


def test_verbs_and_flags_are_offered() -> None:
    assert set(offered("")) == set(group.commands)
    assert offered("fore") == ["forecast"]
    assert offered("cache i") == ["import", "info"]
    assert "--teacher" in offered("run table.csv --te")


@pytest.mark.parametrize("table", ["csv", "tsv", "csv.gz", "ndjson", "parquet"])
def test_columns_of_the_data_are_offered(table: str) -> None:
    for flag in ("--text", "--label", "--group", "--id"):
        assert offered(f"run table.{table} {flag} ") == ["text", "label", "the group"]
    assert offered(f"run table.{table} --label l") == ["label"]
    assert offered(f"cache export n f.npy --data table.{table} --id t") == ["text", "the group"]
    assert offered("run shards --label l") == ["label"]


@pytest.mark.parametrize(
    "data",
    ["", "nothing.csv", "broken.parquet", "broken.ndjson", "empty.csv", "odd.csv", "pipe.csv", ".", "builtin:spam"],
)
def test_data_that_cannot_be_read_offers_no_column_and_no_error(data: str) -> None:
    for name in Path().glob("table*"):
        name.unlink()
    assert offered(f"run {data} --label ") == []


def test_data_are_files_and_built_in_names() -> None:
    assert offered("embed builtin:") == [f"builtin:{name}" for name in BUILT_IN]
    assert offered("embed b") == ["builtin:", "broken.ndjson", "broken.parquet"]
    assert {"builtin:", "table.csv", "shards/"} < {*offered("embed ")}
    assert offered("embed shards/p") == ["shards/part-0.parquet"]
    assert offered("embed none/x") == []


@pytest.mark.parametrize(
    "flag", ["run t.csv --teacher ", "run t.csv --student ", "embed t.csv --backbone ", "sweep t.csv --teacher "]
)
def test_backbones_are_offered_by_kind_then_by_name(flag: str) -> None:
    assert set(offered(flag)) == {f"{kind}:" for kind in kinds_of_backbones()}
    names = (*TEXT_NAMES, *DECODER_NAMES, *IMAGE_NAMES)
    assert offered(f"{flag}packaged:") == [f"packaged:{name}" for name in names]
    assert offered(f"{flag}packaged:word") == ["packaged:wordllama"]
    assert offered(f"{flag}packaged:wordllama+packaged:minilm-l6@5") == ["packaged:wordllama+packaged:minilm-l6@5"]
    assert offered(f"{flag}packaged:wordllama,clas") == ["packaged:wordllama,classic:"]
    assert offered(f"{flag}features:fe") == ["features:features.npy"]
    assert offered(f"{flag}sentence-transformers:./sh") == ["sentence-transformers:./shards/"]


def test_imports_and_fingerprints_of_the_cache_are_offered(cli: Cli) -> None:
    assert cli("cache", "import", "features.npy", "--name", "mine").returncode == 0
    fingerprint = cli("cache", "ls").stdout.splitlines()[2].split()[0]
    assert offered("run t.csv --teacher cached:") == ["cached:mine"]
    assert offered("cache info ") == ["mine", fingerprint]
    assert offered(f"cache gc --remove {fingerprint[:3]}") == [fingerprint]
    assert offered("run t.csv --cache nowhere --teacher cached:") == []


def test_completing_a_line_reads_only(tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert offered("run table.csv --out new --label l") == ["label"]
    assert offered("run table.csv --label text --label l") == ["label"]  # a flag given twice is told when the line runs
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", [Bash, ZshComplete, FishComplete])
def test_each_shell_has_a_script(kind: type[ShellComplete]) -> None:
    script = kind(group, {}, "w2s-probe", "_W2S_PROBE_COMPLETE").source()
    assert f"_W2S_PROBE_COMPLETE={kind.name}_complete" in script


def test_a_completion_loads_no_torch_and_a_csv_no_polars(tmp_path: Path) -> None:
    code = "import sys; from w2s_probe.cli.main import cli\ntry: cli(prog_name='w2s-probe')\n"
    code += "finally: print(*sys.modules, file=sys.stderr)"
    for line, unwanted in [
        ("run table.csv --label ", {"torch", "transformers", "polars", "numpy", "sklearn", "faiss"}),
        ("embed t.csv --backbone packaged:", {"torch", "transformers", "polars", "sklearn", "faiss"}),
        ("embed builtin:", {"torch", "transformers", "polars", "sklearn", "faiss"}),
    ]:
        environment = {
            "COMP_WORDS": f"w2s-probe {line}",
            "_W2S_PROBE_COMPLETE": "bash_complete",
            "COMP_WORDBREAKS": BREAKS,
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert len(done.stdout.splitlines()) >= 3
        assert not unwanted & {*done.stderr.split()}


BASH = """
cd "$1"; source script
COMP_LINE="w2s-probe $2"; COMP_POINT=${#COMP_LINE}
compopt() { printf 'compopt %s %s\\n' "$1" "$2"; }
_w2s_probe_completion w2s-probe
for reply in "${COMPREPLY[@]}"; do printf '%s\\n' "$reply"; done
"""


@pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="needs bash")
@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("fore", ["forecast"]),
        ("run t.csv --teacher packaged:word", ["wordllama"]),  # bash ends a word at the colon
        ("run t.csv --teacher=packaged:minilm-l6@5", ["5"]),
        ("run t.csv --teacher clas", ["compopt -o nospace", "classic:"]),
        ("run table.csv --label the", ["the\\ group"]),
        ("run table.csv --split-file ", ["compopt -o default"]),
        ("run table.csv --out ", ["compopt -o dirnames"]),
    ],
)
def test_a_real_bash_gets_replies(tmp_path: Path, line: str, replies: list[str]) -> None:
    (tmp_path / "script").write_text(Bash(group, {}, "w2s-probe", "_W2S_PROBE_COMPLETE").source(), encoding="utf-8")
    (tmp_path / "w2s-probe").write_text(
        f"#!{sys.executable}\nimport sys\nsys.argv[0] = 'w2s-probe'\nfrom w2s_probe.__main__ import main\nmain()\n"
    )
    (tmp_path / "w2s-probe").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "COMP_WORDBREAKS": BREAKS}
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", str(tmp_path), line],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == replies
    assert done.stderr == ""


def test_every_text_says_in_its_metavar_what_it_is() -> None:
    """A new metavar of a flag that takes a file, a column or a backbone must be one that `completed` knows."""

    def texts(command: click.Command) -> set[str]:
        parts = command.commands.values() if isinstance(command, click.Group) else ()
        own = {p.metavar or "" for p in command.params if isinstance(p, click.Option) and p.metavar}
        return own.union(*map(texts, parts))

    assert {"COLUMN", "BACKBONE", "DATA", "DIR", "FILE", "FINGERPRINT"} <= texts(group)
