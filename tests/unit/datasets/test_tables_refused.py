"""Tables made to harm, or not what their name says: one sentence, no hang, no memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Cli
from tests.rights import without_rights
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import read_table

COLUMNS = DataConfig(data="", text="text", label="y")

REFUSED: dict[str, tuple[bytes, str]] = {
    "utf16.csv": ("text,y\na,1\n".encode("utf-16"), "not UTF-8"),
    "bytes.csv": (b"text,y\n\xff\xfe,1\n", "not UTF-8"),
    "header-bytes.csv": (b"tex\xfft,y\na,1\n", "not UTF-8"),
    "long-row.csv": (b"text,y\na\nb,1,2\n", "more fields"),
    "repeated.csv": (b"text,text,y\na,b,1\n", "distinct names: got repeated text"),
    "header.csv": (b"text,y\n", "at least one row"),
    "blank.csv": (b"\n\n\n", "empty CSV"),
    "open-quote.csv": (b'text,y\n"a,1\nb,0\n', "cannot be read"),
    "many-columns.csv": (b",".join(b"c%d" % i for i in range(50_000)) + b"\n", "c6, c7, … and no rows"),
    "zip.csv": (b"PK\x03\x04" + bytes(range(256)) * 4, "its content is compressed (zip)"),
    "bytes.ndjson": (b'{"text":"\xff","y":1}\n', "not UTF-8"),
    "list.ndjson": (b"[1,2]\n", "JSON object"),
    "deep.ndjson": (b'{"text":' + b"[" * 100_000 + b"\n", "Depth"),
    "deep-objects.ndjson": (b'{"y":' * 20_000 + b"1" + b"}" * 20_000 + b"\n", "Depth"),
    "cut.ndjson": (b'{"text":"a","y":1}\n{"text":"b', "cannot be read"),
    "nested.ndjson": (b'{"text":{"a":1},"y":1}\n', "got {'a': 1} in row 0"),
    "integer.ndjson": (b'{"text":"a","y":' + b"9" * 400 + b"}\n", "InvalidNumber"),
    "array.parquet": (b"PAR1" + bytes(100), "no Parquet footer"),
    "lie.parquet": (b"PAR1" + b"\xff" * 50 + b"\x32\0\0\0PAR1", "footer is damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    content, said = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refusal:
        read_table(tmp_path / name, COLUMNS)
    assert said in str(refusal.value)
    assert len(str(refusal.value)) < 500


READ: dict[str, tuple[bytes, list[str]]] = {
    "plain.csv": (b"text,y\na,1\nb,0\n", ["a", "b"]),
    "bom.csv": (b"\xef\xbb\xbftext,y\na,1\n", ["a"]),
    "crlf.csv": (b"text,y\r\na,1\r\nb,0\r\n", ["a", "b"]),
    "old-mac.csv": (b"text,y\ra,1\rb,0\r", ["a", "b"]),
    "nul.csv": (b"text,y\na\0b,1\n", ["a\0b"]),
    "long-cell.csv": (b"text,y\n" + b"a" * 10_000 + b",1\n", ["a" * 10_000]),
    "long-line.csv": (b"text,y\n" + b"a" * 20_000_000 + b",1\n", ["a" * 20_000_000]),
    "crlf.ndjson": (b'{"text":"a","y":1}\r\n{"text":"b","y":0}\r\n', ["a", "b"]),
}


@pytest.mark.parametrize("name", READ)
def test_odd_but_honest_tables_are_read_as_they_are(tmp_path: Path, name: str) -> None:
    content, texts = READ[name]
    (tmp_path / name).write_bytes(content)
    assert read_table(tmp_path / name, COLUMNS).items == texts


NO_FILES: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "loop of links": lambda path: path.symlink_to(path),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_only_a_regular_file_is_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.csv"
    NO_FILES[kind](path)
    told = {"pipe": "is a pipe", "endless device": "is a device", "folder": "it holds none"}
    text = told.get(kind, "there is no file")
    with pytest.raises(DataError, match=text):
        read_table(path, COLUMNS)


@pytest.mark.parametrize("option", ["data", "features", "split file", "config"])
def test_no_option_waits_for_a_pipe(process: Cli, table: Path, tmp_path: Path, option: str) -> None:
    name = {"data": "x.csv", "features": "x.npy", "split file": "x.csv", "config": "x.toml"}[option]
    os.mkfifo(tmp_path / name)
    pair = ("--teacher", "features:x.npy" if option == "features" else "features:t.npy", "--student", "features:s.npy")
    extra = {"split file": ("--split-file", name), "config": ("--config", name)}.get(option, ())
    done = process("run", name if option == "data" else "table.csv", *pair, "--label", "y", *extra, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_longer_than_the_system_takes_is_one_sentence() -> None:
    with pytest.raises(DataError, match="there is no file"):
        read_table(Path("n" * 5000 + ".csv"), COLUMNS)


def test_a_file_one_may_not_read_is_one_sentence() -> None:
    with tempfile.TemporaryDirectory() as folder:  # tmp_path lies in a folder that only its owner may enter
        path = Path(folder) / "t.csv"
        path.write_text("text,y\na,1\n")
        read_table(path, COLUMNS)  # so that nothing is imported by another user
        path.chmod(0)
        Path(folder).chmod(0o755)
        with without_rights(), pytest.raises(DataError, match="cannot be read"):
            read_table(path, COLUMNS)


def short_rows_below_a_long_header(path: Path) -> None:
    path.write_bytes(b",".join(b"c%d" % i for i in range(20_000)) + b"\n" + b"1\n" * 200_000)


def keys_of_their_own(path: Path) -> None:
    path.write_text("".join(json.dumps({f"k{i}": 1}) + "\n" for i in range(12_000)))


def one_long_text_many_times(path: Path) -> None:
    frame = pl.DataFrame({"text": ["a" * 1_200_000], "y": [1]})
    frame.select(pl.all().repeat_by(1000).list.explode()).write_parquet(path)


BOMBS: dict[str, Callable[[Path], None]] = {
    "bomb.csv": short_rows_below_a_long_header,
    "bomb.ndjson": keys_of_their_own,
    "bomb.parquet": one_long_text_many_times,
}
PEAK = """
import resource, sys
from pathlib import Path
import polars
from w2s_probe.core.config import DataConfig
from w2s_probe.datasets import read_table
from w2s_probe.core.errors import DataError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_table(Path(sys.argv[1]), DataConfig(data="", text="text", label="y"))
except DataError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


@pytest.mark.parametrize(
    "name", ["bomb.csv", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bomb.ndjson", "bomb.parquet"))]
)
def test_a_small_table_cannot_fill_memory(tmp_path: Path, name: str) -> None:
    BOMBS[name](tmp_path / name)
    assert (tmp_path / name).stat().st_size < 3_000_000
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    grown, said = done.stdout.split(" ", 1)
    assert "must need at most 100 times its size" in said
    assert int(grown) < 400_000  # kilobytes; the tables would take 1 to 32 GB
