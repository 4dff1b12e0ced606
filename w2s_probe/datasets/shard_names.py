"""Names of shards: their numeric order, missing numbers of a numbered set, and the part that a name tells.

Published data sets come as ``data/train-00000-of-00002.parquet``, as ``train.csv`` or as ``train/0000.parquet``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.splits import PARTS
from w2s_probe.datasets.published import PUBLISHED_NAMES

NUMBERED = re.compile(r"(?P<prefix>.*?)[-._]?(?P<number>\d+)-of-(?P<total>\d+)")
PART_NAMES = {*PUBLISHED_NAMES, *PARTS}
WORDS = {
    **PUBLISHED_NAMES,
    **dict.fromkeys(("trainval", "trn"), "train"),
    **dict.fromkeys(("eval", "evaluation"), "evaluation"),
    **dict.fromkeys(("held", "heldout", "holdout"), "held-out"),
}  # words of a longer name that tell a part to its reader only
WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+")  # also of myTrainSet
ENDINGS = re.compile(r"(data|dataset|set|split|part|file|rows|samples|examples|items|texts|table|df)+$")


@dataclass(frozen=True, slots=True)
class ShardName:
    """What a file name tells.

    Parameters
    ----------
    home : str
        Folder of the data set that the file belongs to, relative to the folder that was given.
    part : str
        Part of the data, such as train; empty if the name tells none.
    number, total : int
        Place in a numbered set and the size of the set; -1 without them.
    prefix : str
        What stands before the part in the name of a file of a numbered set; with a slash, the name of the set in the
        folder of a part.
    """

    home: str
    part: str
    number: int = -1
    total: int = -1
    prefix: str = ""


def numeric_order(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts names by the numbers in them: ``part-2`` before ``part-10``.

    Parameters
    ----------
    name : str
        Name of a file.

    Examples
    --------
    >>> sorted(["x-10.csv", "x-9.csv", "w.csv"], key=numeric_order)
    ['w.csv', 'x-9.csv', 'x-10.csv']
    """
    pieces = re.split(r"(\d+)", name)
    return [(1, int(piece), piece) if piece.isdecimal() else (0, 0, piece) for piece in pieces if piece]


def part_order(part: str) -> int:
    """Return a key that sorts parts as hubs do: train, validation, test, then others.

    Parameters
    ----------
    part : str
        Part that the name of a file tells; empty without one.

    Examples
    --------
    >>> sorted(["test", "more", "validation", "train"], key=part_order)
    ['train', 'validation', 'test', 'more']
    """
    order = list(dict.fromkeys(PUBLISHED_NAMES.values()))
    meaning = PUBLISHED_NAMES.get(part.lower())
    return len(order) if meaning is None else order.index(meaning)


def shard_name(path: str) -> ShardName:
    """Return what the name of a file tells.

    Parameters
    ----------
    path : str
        Path with slashes, relative to the folder that was given, without the suffix of its format.

    Examples
    --------
    >>> shard_name("data/train-00000-of-00002")
    ShardName(home='data', part='train', number=0, total=2, prefix='')
    >>> shard_name("default/test/0000").part, shard_name("val").part, shard_name("reviews").part
    ('test', 'val', '')
    """
    place = PurePosixPath(path)
    home, numbered = str(place.parent), NUMBERED.fullmatch(place.name)
    stem = numbered["prefix"] if numbered else place.name
    number, total = (int(numbered["number"]), int(numbered["total"])) if numbered else (-1, -1)
    last = re.split(r"[-._]", stem)[-1]
    for name in (stem, last) if numbered else (stem,):
        if name.lower() in PART_NAMES:
            return ShardName(home, name.lower(), number, total, stem[: -len(name)])
    if place.parent.name.lower() in PART_NAMES:
        prefix = f"/{stem}" if numbered else ""
        return ShardName(str(place.parent.parent), place.parent.name.lower(), number, total, prefix)
    return ShardName(home, stem if numbered else "", number, total)


