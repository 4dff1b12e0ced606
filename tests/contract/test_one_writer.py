"""There is one way to write a file: `core/writing.py`. Other code gives it bytes, or fills the handle it opens."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from w2s_probe.cli.main import cli
from w2s_probe.cli.runtime import check_out

PACKAGE = Path(__file__).parents[2] / "w2s_probe"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "core" / "writing.py")
EXEMPT = {
    "backbones/dequantized.py",  # transformers writes a tokenizer to a folder only, here the system's temporary one
    "backbones/model_files.py",  # links to a model's files, in the system's folder of temporary files
    "cache/marks.py",  # a hidden file that a killed process leaves in a folder without marks would have it refused
    "cache/quarantine.py",  # moves whole files
    "datasets/image_columns.py",  # images to decode, in a temporary file of the system
    "datasets/unpacking.py",  # unpacked texts, in the system's folder of temporary files
}
GIVEN = {"handle", "buffer"}  # what the writer opened, and memory
BY_NAME = {"write_text", "write_bytes", "touch", "mkdir", "makedirs", "rename", "renames", "symlink_to", "hardlink_to"}
BY_NAME |= {"save_file", "serialize_file", "tofile", "dump", "copyfile", "copytree", "move", "mkstemp"}
WITH_HANDLE = re.compile(r"save|savez|savez_compressed|savetxt|write_(parquet|csv|ndjson|json|ipc|avro|excel)")


def writes(source: str) -> Iterator[str]:
    """Yield each expression that writes to the disk by itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom) and "tempfile" in ast.unparse(node):
            yield ast.unparse(node)
        if isinstance(node, ast.Call) and _writes(node, node.args[0] if node.args else None):
            yield ast.unparse(node)


def _writes(call: ast.Call, first: ast.expr | None) -> bool:
    path = ast.unparse(call.func)
    name = path.rpartition(".")[2]
    if path == "os.open":
        return ast.unparse(call.args[0]) != "os.devnull" and "os.O_RDONLY" not in ast.unparse(call)
    if name in ("open", "open_memmap"):
        mode = call.args[0 if isinstance(call.func, ast.Attribute) else 1 :][:1]
        modes = [*mode, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        return any(isinstance(m, ast.Constant) and re.search(r"^[rwaxbt+]*[wax+]", str(m.value)) for m in modes)
    if name == "replace":  # of a path; that of a text takes two arguments
        return path == "os.replace" or (len(call.args) == 1 and not call.keywords and "." in path)
    if WITH_HANDLE.fullmatch(name) and path.split(".")[0] != "torch":
        return isinstance(call.func, ast.Attribute) and not (isinstance(first, ast.Name) and first.id in GIVEN)
    return name in BY_NAME


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_other_code_writes_files(file: Path) -> None:
    exempt = str(file.relative_to(PACKAGE)) in EXEMPT
    assert bool(list(writes(file.read_text(encoding="utf-8")))) == exempt


@pytest.mark.parametrize(
    "source",
    [
        "path.open('w')", "path.open(mode='xb')", "open(path, 'r+')", "path.write_text('')", "path.write_bytes(b'')",
        "np.save(path, X)", "np.savez(folder / 'x', X)", "frame.write_csv(path)", "save_file(tensors, path)",
        "os.replace(a, b)", "a.replace(b)", "path.mkdir()", "os.open(path, flags)", "import tempfile",
    ],
)  # fmt: skip
def test_code_that_writes_is_recognized(source: str) -> None:
    assert list(writes(source)) == [source]


@pytest.mark.parametrize(
    "source",
    [
        "path.open('rb')",
        "open(path)",
        "os.open(path, os.O_RDONLY)",
        "text.replace('a', 'b')",
        "np.save(handle, X)",
        "frame.write_csv(buffer)",
    ],
)
def test_code_that_does_not_write_is_left_alone(source: str) -> None:
    assert list(writes(source)) == []


def verbs(command: click.Command) -> Iterator[click.Command]:
    if isinstance(command, click.Group):
        for part in command.commands.values():
            yield from verbs(part)
    else:
        yield command


def test_every_verb_checks_the_folder_of_its_files_before_it_computes() -> None:
    options = {
        verb.name: option for verb in verbs(cli) for option in verb.params if "--out" in getattr(option, "opts", ())
    }
    with_files = {"run", "forecast", "sweep", "diagnose", "variance", "spurious", "demo", "finetune", "reason"}
    assert set(options) == with_files
    assert {option.callback for option in options.values()} == {check_out}
