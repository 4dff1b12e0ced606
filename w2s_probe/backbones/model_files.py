"""Which files of a folder belong to its model, and a folder of links that holds nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from shutil import copyfile
from stat import S_ISDIR, S_ISREG
from tempfile import TemporaryDirectory, gettempdir

from w2s_probe.backbones.identity import HashedFiles, short, unreadable
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.files import is_regular_file, reason

# what loading never opens; folders of other runtimes count if modules.json names them
OTHER_RUNTIMES = ("onnx/*", "openvino/*")
OTHER_FORMATS = ("*.md", ".*", "*.onnx", "*.h5", "*.msgpack", "*.ot")
NOT_WEIGHTS = (*OTHER_FORMATS, *OTHER_RUNTIMES)
MOST_FILES = 100_000  # links to large trees, or to each other, would be followed for hours
_PREFIX = "w2s_probe_model_"
VIEW = re.compile(rf"{re.escape(gettempdir())}[/\\]{_PREFIX}\w+[/\\]model")  # the folders of `links_to` in messages
ADAPTER = "adapter_config.json"  # the file of peft, which saves an adapter without its model
ROUTES = ("router_config.json", "config.json")  # of the module Router, which has modules below its folder


def adapter_advice(folder: Path) -> str:
    """Return what to do with a folder that holds an adapter of peft without its model; empty for other folders.

    Parameters
    ----------
    folder : Path
        The folder.
    """
    if not is_regular_file(folder / ADAPTER) or is_regular_file(folder / "config.json"):
        return ""
    return (
        f"{folder} holds an adapter only. Merge it into its model with merge_and_unload, save model and tokenizer with "
        "save_pretrained, and name their folder."
    )


def hash_folder(folder: Path, *, name: str) -> HashedFiles:
    """Return the hashes of a model's files, without documentation and weights of other runtimes.

    Links to files and folders are followed wherever they lead. Module folders that modules.json names are hashed
    whatever their names.

    Raises
    ------
    BackboneError
        If a file or folder cannot be read, is a pipe or a device, or is a link to a folder around it; if modules.json
        names a folder outside; if there are more than `MOST_FILES` files.
    """
    return hash_matching(folder, ("*",), name=name)


def local_path(name: str) -> Path:
    """Return the path that the user typed, with the home folder for ``~``; unchanged if there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def without_end(name: str) -> str:
    """Return the name of a folder without the separators at its end, which a shell adds; ``/`` stays."""
    return name.rstrip(f"{os.sep}{os.altsep or ''}") or name


def check_readable(folder: Path, *, name: str) -> None:
    """Raise `BackboneError` if the folder of the backbone called `name` cannot be listed."""
    _entries(folder, PurePosixPath(), name)


def hash_matching(folder: Path, patterns: Sequence[str], *, name: str) -> HashedFiles:
    """Return the hashes of the files of a model's folder whose names match, as in `hash_folder`."""
    files = sorted(_files(folder, name), key=lambda file: file[0].parts)
    chosen = {inner.as_posix(): path for inner, path in files if any(inner.match(pattern) for pattern in patterns)}
    return HashedFiles(chosen, name=name)


@contextmanager
def links_to(files: HashedFiles) -> Iterator[Path]:
    """Yield a temporary folder with a link to each file, so that a loader finds nothing that was not hashed.

    Where the user may not make links, as on Windows, it holds copies.
    """
    with ExitStack() as stack:
        try:
            # Windows cannot delete a copy whose weights are mapped: it stays
            place = stack.enter_context(TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True))
            folder = Path(place) / "model"
            folder.mkdir()
            for inner, path in files.files.items():
                link = folder / inner
                link.parent.mkdir(parents=True, exist_ok=True)
                _link(link, path, files)
        except OSError as error:
            msg = (
                f"{files.name} needs a temporary folder for links to its files: got {error.strerror or reason(error)}. "
                "Set TMPDIR to a folder that can be written."
            )
            raise BackboneError(msg) from error
        yield folder


def _link(link: Path, path: Path, files: HashedFiles) -> None:
    try:
        link.symlink_to(path)
    except OSError:  # on Windows it needs a right that few users have
        copyfile(path, link)
        files.copies.add(link.resolve())


