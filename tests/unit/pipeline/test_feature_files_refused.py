"""Feature files made to harm: each is refused in one sentence, runs nothing and fills no memory."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from w2s_probe.core.errors import DataError, ShapeError
from w2s_probe.pipeline.feature_files import read_features

X = np.arange(12, dtype=np.float32).reshape(3, 4)
Write = Callable[[Path], object]


class Payload:
    """Makes a file called `ran` in the working directory when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (open, ("ran", "w"))


def npy(shape: str = "(3, 4)", *, data: bytes = X.tobytes(), dtype: str = "'<f4'", version: int = 1) -> bytes:
    return npy_of(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}", data, version=version)


def npy_of(header: str, data: bytes = b"", *, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + b"\n" + data


def npz(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, twice: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
            if name == twice:
                archive.writestr(name, content)
    return buffer.getvalue()


def central(archive: bytes, offset: int, value: bytes) -> bytes:
    """Return an archive with a field of its first central entry changed."""
    at = archive.find(b"PK\x01\x02") + offset
    return archive[:at] + value + archive[at + len(value) :]


def tensors(header: object, *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + X.tobytes()


def tensor(dtype: str = "F32", shape: tuple[int, ...] = (3, 4), start: int = 0) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, 48]}


def half(start: int) -> dict[str, object]:
    """Return one of two tensors that share a file."""
    return {"dtype": "F32", "shape": (3, 2), "data_offsets": [start, start + 24]}


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[Payload()]], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def parquet(**columns: object) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


