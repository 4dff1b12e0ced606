"""Loading a model: only from files that were hashed, and with one line for whatever its loader raises."""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from w2s_probe.backbones.identity import HashedFiles, short
from w2s_probe.backbones.model_files import VIEW
from w2s_probe.backbones.repairs import OTHER_SHAPES, OTHER_TOKENIZER, OWN_CODE, explained, is_pointer, pointer_problem
from w2s_probe.core.errors import BackboneError, W2SProbeError
from w2s_probe.core.text import visible

# endings of files that decide what a model computes; other files that libraries open while they load are their own
MODEL_SUFFIXES = (".json", ".safetensors", ".bin", ".pt", ".pth", ".model", ".jinja", ".gguf")
MODEL_NAMES = ("modules.json", "config.json", "tokenizer_config.json", "tokenizer.json")  # also where libraries lie
SYSTEM = tuple(Path(folder) for folder in ("/proc", "/sys", "/dev", "/etc"))
_LONGEST = 200  # characters of a loader's message
_opened = threading.local()  # `paths`: what this thread opens while it loads a model


@contextmanager
def loading(*parts: HashedFiles, also: Iterable[Path] = ()) -> Iterator[None]:
    """Raise `BackboneError` if the block opens a model's file that is in no part, or if one of them changes.

    Parameters
    ----------
    parts : HashedFiles
        All files of the model.
    also : iterable of Path
        Other files and folders that it may open, since they cannot change its features.
    """
    _watch_files()
    paths: list[str] = []
    before, _opened.paths = getattr(_opened, "paths", None), paths
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="torch")  # problems are raised as exceptions too
            yield
    finally:
        _opened.paths = before
    for part in parts:
        part.check("loaded")
    hashed = {path for part in parts for path in (*part.files.values(), *part.copies)}
    opened = sorted({Path(os.path.realpath(path)) for path in paths})
    for path in opened:
        if path in hashed and is_pointer(path):  # a vocabulary of lines can be read from it
            msg = f"{parts[0].name} must hold its files: {pointer_problem(path)}"
            raise BackboneError(msg)
    for path in opened:
        if path not in hashed and _is_of_a_model(path) and not any(path.is_relative_to(place) for place in also):
            msg = (
                f"{parts[0].name} must consist of its own files: loading opened {short(str(path))}, which its hash "
                "does not cover. Save the whole model into one folder; merge an adapter into its model first."
            )
            raise BackboneError(msg)


@contextmanager
def one_line(name: str, duty: str, *, device: str, place: Path) -> Iterator[None]:
    """Turn what a model's code raises into `BackboneError`; files may be crafted to make it raise anything.

    Parameters
    ----------
    name : str
        Name of the backbone.
    duty : str
        What it must do, such as ``load with timm``.
    device : str
        Torch device, which may not exist.
    place : Path
        File or folder of the model.
    """
    try:
        yield
    except (W2SProbeError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # of code in Rust
            raise
        problem = explained(load_reason(error, place), place, duty=duty, device=device)
        msg = f"{name} must {duty} on device {device!r}: {problem}"
        raise BackboneError(msg) from error


def load_reason(error: BaseException, place: Path | None = None) -> str:
    """Return the message of a loader's error as one short line; links to hashed files become files in `place`."""
    text = visible(" ".join(VIEW.sub(lambda _: str(place or ""), str(error)).split()))
    if _is_pickle(error):  # torch's message advises to load the file nevertheless
        return "the file holds objects other than tensors, which are never loaded"
    if "trust_remote_code" in text:  # so do the messages on code
        return OWN_CODE
    if "`tiktoken` is required" in text:  # of a file of sentencepiece, too, where that is not installed
        return OTHER_TOKENIZER
    if "ignore_mismatched_sizes" in text:  # it advises to draw those weights at random
        return OTHER_SHAPES
    if isinstance(error, KeyError):
        return f"there is no {text:.{_LONGEST}}"
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(". ")[0] or f"{text:.{_LONGEST}}…"
    return text.rstrip(".") or type(error).__name__


def _is_pickle(error: BaseException | None) -> bool:
    while error is not None and type(error).__name__ != "UnpicklingError":
        error = error.__cause__ or error.__context__
    return error is not None


@cache
def _watch_files() -> None:
    """Install the hook that notes what a thread opens; a hook stays for the life of the process."""

    def note(event: str, arguments: tuple[Any, ...], opened: threading.local = _opened) -> None:
        if event != "open":
            return
        paths = getattr(opened, "paths", None)
        path, mode, flags = arguments
        if paths is None or not isinstance(path, (str, bytes)):
            return
        if not re.search("[wax+]", mode or "") and not (flags or 0) & (os.O_WRONLY | os.O_RDWR):
            paths.append(os.fsdecode(path))

    sys.addaudithook(note)


def _is_of_a_model(path: Path) -> bool:
    """Return whether a file can decide what a model computes; data of the system and of libraries cannot."""
    if path.suffix not in MODEL_SUFFIXES or not path.is_file():
        return False
    return path.name in MODEL_NAMES or not any(path.is_relative_to(place) for place in _libraries())


@cache
def _libraries() -> tuple[Path, ...]:
    import site
    import sysconfig

    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    return (*SYSTEM, *(Path(place).resolve() for place in places))