def _files(folder: Path, name: str) -> Iterator[tuple[PurePosixPath, Path]]:
    """Yield the name and the real path of each file that counts, in no order."""
    modules = _modules(folder, name)
    pending: list[tuple[PurePosixPath, tuple[Path, ...]]] = [(PurePosixPath(), (folder.resolve(),))]
    count = 0
    while pending:
        above, around = pending.pop()  # the name of a folder inside the model, and the real folders down to it
        for entry in _entries(around[-1], above, name):
            inner, count = above / entry.name, count + 1
            _refuse_many(count, folder, name)
            mode = _mode(entry, inner, name, ignored=_is_left_out(inner, modules))
            target = Path(entry.path).resolve() if mode and entry.is_symlink() else Path(entry.path)
            if S_ISDIR(mode):
                _refuse_loop(inner, target, around, name)
                pending.append((inner, (*around, target)))
            elif mode:
                yield inner, target


def _entries(place: Path, inner: PurePosixPath, name: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return list(entries)
    except OSError as error:
        raise unreadable(name, str(place if inner == PurePosixPath() else inner), error) from error


def _mode(entry: os.DirEntry[str], inner: PurePosixPath, name: str, *, ignored: bool) -> int:
    """Return the mode of a folder, or of a file that is not `ignored`; 0 for an ignored file."""
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        if ignored:
            return 0
        raise unreadable(name, str(inner), error) from error
    if S_ISDIR(mode) or (S_ISREG(mode) and not ignored):
        return mode
    if ignored:
        return 0
    msg = f"{name} must hold only files and folders: {short(str(inner))} is neither. Remove it."
    raise BackboneError(msg)


def _refuse_loop(inner: PurePosixPath, target: Path, around: tuple[Path, ...], name: str) -> None:
    if any(folder.is_relative_to(target) for folder in around):
        msg = (
            f"{name} must not hold a link to a folder around it: {short(str(inner))} leads to {short(str(target))}. "
            "Remove the link."
        )
        raise BackboneError(msg)


def _refuse_many(count: int, folder: Path, name: str) -> None:
    if count > MOST_FILES:
        msg = (
            f"{name} must hold at most {MOST_FILES:,} files: {folder.name!r:.120} holds more. Name the model's folder."
        )
        raise BackboneError(msg)


def _is_left_out(inner: PurePosixPath, modules: set[PurePosixPath]) -> bool:
    if any(inner.match(pattern) for pattern in OTHER_FORMATS):
        return True
    return inner.parent not in modules and any(inner.match(pattern) for pattern in OTHER_RUNTIMES)


def _modules(folder: Path, name: str) -> set[PurePosixPath]:
    """Return the folders of the modules that modules.json names, and of the modules below them."""
    entries = _json(folder / "modules.json")
    named = [entry.get("path") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    pending = [_inside(PurePosixPath(), path, "modules.json", name) for path in named if isinstance(path, str)]
    modules: set[PurePosixPath] = set()
    while pending:
        module = pending.pop()
        if module not in modules:
            modules.add(module)
            configs = [_json(folder / module / route) for route in ROUTES]
            routes = [config.get("types") for config in configs if isinstance(config, dict)]
            below = [path for route in routes if isinstance(route, dict) for path in route]
            pending += [_inside(module, path, str(module / "config"), name) for path in below]
    return modules


def _inside(module: PurePosixPath, path: str, source: str, name: str) -> PurePosixPath:
    """Return the folder `path` below a module, or raise `BackboneError` if it leaves the module."""
    if PureWindowsPath(path).anchor or ".." in PureWindowsPath(path).parts:
        msg = f"{name} must have its modules in its folder: {source} names '{short(path)}'. Move the module there."
        raise BackboneError(msg)
    return module / path


def _json(path: Path) -> object:
    """Return the content of a JSON file, or None if it cannot be read, which its loader reports."""
    try:
        return json.loads(path.read_bytes()) if is_regular_file(path) else None
    except (OSError, ValueError, RecursionError):
        return None