PLAIN = npz({"X.npy": npy()})
LISTS = parquet(id=["a", "b"], features=[[1.0, 2.0], [3.0, 4.0]])
REFUSED: dict[str, tuple[bytes, str]] = {
    "pickle.npy": (pickle.dumps(Payload()), "magic string is not correct"),
    "objects.npy": (pickled(), "Python objects"),
    "empty.npy": (b"", "got 0"),
    "head.npy": (b"\x93NUMPY\x01\x00", "EOF"),
    "huge.npy": (npy("(1000000000000, 1000000)"), "cannot be read"),
    "overflow.npy": (npy("(4294967296, 4294967296)"), "cannot be read"),
    "negative.npy": (npy("(-3, -4)"), "negative"),
    "number.npy": (npy("12"), "shape is not valid"),
    "boolean.npy": (npy("(True, 4)"), "cannot be read"),
    "call.npy": (npy_of("__import__('os').mkdir('ran')"), "malformed"),
    "nested.npy": (npy_of("(" * 9000), "cannot be read"),
    "minus.npy": (npy_of("-" * 9000 + "1"), "cannot be read"),
    "long.npy": (npy_of(" " * 60000), "large"),
    "version.npy": (npy(version=9), "format version"),
    "records.npy": (npy("(3,)", dtype="[('a', '<f4'), ('b', '<f4', (3,))]"), "must be numbers"),
    "complex.npy": (npy("(3, 2)", dtype="'<c8'"), "must be numbers"),
    "nothing.npy": (npy("(3000000000, 4)", dtype="'<U0'", data=b""), "must be numbers"),
    "short.npy": (npy()[:-1], "cannot be read"),
    "more.npy": (npy() + b"\0", "its header says"),
    "archive.npy": (PLAIN, "its content is compressed (zip)"),
    "array.npz": (npy(), "not a zip file"),
    "pickle.npz": (pickle.dumps(Payload()), "not a zip file"),
    "objects.npz": (npz({"X.npy": pickled()}), "never loaded"),
    "ids.npz": (npz({"X.npy": npy(), "ids.npy": pickled()}), "never loaded"),
    "climbing.npz": (npz({"X.npy": npy(), "../../up.npy": npy()}), "not paths: it holds ../../up."),
    "absolute.npz": (npz({"X.npy": npy(), "/up/up.npy": npy()}), "not paths"),
    "elsewhere.npz": (npz({"../X.npy": npy()}), "not paths: it holds ../X."),
    "raw.npz": (npz({"X": b"hello"}), "no item named"),
    "huge.npz": (npz({"X.npy": npy("(1000000000, 4)")}), "EOF"),
    "more.npz": (npz({"X.npy": npy() + b"\0"}), "more bytes than its header"),
    "cut.npz": (PLAIN[:-30], "not a zip file"),
    "bzip2.npz": (npz({"X.npy": npy()}, method=zipfile.ZIP_BZIP2), "does not use"),
    "encrypted.npz": (central(PLAIN.replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\1"), 8, b"\1"), "encrypted"),
    "unknown.npz": (central(PLAIN, 10, b"\x63"), "does not use"),
    "promise.npz": (central(PLAIN, 24, struct.pack("<I", 2**32 - 2)), "must need at most 100 times"),
    "understated.npz": (
        central(npz({"X.npy": npy("(300, 4)", data=bytes(4800))}), 24, b"\xb0\0\0\0"),
        "cannot be read",
    ),
    "ids2d.npz": (npz({"X.npy": npy(), "ids.npy": npy()}), "one text or whole number for each row"),
    "ids0d.npz": (npz({"X.npy": npy(), "ids.npy": npy("()", data=bytes(4))}), "one text or whole number for each row"),
    "characters.npz": (
        npz({"X.npy": npy(), "ids.npy": npy("(3,)", dtype="'<U1'", data=b"\xff" * 12)}),
        "cannot be read",
    ),
    "beyond.safetensors": (tensors({"X": tensor()}, length=10**15), "header too large"),
    "overlap.safetensors": (tensors({"X": tensor(), "Y": tensor()}), "invalid offset"),
    "bfloat.safetensors": (tensors({"X": tensor("BF16", (3, 9))}), "invalid shape"),
    "float8.safetensors": (tensors({"X": tensor("F8_E4M3", (6, 8))}), "float8"),
    "odd.safetensors": (tensors({"X": tensor("Q9")}), "unknown variant"),
    "huge.safetensors": (tensors({"X": tensor(shape=(2**40, 2**40))}), "overflow"),
    "deep.safetensors": (tensors(b"[" * 100_000), "invalid JSON"),
    "path.safetensors": (tensors({"../../X": tensor()}), "not paths: it holds ../../X."),
    "names.safetensors": (tensors({"\x1b[31m" + "a" * 9999: half(0), "b" * 9999: half(24)}), "…"),
    "cut.parquet": (LISTS[:-50], "no Parquet footer"),
    "hole.parquet": (LISTS[:4] + LISTS[60:], "cannot be read"),
    "ragged.parquet": (parquet(features=[[1.0, 2.0], [3.0]]), "differ in length"),
    "missing.parquet": (parquet(features=[[1.0, 2.0], None]), "differ in length"),
    "hole-in-list.parquet": (parquet(features=[[1.0, None], [3.0, 4.0]]), "got nan in row 0, column 1"),
    "texts.parquet": (parquet(features=[["1"], ["2"]]), "not lists of numbers"),
    "nested.parquet": (parquet(features=[[[1.0]], [[2.0]]]), "not lists of numbers"),
    "struct.parquet": (parquet(features=[{"a": 1}, {"a": 2}]), "not lists of numbers"),
    "binary.parquet": (parquet(features=[b"1", b"2"]), "not lists of numbers"),
    "scalars.parquet": (parquet(features=[1.0, 2.0]), "not lists of numbers"),
    "null.parquet": (parquet(a=[1.0, None]), "got nan in row 1, column 0"),
    "infinite.parquet": (parquet(a=[1.0, np.inf]), "got inf in row 1, column 0"),
    "no-id.parquet": (parquet(id=["a", None], a=[1.0, 2.0]), "1 missing"),
    "ids.parquet": (parquet(id=[["a"], ["b"]], a=[1.0, 2.0]), "List(String)"),
    "words.parquet": (parquet(id=["a", "b"], a=["x", "y"]), "Save the features as numbers"),
    "wide.parquet": (parquet(a=pl.Series([1, 2], dtype=pl.Int128)), "128-bit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_sentence_and_runs_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content, said = REFUSED[name]
    Path(name).write_bytes(content)
    with pytest.raises((DataError, ShapeError)) as refusal:
        read_features(Path(name))
    assert said in str(refusal.value)
    assert len(str(refusal.value)) < 400
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_array_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        (tmp_path / "x.npz").write_bytes(npz({"X.npy": npy()}, twice="X.npy"))
    with pytest.raises(DataError, match="X twice"):
        read_features(tmp_path / "x.npz")


def test_the_payload_would_have_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Payload())).close()  # noqa: S301  # what must never happen above
    assert Path("ran").exists()


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", ">f8", "<f16", "<i4", "|b1", ">u2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_any_plain_numbers_are_read_as_they_are(tmp_path: Path, dtype: str, order: str, suffix: str) -> None:
    array = np.array(X > 5 if dtype == "|b1" else X, dtype=dtype, order=order)  # type: ignore[call-overload]
    path = tmp_path / f"x.{suffix}"
    np.save(path, array) if suffix == "npy" else np.savez_compressed(path, X=array, ids=np.array([b"a", b"b", b"c"]))
    file = read_features(path)
    found, ids = file.X, file.ids
    assert found.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(found, array.astype(np.float64))
    assert ids == (None if suffix == "npy" else ["a", "b", "c"])


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_the_npy_header_is_read(tmp_path: Path, version: int) -> None:
    (tmp_path / "x.npy").write_bytes(npy(version=version))
    np.testing.assert_array_equal(read_features(tmp_path / "x.npy").X, X)


def zeros_in_zip(path: Path, *, said: int | None = None) -> None:
    """Write 1.2 GB of zeros as an array in a zip of 1.2 MB."""
    rows = 300_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("X.npy", "w") as member:
        member.write(npy(f"({rows}, 1)", data=b""))
        block = bytes(10**7)
        for _ in range(4 * rows // len(block)):
            member.write(block)


def one_value_in_parquet(path: Path) -> None:
    """Write 150 million equal numbers as Parquet, which takes some kilobytes."""
    pl.DataFrame({"a": pl.repeat(1.0, 150_000_000, eager=True)}).write_parquet(path, row_group_size=10**7)


PEAK = """
import resource, sys
from pathlib import Path
from w2s_probe.pipeline.feature_files import read_features
from w2s_probe.core.errors import DataError
import numpy, polars, safetensors
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_features(Path(sys.argv[1]))
except DataError as error:
    after = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(max(after) - before, error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bomb.npz", "bomb.parquet"])
def test_a_bomb_is_refused_before_it_fills_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    zeros_in_zip(path) if name == "bomb.npz" else one_value_in_parquet(path)
    assert path.stat().st_size < 10**7
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    grown, said = done.stdout.split(" ", 1)
    assert int(grown) < 50_000  # kilobytes; the arrays would take 1.2 GB
    assert "must need at most 100 times its size" in said


@pytest.mark.parametrize("name", ["objects.npy", "climbing.npz", "promise.npz", "overlap.safetensors", "hole.parquet"])
def test_the_command_line_says_it_in_one_line(cli: Cli, table: Path, tmp_path: Path, name: str) -> None:
    content, said = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    done = cli("run", "table.csv", "--teacher", f"features:{name}", "--student", "features:s.npy", "--label", "y")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "cache").exists()


def test_a_file_cannot_steer_the_terminal(cli: Cli, table: Path, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(REFUSED["names.safetensors"][0])
    done = cli("run", "table.csv", "--teacher", "features:x.safetensors", "--student", "features:s.npy", "--label", "y")
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
    assert "\\x1b[31maaa" in done.stderr
