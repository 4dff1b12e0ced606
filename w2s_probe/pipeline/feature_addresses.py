"""What follows ``features:``: a file, a folder or a pattern of shards, and a name of columns or of an array."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.files import is_folder, is_regular_file
from w2s_probe.core.input_files import check_no_pipe, pattern_advice

SUFFIXES = (".npy", ".npz", ".safetensors", ".parquet")
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFiles:
    """The files that an address means, in the order of their rows.

    Parameters
    ----------
    paths : tuple of Path
        The files, all with one suffix.
    name : str
        ``features:`` with the file, folder or pattern, in messages and results.
    label : str
        File, or the pattern of the series after its folder, as in ``emb/shard_*.npy``.
    typed : str
        The address as it was typed, without what follows ``#``.
    series : bool
        Whether the names are one series of numbers, so that the order of rows is known.
    """

    paths: tuple[Path, ...]
    name: str
    label: str
    typed: str
    series: bool = True

    @property
    def suffix(self) -> str:
        """Suffix of all files, in lower case."""
        return self.paths[0].suffix.lower()

    @property
    def shards(self) -> bool:
        """Whether a folder or a pattern was named."""
        return self.label != self.paths[0].name

    @property
    def example(self) -> str:
        """What messages write between ``features:`` and ``#``."""
        return self.typed if self.shards else self.label

    def name_of(self, path: Path) -> str:
        """Return what messages call one of the files."""
        return f"features:{path.name}"


def parse_address(text: str) -> tuple[Path, str | None]:
    """Return file, folder or pattern, and what follows ``#``; an existing file with # in its name comes first."""
    ends = [place for place, character in enumerate(text) if character == "#"]
    if not ends or Path(text).exists():
        return Path(text), None
    files = [end for end in reversed(ends) if Path(text[:end]).is_file()]
    files += [end for end in ends if Path(text[:end]).suffix.lower() in SUFFIXES or is_pattern(Path(text[:end]))]
    files += [end for end in ends if end and Path(text[:end]).is_dir()]
    return (Path(text[: files[0]]), text[files[0] + 1 :]) if files else (Path(text), None)


def is_pattern(path: Path) -> bool:
    """Return whether a path has ``*``, ``?`` or ``[``, and is not the name of something that is there."""
    return glob.has_magic(str(path)) and not (is_folder(path) or is_regular_file(path))


def ending(path: Path, keep: int = 0) -> str:
    """Return a path without its folders, but for the last `keep` ones; a pattern keeps one more."""
    return "/".join(path.parts[-1 - keep - is_pattern(path) :])


def files_of(path: Path) -> FeatureFiles:
    """Return the files that an address without ``#`` means.

    Raises
    ------
    DataError
        If there is none, or they have several suffixes, or a shard is missing.
    """
    name = f"features:{ending(path)}"
    check_no_pipe(path, name)
    if is_folder(path) or is_pattern(path):
        try:
            return _shards(_in_folder(path, name) if is_folder(path) else _matching(path, name), path, name)
        except OSError as error:
            msg = f"{name} must be a folder that can be read: got {error.strerror or error}. Check its permissions."
            raise DataError(msg) from error
    check_suffix(path, name)
    if not is_regular_file(path):
        msg = f"{name} must be a file: there is none at {path}. Check the path, relative to the working directory."
        raise DataError(msg)
    return FeatureFiles(paths=(path,), name=name, label=path.name, typed=str(path))


def check_suffix(path: Path, name: str) -> None:
    """Raise `DataError` if a file, called `name` in the message, has a suffix of no format."""
    if path.suffix.lower() not in SUFFIXES:
        msg = f"{name} must end in {', '.join(SUFFIXES)}: got {path.suffix or 'no suffix'!r}. Convert or rename it."
        raise DataError(msg)


