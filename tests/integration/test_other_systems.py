"""What Windows lacks is imitated: verbs in a process without POSIX modules, and with stdout in cp1252, do the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import w2s_probe

ROOT = Path(w2s_probe.__file__).parents[1]
IMITATION = Path(__file__).parents[1] / "other_systems"
LACKS = "fcntl,resource,pwd,grp,termios,syslog,open-renames,open-folders,links,calls"
PROGRAM = """
import json, runpy, sys
codes = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["w2s_probe", *arguments]
    try:
        runpy.run_module("w2s_probe", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        codes.append(end.code)
print("codes", json.dumps(codes), file=sys.stderr)
"""
PAIR = ["--teacher", "features:t.npy", "--student", "features:s.npy", "-N", "400", "--n-test", "200"]
VERBS = [
    ["embed", "texts.csv", "--text", "text", "--backbone", "classic:hashing-8"],
    ["cache", "import", "own.npy", "--data", "texts.csv", "--text", "text", "--name", "own"],
    ["cache", "export", "own", "again.npy", "--data", "texts.csv", "--text", "text"],
    ["cache", "verify"],
    ["cache", "gc"],
    ["cache", "ls"],
    ["run", "table.csv", "--label", "y", *PAIR, "-n", "100", "--seeds", "1", "--out", "out/run", "--save-predictions"],
    ["forecast", "table.csv", "--label", "y", *PAIR, "-n", "100", "--out", "out/forecast"],
    ["sweep", "table.csv", "--label", "y", *PAIR, "-n", "50,100", "--seeds", "1", "--out", "out/sweep"],
    ["report", "out/run"],
    ["backbones"],
]


def run_all(folder: Path, verbs: list[list[str]], **variables: str) -> tuple[str, list[int]]:
    """Run verbs in one process; return what they print, in the encoding of their stdout, and their exit codes."""
    env = {**os.environ, "W2S_PROBE_CACHE": str(folder / "cache"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(verbs)], cwd=folder, env=env, capture_output=True, check=False
    )
    messages = done.stderr.decode("cp1252")
    assert "Traceback" not in messages
    assert "Warning" not in messages
    return done.stdout.decode(variables.get("PYTHONIOENCODING", "utf-8")), json.loads(messages.rpartition("codes ")[2])


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder but for those that an earlier or a killed process may add."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="imitates other systems on Linux")
def test_verbs_write_the_same_bytes_without_what_only_posix_has_and_in_cp1252(tmp_path: Path, table: Path) -> None:
    import numpy as np

    (tmp_path / "texts.csv").write_text("text\neins\nzwei\n\u00fcbervier\n", encoding="utf-8")
    np.save(tmp_path / "own.npy", np.eye(3, 4, dtype=np.float32))
    paths = os.pathsep.join(map(str, (IMITATION, ROOT)))
    printed, files = {}, {}
    for name, variables in {
        "here": {"PYTHONIOENCODING": "utf-8"},
        "there": {"PYTHONPATH": paths, "W2S_PROBE_TEST_WITHOUT": LACKS, "PYTHONIOENCODING": "cp1252"},
    }.items():
        place = tmp_path / name
        place.mkdir()
        for file in ("table.csv", "t.npy", "s.npy", "texts.csv", "own.npy"):
            (place / file).write_bytes((tmp_path / file).read_bytes())
        printed[name], codes = run_all(place, VERBS, **variables)
        assert codes == [0] * len(VERBS)
        files[name] = files_in(place)
    assert "\u2500" in printed["here"]  # a line of a table, which cp1252 has not
    assert len(printed["there"].splitlines()) == len(printed["here"].splitlines())
    assert set(files["there"]) == set(files["here"])
    different = [file for file, content in files["here"].items() if files["there"][file] != content]
    assert different == []


@pytest.mark.skipif(sys.platform != "linux", reason="imitates other systems on Linux")
def test_the_imitation_lacks_what_it_says(tmp_path: Path) -> None:
    program = """
import os, signal
from pathlib import Path
lacks = [name for name in ("set_blocking", "geteuid") if not hasattr(os, name)]
lacks += [name for name in ("pthread_sigmask",) if not hasattr(signal, name)]
try:
    import fcntl
except ImportError as error:
    lacks.append(error.name)
Path("file").touch()
steps = (lambda: os.open(".", os.O_RDONLY), lambda: os.symlink("file", "link"), lambda: os.replace("file", "other"))
with open("file"):
    for number, step in enumerate(steps):
        try:
            step()
        except PermissionError:
            lacks.append(number)
print(lacks)
"""
    env = {**os.environ, "PYTHONPATH": str(IMITATION), "W2S_PROBE_TEST_WITHOUT": LACKS}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(["set_blocking", "geteuid", "pthread_sigmask", "fcntl", 0, 1, 2])
