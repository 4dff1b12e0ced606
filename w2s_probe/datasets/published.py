"""Splits of published data sets: train, val and test, or 0, 1 and 2."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import SplitError, listed
from w2s_probe.core.splits import PARTS
from w2s_probe.datasets.table import Table

_NUMBERS = {"0": "train", "1": "val", "2": "test"}  # the order of WILDS, Waterbirds and CelebA
PUBLISHED_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def with_published_split(table: Table) -> Table:
    """Return the table with a published split, if it has one, translated into the parts of `Split`.

    Test rows become the test part. Labeled rows and the pool are drawn from train rows, anew for each seed. Val
    rows are left out: published sets often draw them from the population of the test rows (Waterbirds balances
    the groups of val rows, but not of train rows), so that they would change the population of the pool. Raises
    `SplitError` if there are no test rows, since the meaning of the numbers is then uncertain.
    """
    if table.split is None:
        return table
    written = Column.of(table.split).renamed(_written)
    values = {value for value in written.values if value}
    meaning = _NUMBERS if values <= set(_NUMBERS) else PUBLISHED_NAMES
    if values <= set(PARTS) or not values <= set(meaning):
        return table
    roles = written.renamed(lambda value: meaning.get(value, "train"))
    if "test" not in roles.values:
        msg = (
            f"the split of {table.name} must have test rows (2, or test): got {listed(sorted(values))}. "
            "Add test rows, or write the values labeled, unlabeled and test."
        )
        raise SplitError(msg)
    parts = replace(table, split=roles.renamed(lambda role: "test" if role == "test" else None), published=True)
    validation = roles.where(lambda role: role == "val")
    left_out = int(validation.sum())
    if not left_out:
        return parts
    note = f"{left_out} rows of the validation part are left out."
    return parts.take(np.flatnonzero(~validation), reason="validation part", note=note)


def _written(value: object) -> str:
    """Return a value as lower-case text, empty for a missing one; 2.0, as pandas writes after a join, is 2."""
    if value is None or value != value:  # noqa: PLR0124  # NaN
        return ""
    text = str(value).strip().lower()
    return text.removesuffix(".0") if text.removesuffix(".0") in _NUMBERS else text
