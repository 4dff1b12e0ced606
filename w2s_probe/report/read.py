"""What a verb read: one line for stderr, and a section of the pages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from w2s_probe.core.text import shorten, visible
from w2s_probe.pipeline.reading import PairsReading, Reading, Size
from w2s_probe.report.page import Grid, Section
from w2s_probe.results.read import FeaturesRead, Read

NAME = 40  # cells of a name in the line
MOST_CLASSES = 12  # classes that the line and the page name; of more, the largest and the smallest
EXTREMES = 3
FLAGS = {"n_labeled": "-n", "n_unlabeled": "-N", "n_test": "--n-test"}
TITLES = {"labeled": "n = {}", "unlabeled": "N = {}", "test": "{} test rows"}
TITLES_OF_PAIRS = {"labeled": "n = {} pairs", "unlabeled": "N = {} pairs", "test": "{} test pairs"}
SETTINGS = {"labeled": "n_labeled", "unlabeled": "n_unlabeled", "test": "n_test"}


def read_line(reading: Reading, *, given: Collection[str] = ()) -> str:
    """Return one line on rows, labels, columns, features and sizes.

    A choice that the user did not make is marked as a guess, with the option that replaces it. `given` are the names
    of the settings that the user gave, such as ``label``.
    """
    parts = [
        _rows(reading),
        *([] if reading.pairs is None else [_pairs(reading.pairs, given)]),
        *([] if reading.data is None else _columns(reading, given)),
        *([_pool(reading)] if reading.pool else []),
        *(_features(key, entry, guess=key in reading.guessed) for key, entry in reading.read.features.items()),
        *([_sizes(reading.sizes, TITLES if reading.pairs is None else TITLES_OF_PAIRS)] if reading.sizes else []),
    ]
    return f"read: {'; '.join(parts)}"


def read_sections(read: Read | None) -> Iterator[Section]:
    """Yield the section of a page on what was read; none for results that do not say it."""
    if read is None:
        return
    rows = [["rows", _counted(read.rows, read.left_out)]]
    if read.pool is not None:
        rows.append(["rows of the second table", _counted(read.pool.rows, read.pool.left_out)])
    if read.class_counts:
        rows.append(["classes", class_text(read.class_counts)])
    rows += [
        [
            f"{'features' if entry.abstains is None else 'predictions'} of {key}",
            f"{_name(entry.backbone)}: {_content(entry)}",
        ]
        for key, entry in read.features.items()
    ]
    yield Section(
        name="What was read", grids=[Grid(header=["what", "content"], rows=rows, folded="in Markdown", user=(1,))]
    )


def class_text(counts: Mapping[str, int]) -> str:
    """Return the classes with their rows; of many classes the number, the largest and the smallest."""
    if len(counts) <= MOST_CLASSES:
        return _listed(counts.items())
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return f"{len(counts):,}, the largest {_listed(ordered[:EXTREMES])}, the smallest {_listed(ordered[-EXTREMES:])}"


def _listed(counts: Collection[tuple[str, int]]) -> str:
    return ", ".join(f"{_name(name)} ({count:,})" for name, count in counts)


def _rows(reading: Reading) -> str:
    table = reading.table
    filled = (
        f", {table.short_rows:,} with empty fields for missing ones" if table is not None and table.short_rows else ""
    )
    return f"{_name(reading.name)}: {_counted(reading.read.rows, reading.read.left_out)}{filled}"


def _counted(rows: int, left_out: Mapping[str, int]) -> str:
    lost = ", ".join(f"{count:,} left out ({reason})" for reason, count in left_out.items() if count)
    return f"{rows:,} rows{', ' if lost else ''}{lost or ', none left out'}"


def _columns(reading: Reading, given: Collection[str]) -> Iterator[str]:
    """Yield what each column of the data means."""
    data, table = reading.data, reading.table
    if data is None or table is None:
        return
    builtin = data.data.startswith("builtin:")
    folder = table.has_ids and not data.id and not builtin  # of images
    own = builtin or folder
    if reading.labels and reading.pairs is None:
        where = "by folder" if folder else f"of column {_name(data.label)}"
        yield _labels(reading, where, [] if own else [name for name in ("label", "task") if name not in given])
    column = data.text or data.image
    modality = table.modality if reading.pairs is None else reading.pairs.modality
    if reading.pairs is not None and not reading.pairs.scores:
        pass  # the columns of prompts and answers are named before
    elif modality is not None:
        after = f" after prompts of column {_name(data.prompt)}" if data.prompt else ""
        yield f"{modality}s" + (f" of column {_name(column)}{after}" if column else "")
    else:
        yield f"no texts or images{_guess(['--text', '--image'])}"
    if table.has_ids:
        yield f"ids of column {_name(data.id)}" if data.id else "ids are paths" if folder else "ids of the data"
    else:
        yield f"no ids{'' if own else _guess(['--id'])}"
    if data.group and reading.labels:
        usual = ", ".join(f"{_name(label)} → {_name(value)}" for label, value in _first(reading.cue))
        cue = f", usual values {usual}{_guess(['--cue'] if reading.default_cue else [])}" if usual else ""
        yield f"groups of column {_name(data.group)}{cue}"
    if data.split:
        published = f", read as train, val and test{_guess(['labeled, unlabeled, test'])}" if table.published else ""
        yield f"parts of column {_name(data.split)}{published}"
    if table.source_name and (data.group_split or not builtin):
        yield f"sources of column {_name(table.source_name)}"


def _pairs(read: PairsReading, given: Collection[str]) -> str:
    """Return the number of preference pairs, and the columns that they come from."""
    counted = f"{read.pairs:,} pairs of {read.items:,} items"
    if read.scores:
        gap = f"at least {read.min_gap:g} apart" if read.min_gap else "of any difference"
        guess = _guess([] if "min_gap" in given else ["--min-gap"])
        return f"{counted}, drawn by scores of column {_name(read.scores)}, {gap}{guess}"
    prompts = f"prompts of column {_name(read.prompt)}, " if read.prompt else ""
    first, second = map(_name, read.answers)
    if read.preference:
        guess = _guess([] if "criterion" in given else ["--criterion"])
        return (
            f"{counted}: {prompts}answers of columns {first} and {second}, "
            f"preferences of column {_name(read.preference)}{guess}"
        )
    guess = _guess([f"--{name}" for name in ("chosen", "rejected") if name not in given])
    return f"{counted}: {prompts}preferred answers of column {first}, other answers of column {second}{guess}"


def _labels(reading: Reading, where: str, guesses: Sequence[str]) -> str:
    missing = f", without a label {reading.unlabeled:,}" if reading.unlabeled else ""
    guess = _guess([f"--{name}" for name in guesses])
    if reading.numbers is not None:
        low, high = reading.numbers
        return f"labels {where}: numbers from {low:.6g} to {high:.6g}{missing}{guess}"
    return f"classes {where}: {class_text(reading.read.class_counts)}{missing}{guess}"


def _pool(reading: Reading) -> str:
    pool = reading.read.pool
    return f"pool {_name(reading.pool)}" + (f": {_counted(pool.rows, pool.left_out)}" if pool is not None else "")


def _features(key: str, entry: FeaturesRead, *, guess: bool) -> str:
    option = _guess([f"features:{entry.file}#COLUMN"]) if guess else ""
    return f"{key} {_name(entry.backbone)}: {_content(entry)}{option}"


def _content(entry: FeaturesRead) -> str:
    """Return columns, dimension, type and order of features, or what predictions are."""
    if entry.abstains is not None:
        silent = f", abstains on {entry.abstains:,} rows" if entry.abstains else ""
        return f"{entry.dtype} of {_column_text(entry.columns or ())}, by {entry.matched_by}{silent}"
    parts = [
        *([_column_text(entry.columns)] if entry.columns is not None else []),
        f"{entry.dim:,} dimensions" if entry.dim else "not computed yet",
        entry.dtype,
        "by row" if entry.matched_by == "row" else f"by {entry.matched_by}",
    ]
    return ", ".join(parts)


def _column_text(columns: Sequence[str]) -> str:
    if tuple(columns) == ("X",):
        return "array X"
    if len(columns) == 1:
        return f"column {_name(columns[0])}"
    return f"{len(columns):,} columns {_name(columns[0])} … {_name(columns[-1])}"


def _sizes(sizes: Sequence[Size], titles: Mapping[str, str]) -> str:
    texts = [titles[size.part].format("/".join(f"{rows:,}" for rows in size.rows)) for size in sizes]
    return ", ".join(texts) + _guess([FLAGS[SETTINGS[size.part]] for size in sizes if size.default])


def _guess(options: Sequence[str]) -> str:
    return f" (guess: {', '.join(options)})" if options else ""


def _first(cue: Mapping[str, str]) -> list[tuple[str, str]]:
    return list(cue.items())[:MOST_CLASSES]


def _name(text: str | None) -> str:
    return shorten(visible(text or ""), NAME)
