"""What a verb read: one line for stderr, and a section of the pages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from w2s_probe.core.config import DataConfig
from w2s_probe.core.text import shorten, visible
from w2s_probe.datasets import Table
from w2s_probe.pipeline.reading import PairsReading, Reading, Size
from w2s_probe.report.page import Grid, Section
from w2s_probe.results.read import FeaturesRead, FilesRead, Read

NAME = 40  # cells of a name in the line
MOST_CLASSES = 12  # classes that the line and the page name; of more, the largest and the smallest
MOST_VOTES = 6  # columns of votes that are named; of more, the first ones
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
    if read.files is not None:
        rows.append(["files", files_text(read.files)])
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
    files = f"{files_text(reading.read.files)}: " if reading.read.files else ""
    return f"{_name(reading.name)}: {files}{_counted(reading.read.rows, reading.read.left_out)}{filled}"


def files_text(files: FilesRead) -> str:
    """Return number and format of files, and how many bytes compressed ones hold."""
    number = f"{files.number:,} {files.kind} file{'s' if files.number > 1 else ''}"
    return number + (f", {files.unpacked:,} bytes unpacked" if files.unpacked else "")


def _counted(rows: int, left_out: Mapping[str, int]) -> str:
    lost = ", ".join(f"{count:,} left out ({reason})" for reason, count in left_out.items() if count)
    return f"{rows:,} rows{', ' if lost else ''}{lost or ', none left out'}"


def _columns(reading: Reading, given: Collection[str]) -> Iterator[str]:
    """Yield what each column of the data means."""
    data, table = reading.data, reading.table
    if data is None or table is None:
        return
    builtin = data.data.startswith("builtin:")
    folder = table.has_ids and not data.id and not builtin  # of images, or an archive of them
    own = builtin or (folder and table.origin is None)
    if reading.labels and reading.pairs is None:
        yield _labels(reading, _place(data, table), [] if own else [n for n in ("label", "task") if n not in given])
    yield from _items(reading, data, table)
    if table.has_ids:
        of_folder = "ids are paths" if table.origin is None else "ids are names of members"
        yield f"ids of column {_name(data.id)}" if data.id else of_folder if folder else "ids of the data"
    else:
        yield f"no ids{'' if own else _guess(['--id'])}"
    if data.group and reading.labels:
        usual = ", ".join(f"{_name(label)} → {_name(value)}" for label, value in _first(reading.cue))
        cue = f", usual values {usual}{_guess(['--cue'] if reading.default_cue else [])}" if usual else ""
        yield f"groups of column {_name(data.group)}{cue}"
    yield from _parts(data, table)
    if table.source_name and (data.group_split or not builtin):
        yield f"sources of column {_name(table.source_name)}"


def _place(data: DataConfig, table: Table) -> str:
    """Return where labels are."""
    origin = table.origin
    if origin is None and table.has_ids and not data.id and not data.data.startswith("builtin:"):
        return "by folder"
    if origin is not None and origin.label:
        return f"of members .{_name(origin.label)}"
    named = ", with names from the metadata" if origin is not None and data.label in origin.named else ""
    return f"of column {_name(data.label)}{named}"


def _items(reading: Reading, data: DataConfig, table: Table) -> Iterator[str]:
    """Yield what texts or images are; columns of preference pairs are named before."""
    if reading.pairs is not None and not reading.pairs.scores:
        return
    modality = table.modality if reading.pairs is None else reading.pairs.modality
    if modality is None:
        yield f"no texts or images{_guess(['--text', '--image'])}"
        return
    chosen = table.origin.image if table.origin is not None else ""
    column = data.text or data.image or chosen
    after = f" after prompts of column {_name(data.prompt)}" if data.prompt else ""
    guess = _guess(["--image"] if chosen and not data.image else [])
    yield f"{modality}s" + (f" of column {_name(column)}{after}{guess}" if column else "")


def _parts(data: DataConfig, table: Table) -> Iterator[str]:
    """Yield which column or which names of files tell the parts."""
    published = ", read as train, val and test" if table.published else ""
    if data.split:
        yield f"parts of column {_name(data.split)}{published}" + _guess(
            ["labeled, unlabeled, test"] if table.published else []
        )
    elif table.origin is not None and table.origin.parts:
        yield f"parts of file names: {_listed(table.origin.parts.items())}{published}{_guess(['--split'])}"


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
    column = "COLUMN" if _is_parquet(entry) else "NAME"
    option = _guess([f"features:{entry.file}#{column}" if entry.file else "MODEL@LAYER:POOL"]) if guess else ""
    return f"{key} {_name(entry.backbone)}: {_content(entry)}{option}"


def _content(entry: FeaturesRead) -> str:
    """Return files, columns, dimension, type and order of features, or what predictions are."""
    if entry.abstains is not None:
        silent = f", abstains on {_rows_text(entry.abstains)}" if entry.abstains else ""
        ties = f", ties on {_rows_text(entry.ties)}, where the first class counts" if entry.ties else ""
        named = ", numbers named by the metadata" if entry.numbered and not entry.classes else ""
        named += ", 0 and 1 as false and true" if entry.truth else ""
        unused = f", {_unused(entry.unused)}" if entry.unused else ""
        columns = _prediction_columns(entry.columns or (), every=entry.dtype == "votes")
        return f"{_meaning(entry)} {columns}{named}, by {entry.matched_by}{unused}{silent}{ties}"
    parts = [
        *([f"{entry.files:,} file{'s' * (entry.files > 1)} {_name(entry.file)}"] if entry.files is not None else []),
        *([_column_text(entry)] if entry.columns is not None else []),
        f"{entry.dim:,} dimensions" if entry.dim else "not computed yet",
        f"{entry.dtype} widened to float32" if entry.dtype == "bfloat16" else entry.dtype,
        "by row" if entry.matched_by == "row" else f"by {entry.matched_by}",
        *([_unused(entry.unused)] if entry.unused else []),
    ]
    return ", ".join(parts)


def _meaning(entry: FeaturesRead) -> str:
    """Return what predictions are; of probabilities also of which classes."""
    if not entry.classes:
        return f"{entry.dtype} of"
    names = [_name(label) for label in entry.classes]
    shown = ", ".join(names if len(names) <= MOST_CLASSES else [*names[:EXTREMES], "…", *names[-EXTREMES:]])
    order = " in sorted order" if entry.guessed and len(names) > 1 else ""
    if entry.numbered:
        order = " in the order of the metadata" if len(names) > 1 else " by number in the metadata"
    return f"{entry.dtype} of {shown}{order}{' (guess)' if entry.guessed else ''} in"


def _rows_text(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _is_parquet(entry: FeaturesRead) -> bool:
    return (entry.file or "").endswith(".parquet")


def _unused(rows: int) -> str:
    return f"{_rows_text(rows)} of no item"


def _prediction_columns(columns: Sequence[str], *, every: bool) -> str:
    """Return the names of columns: the first and the last one, or `every` one of a few."""
    if len(columns) == 1:
        return f"column {_name(columns[0])}"
    if every:
        more = f" and {len(columns) - MOST_VOTES:,} more" if len(columns) > MOST_VOTES else ""
        return f"{len(columns):,} columns {', '.join(map(_name, columns[:MOST_VOTES]))}{more}"
    return f"{len(columns):,} columns {_name(columns[0])} … {_name(columns[-1])}"


def _column_text(entry: FeaturesRead) -> str:
    columns = entry.columns or ()
    if tuple(columns) == ("X",):
        return "array X"
    if len(columns) == 1:
        return f"{'column' if _is_parquet(entry) else 'array'} {_name(columns[0])}"
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
