"""What to do about a model that does not load, by the cause of its loader's error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from w2s_probe.backbones.hub import repair_advice
from w2s_probe.backbones.identity import short
from w2s_probe.core.install import INSTALL, NEWER_TRANSFORMERS, OTHER_TOKENIZERS

OWN_CODE = "it needs code that comes with the model, which is never run"
OTHER_SHAPES = "its weights have other shapes than its config.json says"
OTHER_TOKENIZER = "its tokenizer has no tokenizer.json, and its other files need more packages"
OTHER_MODEL = "Use another model, or compute its features yourself and use features:FILE."
POINTER = b"version https://git-lfs"  # how a file begins whose content Git LFS has not fetched
POINTER_BYTES = 1024  # more than such a file has
DEVICE = r"(?i)\b(cuda|hip|mps|xpu|nvidia|device)\b"
# patterns in the message of an error, and advice; where the message itself has the command, there is none
ADVICE = (
    (rf"^{OWN_CODE}", "Use a model that transformers knows, or compute its features yourself and use features:FILE."),
    (r"state_dict", "Name weights of this model."),
    (rf"^{OTHER_SHAPES}", "Use the config.json that belongs to its weights."),
    (r"does not recognize this architecture", f"Run {NEWER_TRANSFORMERS}, or use another model."),
    (
        r"have a `model_type` key",
        "Save the model with save_pretrained of transformers, or use timm: or open_clip: for images.",
    ),
    (
        rf"^{OTHER_TOKENIZER}|(SentencePiece|protobuf) library",
        f"Run {OTHER_TOKENIZERS}, or save the tokenizer as tokenizer.json where they are.",
    ),
    (INSTALL, ""),
    (r"No module named '([\w.]+)'", r"Install the package that has the module \1."),
    (r"need to install|not found in your environment|github\.com/", "Install that package."),
    (r"\bGPU\b.*\b(required|only)\b|\b(requires?|only)\b.*\bGPU\b", "Use a model that is not quantized, or a GPU."),
    (r"out of memory", "Use a smaller --batch-size, or --device cpu."),
)


def explained(text: str, place: Path, *, duty: str, device: str) -> str:
    """Return the message of a loader's error, or its cause in other words, and what to do.

    Parameters
    ----------
    text : str
        The message, without its full stop.
    place : Path
        File or folder of the model.
    duty : str
        What the model was to do. A model that loads and does not compute is not damaged.
    device : str
        Torch device.
    """
    pointer = next(_pointers(place), None)
    if pointer is not None and "quantiz" not in text and OWN_CODE not in text:
        return pointer_problem(pointer)
    for pattern, advice in ADVICE:
        if match := re.search(pattern, text):
            return f"{text}. {match.expand(advice)}".rstrip()
    if device != "cpu" and re.search(DEVICE, text):
        return f"{text}. Check --device."
    return f"{text}. {OTHER_MODEL if duty.startswith('compute') else repair_advice(place)}"


def pointer_problem(file: Path) -> str:
    """Return what is wrong with a file that `is_pointer`, and what to do."""
    return (
        f"{short(file.name)} is a Git LFS pointer, not the file itself. Run git lfs pull in {short(str(file.parent))}."
    )


def is_pointer(file: Path) -> bool:
    """Return whether a file is a pointer of Git LFS, in the place of a file that was not fetched."""
    try:
        if file.stat().st_size > POINTER_BYTES:
            return False
        with file.open("rb") as opened:
            return opened.read(len(POINTER)) == POINTER
    except OSError:
        return False


def _pointers(place: Path) -> Iterator[Path]:
    """Yield the pointers among the files of a model, given its file or folder."""
    if not place.is_dir():
        places = iter([place])
    else:
        places = (Path(folder) / name for folder, _, names in os.walk(place) for name in sorted(names))
    return filter(is_pointer, places)