def _in_folder(folder: Path, name: str) -> list[Path]:
    """Return the files of features in a folder."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in inside if path.suffix.lower() in SUFFIXES and not is_folder(path)]
    if files:
        return files
    below = [
        path for path in inside if is_folder(path) and any(file.suffix.lower() in SUFFIXES for file in path.iterdir())
    ]
    content = listed([path.name for path in inside]) or "nothing"
    advice = f"Name one of its folders, as in features:{below[0]}." if below else "Check the path."
    msg = f"{name} must hold files that end in {', '.join(SUFFIXES)}: it holds {content}. {advice}"
    raise DataError(msg)


def _matching(pattern: Path, name: str) -> list[Path]:
    """Return the files that a pattern means."""
    matches = [Path(path) for path in sorted(glob.glob(str(pattern), recursive=True))]  # noqa: PTH207  # any kind of path
    files = [path for path in matches if not is_folder(path)]
    if files:
        for path in files:
            check_suffix(path, f"features:{path.name}")
        return files
    what = f"only folders, such as {matches[0].name}" if matches else "none"
    msg = f"{name} must match files: there is {what} at {pattern}. {pattern_advice(str(pattern))}"
    raise DataError(msg)


def _shards(files: Sequence[Path], path: Path, name: str) -> FeatureFiles:
    """Return files in the order of their numbers; of names that are no series, in alphabetical order."""
    kinds = {file.suffix.lower(): file for file in reversed(files)}
    if len(kinds) > 1:
        typed = path if is_pattern(path) else path / "*"
        got = " and ".join(sorted(file.name for file in kinds.values()))
        msg = (
            f"{name} must mean files of one kind: it has {got}. Name one kind, as in "
            f"features:{typed.with_suffix(files[0].suffix)}."
        )
        raise DataError(msg)
    for file in files:
        check_no_pipe(file, f"features:{file.name}")
    root = Path(os.path.commonpath([file.absolute().parent for file in files]))
    names = [file.absolute().relative_to(root).as_posix() for file in files]
    numbers, series = _numbers(names)
    folder = f"{root.name}/" if root.name else ""
    if numbers is None:
        order, series = list(range(len(files))), f"*{files[0].suffix}"
    else:
        order = sorted(range(len(files)), key=numbers.__getitem__)
        _check_gaps(
            [names[i] for i in order], [numbers[i] for i in order], series, name, whole=not set("[?") & set(str(path))
        )
    return FeatureFiles(
        paths=tuple(files[i] for i in order),
        name=name,
        label=f"{folder}{series}",
        typed=str(path),
        series=numbers is not None,
    )


def _numbers(names: Sequence[str]) -> tuple[list[int] | None, str]:
    """Return the number of each name and their pattern, if the names differ in one number and in nothing else."""
    if len(names) == 1:
        return [0], names[0]
    rows = [NUMBER.findall(name) for name in names]
    texts = {NUMBER.sub("*", name) for name in names}
    varying = (
        [place for place in range(len(rows[0])) if len({row[place] for row in rows}) > 1] if len(texts) == 1 else []
    )
    if len(varying) != 1:
        return None, ""
    constant = iter("*" if place in varying else number for place, number in enumerate(rows[0]))
    return [int(row[varying[0]]) for row in rows], NUMBER.sub(lambda _: next(constant), names[0])


def _check_gaps(names: Sequence[str], numbers: Sequence[int], series: str, name: str, *, whole: bool) -> None:
    """Raise `DataError` if a number is missing or occurs twice; `whole` says that the first one must be 0 or 1."""
    if len(names) == 1:
        return
    problem = next(_gaps(names, numbers, series, whole=whole), None)
    if problem is not None:
        msg = (
            f"{name} must have every shard of {series}, once: {problem}. Write what is missing again, or name the "
            "shards to read with a pattern that numbers them without a gap."
        )
        raise DataError(msg)


def _gaps(names: Sequence[str], numbers: Sequence[int], series: str, *, whole: bool) -> Iterator[str]:
    """Yield what is wrong with numbers in ascending order."""
    for before, after, first, second in zip(numbers, numbers[1:], names, names[1:], strict=False):
        if after == before:
            yield f"{first} and {second} have one number"
        if after > before + 1:
            yield f"there is no number {before + 1} between {first} and {second}"
    if whole and numbers[0] > 1:
        yield f"the first is {names[0]}"
    total = re.search(r"\*-of-(\d+)", series)
    if total and int(total[1]) != len(names):
        yield f"their names promise {int(total[1])}, there are {len(names)}"
