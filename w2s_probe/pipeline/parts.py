"""Checks of the parts of a table: rows without a source, rows lost to ties, and items or sources in two parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, SplitError, listed
from w2s_probe.core.labels import Labels, is_missing
from w2s_probe.core.near_copies import TOLERANCE, near_copies
from w2s_probe.core.splits import PARTS, Part, Split
from w2s_probe.core.types import Features, Rows
from w2s_probe.datasets import Table

MOST_SEARCHED = 100_000  # rows among which near-copies are searched: the search holds a few numbers of each row
LOSS = 0.02  # share of the rows, or change of a class's share, from which ties are worth a note
TITLES = {"labeled": "labeled rows", "unlabeled": "rows of the pool", "test": "test rows"}


def check_labeled(table: Table, column: Column, name: str) -> None:
    """Raise `DataError` if some rows have no label; if no row has one, `read_labels` says so."""
    missing = column.where(is_missing)
    check_test_labels(table, missing)
    rows = np.flatnonzero(missing).tolist()
    if 0 < len(rows) < len(column):
        first = min(map(table.row_number, rows))
        msg = (
            f"run and sweep need a label in every row of column {name!r}: {len(rows)} of {len(column)} rows have "
            f"none, the first is row {first}. Use forecast, which takes rows without a label as its pool, or "
            "label these rows."
        )
        raise DataError(msg)


def check_test_labels(table: Table, missing: NDArray[np.bool_]) -> None:
    """Raise `DataError` if no test row has a label, but other rows have: published sets hide those of test rows."""
    none = np.zeros(len(table), dtype=np.bool_)
    test = none if table.split is None else Column.of(table.split).where(lambda value: value == "test")
    if not test.any() or not missing[test].all() or missing.all():
        return
    alone = "" if table.origin is None else table.origin.one_part
    advice = f"Name a part with labels, as in {alone}" if alone else "Leave these rows out, or the column of parts"
    msg = (
        f"the test part of {table.name} must have labels: none of its {test.sum():,} rows has one (-1 or empty). "
        f"{advice}, so that test rows are drawn from labeled rows."
    )
    raise DataError(msg)


def source_keys(column: Sequence[Any]) -> tuple[Rows, list[str]]:
    """Return the number of each row's source, and the sorted names; a row without a source is a source of its own."""
    texts = Column.of(column).renamed(lambda value: None if _is_missing(value) else str(value))
    names = sorted(name for name in texts.values if name is not None)
    place = {name: number for number, name in enumerate(names)}
    keys = np.array([place.get(name, -1) for name in texts.values])[texts.codes]
    alone = np.flatnonzero(keys < 0)
    keys[alone] = len(names) + np.arange(len(alone))
    return keys, names


def source_notes(table: Table, flag: str | None) -> tuple[str, ...]:
    """Return how many rows have no source in the column that ``--group-split`` names."""
    missing = 0 if table.source is None else int(Column.of(table.source).where(_is_missing).sum())
    if not missing:
        return ()
    return (f"{missing:,} of {len(table):,} rows have no source in {flag!r}: each of them is a source of its own.",)


def divided_source_notes(table: Table, labeled: Rows, pool: Rows, flag: str | None) -> tuple[str, ...]:
    """Return how many sources a forecast from missing labels has on both sides, since it draws no parts."""
    if table.source is None:
        return ()
    keys, _ = source_keys(table.source)
    sources = np.unique(keys[labeled])
    divided = np.intersect1d(sources, keys[pool])
    if not len(divided):
        return ()
    return (
        f"{len(divided):,} of {len(sources):,} sources of labeled rows ({flag!r}) have rows of the pool too: "
        "--group-split changes only parts that are drawn.",
    )


def tie_notes(
    table: Table,
    labels: Labels,
    blocks: Rows,
    splits: Sequence[Split],
    *,
    drawn: Collection[Part],
    whole_pool: bool,
    alike: str = "Identical items",
) -> tuple[str, ...]:
    """Return what ties cost: rows in no part because their block is in one, and class shares that differ.

    `drawn` are the parts that were drawn. Rows are lost only if the pool takes all that is left (`whole_pool`).
    """
    what = alike if table.source is None else f"{alike} and rows of one source"
    lost = [_lost_rows(blocks, split) for split in splits]
    worst = int(np.argmax(lost))
    notes = []
    if whole_pool and "unlabeled" in drawn and lost[worst] > LOSS * len(table):
        where = f" at seed {splits[worst].seed}" if len(splits) > 1 else ""
        notes.append(
            f"{what} stay in one part: {lost[worst]:,} of {len(table):,} rows are in no part{where}. The largest set "
            f"of such rows has {_largest_block(table, blocks)}."
        )
    if lost[worst] and (shift := _largest_shift(labels, splits, drawn)):
        notes.append(f"{what} stay in one part, which changes the shares of classes: {shift}.")
    return tuple(notes)


def shared_item_notes(keys: NDArray[np.bytes_], splits: Sequence[Split]) -> tuple[str, ...]:
    """Return how many rows of a part have the same item as a row of an earlier part, for the worst seed."""
    items = np.unique(keys, return_inverse=True)[1]
    notes = []
    for earlier, part in (("unlabeled", "test"), ("labeled", "test"), ("labeled", "unlabeled")):
        counts = [int(np.isin(items[s.parts()[part]], items[s.parts()[earlier]]).sum()) for s in splits]  # type: ignore[index]
        worst = int(np.argmax(counts))
        if counts[worst]:
            total = len(splits[worst].parts()[part])  # type: ignore[index]
            seed = f" at seed {splits[worst].seed}" if len(splits) > 1 else ""
            place = "in the pool" if earlier == "unlabeled" else "labeled rows"
            effect = ": systems were trained on their items" if part == "test" else ": their true labels are in use"
            notes.append(f"{counts[worst]:,} of {total:,} {TITLES[part]} are also {place}{seed}{effect}.")
    return tuple(notes)