def check_complete(
    paths: Sequence[str], names: Sequence[ShardName], *, data: str, expected: Callable[[str], bool]
) -> None:
    """Raise `DataError` if a file of a numbered set is missing; the first number is 0, or 1 if the last is the total.

    Parameters
    ----------
    paths : sequence of str
        The files.
    names : sequence of ShardName
        What their names tell.
    data : str
        Name of the data, for messages.
    expected : callable
        Whether a missing file of this path was asked for.
    """
    sets: dict[tuple[str, str, str], dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    example: dict[tuple[str, str, str, int], str] = {}
    for path, name in zip(paths, names, strict=True):
        if name.total >= 0:
            sets[name.home, name.part, name.prefix][name.total].add(name.number)
            example.setdefault((name.home, name.part, name.prefix, name.total), path)
    for (home, part, prefix), totals in sets.items():
        for total, numbers in totals.items():
            written = example[home, part, prefix, total]
            first = int(total in numbers and 0 not in numbers)
            absent = [number for number in range(first, first + total) if number not in numbers]
            if absent and expected(missing := _with_number(written, absent[0])):
                chosen = _digits(sorted(numbers), absent, written)
                msg = (
                    f"{data} must have all {total} files of its numbered set: {Path(missing).name} is missing. "
                    "Add this file, or name the files you have with a pattern in quotes, such as "
                    f"'{_with_number(Path(written).name, chosen)}'."
                )
                raise DataError(msg)
        if len(totals) > 1:
            sizes = listed([str(total) for total in sorted(totals)])
            msg = (
                f"{data} must have one numbered set of files for {part or 'all rows'}: got sets of {sizes} files. "
                "Remove the files of the old set, or name those of one set with a pattern in quotes."
            )
            raise DataError(msg)


def check_one_table(paths: Sequence[str], *, data: str, pattern: str) -> None:
    """Raise `DataError` if names without a part in a form that is read hold words such as train and test.

    Their rows would be one table, in which test rows can be drawn for training.

    Parameters
    ----------
    paths : sequence of str
        Paths relative to the folder that was given.
    data : str
        Name of the data, for messages.
    pattern : str
        Pattern of all these files.
    """
    told = {path: _words_of_parts(str(PurePosixPath(path))) for path in paths}
    if len(set(told.values())) < 2:
        return
    first = next(path for path, words in told.items() if words)
    other = next(path for path, words in told.items() if words != told[first])
    got = ", ".join(f"{path:.80} ({' and '.join(sorted(told[path])) or 'no part'})" for path in sorted((first, other)))
    suffix = "".join(PurePosixPath(first).suffixes[-1:])
    several = len(set(told.values())) < len(told)
    advice = (
        "Move the files of each part into a folder called train, validation or test"
        if several
        else f"Rename the files to train{suffix}, validation{suffix} and test{suffix}"
    )
    msg = (
        f"file names of {data} must tell parts as train{suffix} and test{suffix} do, or none: got {got}. {advice}, or "
        f"read all of them as one table with a pattern in quotes, '{pattern}'."
    )
    raise DataError(msg)


def _words_of_parts(path: str) -> frozenset[str]:
    """Return the parts of which a path holds the words, such as train of ``my_train_set`` and ``trainingdata``."""
    words = [word.lower() for word in WORD.findall(path)]
    return frozenset(WORDS[bare] for word in words for bare in (word, ENDINGS.sub("", word)) if bare in WORDS)


def _digits(present: Sequence[int], absent: Sequence[int], path: str) -> str:
    """Return a pattern of the digits of numbers, as a path writes them: of those that stand there, and no others.

    Where the digits of all of them also make up a number that is absent, it is that of the first numbers that differ
    in their last digit only.
    """
    match = re.search(r"(\d+)-of-\d+", path)
    width = len(match[1]) if match else 1
    written = [f"{number:0{width}d}" for number in present]
    if any(fnmatchcase(f"{number:0{width}d}", _pattern(written)) for number in absent):
        written = [number for number in written if number[:-1] == written[0][:-1]]
    return _pattern(written)


def _pattern(numbers: Sequence[str]) -> str:
    """Return a pattern with the digits that numbers of one length have at each place."""
    places = ["".join(sorted(set(digits))) for digits in zip(*numbers, strict=False)]
    return "".join(digits if len(digits) == 1 else f"[{digits}]" for digits in places)


def _with_number(path: str, number: int | str) -> str:
    """Return a path with another number, as wide as its own, or with a pattern of it."""

    def other(match: re.Match[str]) -> str:
        return (number if isinstance(number, str) else f"{number:0{len(match[1])}d}") + match[2]

    return re.sub(r"(\d+)(-of-\d+)", other, path)


def parts_of(names: Sequence[ShardName], *, data: str, one_part: str = "") -> tuple[str, ...]:
    """Return the part of each file; empty if the names tell no parts, or all of them the same one.

    Parameters
    ----------
    names : sequence of ShardName
        What the names of the files tell.
    data : str
        Name of the data, for messages.
    one_part : str
        What to name for the rows of one part only, for messages.

    Raises
    ------
    DataError
        If names tell parts for some files only, or no test part, or if the files belong to several data sets.
    """
    parts = [name.part for name in names]
    homes = sorted({name.home for name in names if name.part in PART_NAMES})
    if len(homes) > 1:
        msg = (
            f"{data} must hold one data set: got files of parts in {len(homes)} folders, {listed(homes)}. Name one of "
            "these folders."
        )
        raise DataError(msg)
    _check_one_prefix(names, data)
    if not homes or len(set(parts)) == 1:
        return ()
    meaning = {PUBLISHED_NAMES.get(part, part) for part in parts}
    if meaning <= set(PARTS) or (meaning <= set(PUBLISHED_NAMES) and "test" in meaning):
        return tuple(parts)
    got = listed(sorted({part or "files without a part" for part in parts}))
    alone = f"Name one part, as in {one_part}" if one_part else "Name the files of one part with a pattern in quotes"
    msg = (
        f"file names of {data} must tell the parts train, test and validation, or none: got {got}. {alone}, or a "
        "column of parts with --split, or a file of parts with --split-file."
    )
    raise DataError(msg)


def _check_one_prefix(names: Sequence[ShardName], data: str) -> None:
    """Raise `DataError` if numbered sets of one part differ in what stands before the part."""
    prefixes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name in names:
        if name.part in PART_NAMES and name.total >= 0 and not name.prefix.startswith("/"):
            prefixes[name.home, name.part].add(name.prefix)
    for (_, part), several in prefixes.items():
        if len(several) > 1:
            got = sorted(f"{prefix}{part}" for prefix in several)
            msg = (
                f"{data} must hold one data set: got numbered sets {listed(got)} for the part {part}. Name the files "
                f"of one set with a pattern in quotes, such as 'DIR/{max(several)}*', or move each set into a folder "
                "of its own."
            )
            raise DataError(msg)
