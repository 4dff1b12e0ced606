"""A user's data, opened so that no image in it can spoil a long run."""

from __future__ import annotations

import numpy as np

from w2s_probe.backbones.decoding import undecodable
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.config import DataConfig
from w2s_probe.datasets import Table, open_data
from w2s_probe.errors import DataError
from w2s_probe.images import ImageFiles

__all__ = ["open_pool", "open_table"]

SHOWN = 5  # files that a message names


def open_table(data: DataConfig, store: FeatureStore) -> Table:
    """Return the data, every image file in which can be decoded.

    Files whose features the cache has were decoded once, and are not tried again.

    Parameters
    ----------
    data : DataConfig
        The table and its columns; its `skip_damaged` leaves rows out whose image cannot be decoded.
    store : FeatureStore
        Where features are kept.

    Raises
    ------
    DataError
        If a file is damaged, cut off, too large or no image; the files are named.
    """
    table = open_data(data)
    files = table.items
    if not isinstance(files, ImageFiles):
        return table
    damaged = undecodable(files, np.flatnonzero(~store.known(item_digests(files))))
    if not damaged:
        return table
    named = [f"{files.names[row]} ({why[:100]})" for row, why in damaged.items()]
    which = ", ".join(named[:SHOWN]) + (", …" if len(named) > SHOWN else "")
    if not data.skip_damaged:
        msg = (
            f"every image of {table.name} must be one that can be decoded: {len(damaged)} of {len(files)} cannot: "
            f"{which}. Repair or remove them, or add --skip-damaged."
        )
        raise DataError(msg)
    if len(damaged) == len(files):
        msg = (
            f"{table.name} must hold an image that can be decoded: none of {len(files)} can: {which}. Check the files."
        )
        raise DataError(msg)
    left = np.array([row for row in range(len(files)) if row not in damaged])
    return table.take(left, note=f"{len(damaged)} of {len(files)} images cannot be decoded and are left out: {which}.")


def open_pool(pool: str, data: DataConfig, store: FeatureStore) -> Table:
    """Return a second table, whose rows are a pool: the columns of its items are named as in the first one.

    Parameters
    ----------
    pool : str
        Path, or ``builtin:NAME``.
    data : DataConfig
        The first table and its columns.
    store : FeatureStore
        As in `open_table`.
    """
    columns = DataConfig(data=pool, text=data.text, image=data.image, id=data.id, skip_damaged=data.skip_damaged)
    return open_table(columns, store)