def near_copy_notes(features: Sequence[Features], blocks: Rows, splits: Sequence[Split]) -> tuple[str, ...]:
    """Return how many rows repeat another row up to rounding, and how many test rows repeat a row of another part.

    Exact copies, and other rows of one block, are in one part already and are not counted.
    """
    if len(blocks) > MOST_SEARCHED:
        return (_not_searched(len(blocks)),)
    exact = np.unique(blocks, return_index=True)[1]
    first = near_copies(*(X[exact] for X in features), everywhere=True)
    copies = int((first != np.arange(len(first))).sum())
    if not copies:
        return ()
    sets = np.empty(int(blocks.max()) + 1, dtype=np.intp)
    sets[blocks[exact]] = first
    rows = sets[blocks]
    tests = [int(np.isin(rows[s.test], rows[np.concatenate([s.labeled, s.unlabeled])]).sum()) for s in splits]
    worst = int(np.argmax(tests))
    seed = f" at seed {splits[worst].seed}" if len(splits) > 1 else ""
    return (
        f"{copies:,} of {len(blocks):,} rows repeat another row to within {TOLERANCE:g} of its distance from the "
        f"mean row: {tests[worst]:,} of {len(splits[worst].test):,} test rows repeat labeled rows or rows of the "
        f"pool{seed}. To keep such rows in one part, name a column of their source with --group-split.",
    )


def near_pool_notes(labeled: Sequence[Features], pool: Sequence[Features]) -> tuple[str, ...]:
    """Return how many rows of a pool repeat labeled rows up to rounding, in all spaces."""
    n = len(labeled[0])
    if n + len(pool[0]) > MOST_SEARCHED:
        return (_not_searched(n + len(pool[0])),)
    first = near_copies(*(np.concatenate(pair) for pair in zip(labeled, pool, strict=True)), everywhere=True)
    copies = int((first[n:] < n).sum())
    if not copies:
        return ()
    return (
        f"{copies:,} of {len(pool[0]):,} rows of the pool repeat labeled rows to within {TOLERANCE:g} of their "
        "distance from the mean row: forecasts count such rows twice.",
    )


def _not_searched(rows: int) -> str:
    return (
        f"Rows that repeat another row up to rounding were not searched: {rows:,} rows are more than {MOST_SEARCHED:,}."
    )


def check_sources(table: Table, splits: Sequence[Split], flag: str | None) -> None:
    """Raise `SplitError` if a source has rows in two parts, which only the user's own parts can do."""
    if table.source is None:
        return
    sources, names = source_keys(table.source)
    for split in splits:
        parts = {part: np.unique(sources[rows]) for part, rows in split.parts().items()}
        pairs = {pair: np.intersect1d(parts[pair[0]], parts[pair[1]]) for pair in combinations(PARTS, 2)}
        divided, total = np.unique(np.concatenate(list(pairs.values()))), int(sources.max()) + 1
        if len(divided):
            first = names[divided[0]]
            where = listed([part for part in PARTS if divided[0] in parts[part]])
            msg = (
                f"each source of column {flag!r} must be in one part: got {len(divided):,} of {total:,} sources in two "
                f"or more, the first is {first!r:.60} ({where}). Correct the parts, or name another column with "
                "--group-split."
            )
            raise SplitError(msg)


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or a blank text."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())  # noqa: PLR0124  # NaN


def _largest_block(table: Table, blocks: Rows) -> str:
    """Return the size of the largest block, with the value that stands in the column of sources."""
    sizes = np.bincount(blocks)
    size = int(sizes.max())
    if table.source is None:
        return f"{size:,} rows"
    first = int(np.flatnonzero(blocks == sizes.argmax())[0])
    return f"{size:,} rows, among them those of source {str(table.source[first])!r:.60}"


def _lost_rows(blocks: Rows, split: Split) -> int:
    """Return the number of rows that are in no part although a row of their block is in one."""
    rows = np.concatenate(list(split.parts().values()))
    used = np.zeros(int(blocks.max()) + 1, dtype=np.bool_)
    used[blocks[rows]] = True
    return int(used[blocks].sum()) - len(rows)


def _largest_shift(labels: Labels, splits: Sequence[Split], drawn: Collection[Part]) -> str:
    """Return the class whose share in a drawn part differs most from its share in all rows; empty if none does."""
    if labels.classes is None:
        return ""
    K = len(labels.classes)
    largest, text = LOSS, ""
    for split in splits:
        fixed = [rows for part, rows in split.parts().items() if part not in drawn]
        rest = np.delete(labels.values, np.concatenate(fixed) if fixed else [])
        shares = np.bincount(rest, minlength=K) / max(len(rest), 1)
        for part in drawn:
            rows = split.parts()[part]
            own = np.bincount(labels.values[rows], minlength=K) / len(rows)
            code = int(np.abs(own - shares).argmax())
            shift = abs(own[code] - shares[code]) - K / len(rows)  # rounding, and one row of every class
            if shift > largest:
                name, seed = labels.classes[code], f" at seed {split.seed}" if len(splits) > 1 else ""
                largest = shift
                text = f"class {name!r} is {own[code]:.2f} of the {TITLES[part]}{seed}, {shares[code]:.2f} of the data"
    return text
