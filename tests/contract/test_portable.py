"""The package runs on Linux, macOS and Windows: what only one of them has is asked for where it is used."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from w2s_probe.cli.installation import EXTRAS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "w2s_probe"
FILES = sorted(PACKAGE.rglob("*.py"))
POSIX_ONLY = {"crypt", "fcntl", "grp", "nis", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty"}
WINDOWS_ONLY = {"_winapi", "msvcrt", "winreg", "winsound", "nt"}
TEXT_CALLS = {"read_text": 0, "write_text": 1}  # the place of `encoding` among their arguments
INSTALLS = re.compile(r"pip3? install")


def imports_at_the_top(source: str) -> Iterator[str]:
    """Yield the modules that the import of a module imports: those inside functions are left out."""
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def texts_in_the_encoding_of_the_system(source: str) -> Iterator[str]:
    """Yield each call that opens a text file without an encoding, which Windows then chooses."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or any(keyword.arg in ("encoding", None) for keyword in call.keywords):
            continue
        name = ast.unparse(call.func).rpartition(".")[2]
        if name in TEXT_CALLS and len(call.args) <= TEXT_CALLS[name]:
            yield ast.unparse(call)
        if name in ("open", "fdopen") and ast.unparse(call.func) not in (
            "os.open",
            "Image.open",
            "archive.open",
            "tarfile.open",
        ):
            modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
            if not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes):
                yield ast.unparse(call)


def test_the_rules_notice_what_they_forbid() -> None:
    source = "import os, fcntl\nif x:\n    from pwd import a\nclass C:\n    import tty\ndef f():\n    import grp"
    assert set(imports_at_the_top(source)) == {"os", "fcntl", "pwd", "tty"}
    texts = ["p.read_text()", "p.write_text(s)", "open(p)", "p.open('w')", "os.fdopen(3)"]
    others = ["p.read_text('utf-8')", "p.write_text(s, encoding='utf-8')", "open(p, 'rb')", "p.open(mode='xb')"]
    assert list(texts_in_the_encoding_of_the_system("\n".join(texts))) == texts
    assert list(texts_in_the_encoding_of_the_system("\n".join(others))) == []


def test_modules_import_at_their_top_what_every_system_has_and_name_their_encodings() -> None:
    imports, texts = {}, {}
    for file in FILES:
        source, name = file.read_text(encoding="utf-8"), file.relative_to(PACKAGE).as_posix()
        imports[name] = set(imports_at_the_top(source)) & (POSIX_ONLY | WINDOWS_ONLY)
        texts[name] = list(texts_in_the_encoding_of_the_system(source))
    assert {name: modules for name, modules in imports.items() if modules} == {}
    assert {name: calls for name, calls in texts.items() if calls} == {}


def test_one_module_writes_all_install_commands() -> None:
    writers = [
        file.relative_to(PACKAGE).as_posix()
        for file in FILES
        if any(
            isinstance(node, ast.Constant) and isinstance(node.value, str) and INSTALLS.search(node.value)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        )
    ]
    assert writers == ["__main__.py", "core/install.py"]  # the first where no module can be loaded


def test_the_doctor_looks_at_every_extra_for_users() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"all", "dev", "mutants"}


def test_a_checkout_has_the_same_bytes_on_every_system() -> None:
    assert "* text=auto eol=lf\n" in (ROOT / ".gitattributes").read_text(encoding="utf-8")
