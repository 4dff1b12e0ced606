"""Handwritten digits: gray, or with a colored background whose color can be correlated with the label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.types import Float
from w2s_probe.datasets.table import Table, missing_column

STRENGTH = 0.5
LICENSE = "BSD-3-Clause, UCI ML repository"
GRAY = 0.4  # gray level of the background; ink has level 1
FROZEN = 0  # seed of tints and shades, which are part of the data


def load_digits(config: DataConfig) -> Table:
    """Return scikit-learn's 1,797 images of 8 x 8 pixels, with the column label."""
    ink, digit = _digits()
    return _images(config, np.round(ink * 255).astype(np.uint8), {"label": digit.tolist()})


def load_tinted_digits(config: DataConfig) -> Table:
    r"""Return the digits in white on a background tinted red or green; columns label, digit and tint.

    Label is even or odd; ``--label digit`` has ten classes. Half of the images are red and half green, independent
    of the digit, so that ``--eta-labeled``, ``--eta-unlabeled`` and ``--eta-test`` can set any imbalance.

    With tint :math:`t = \pm 1` and a standard normal shade :math:`z` for each image, the background is gray shifted
    from red to green by :math:`a = s t + (1 - s) z`, clipped to [-1, 1]: red and green are :math:`0.4 (1 \mp a)`,
    blue is 0.4. The background's color predicts the tint with accuracy :math:`\Phi(s / (1 - s))`: .63, .84 and .999
    at strength s = .25, .5 and .75. Without shades a linear head would separate weak tints as well as strong ones.
    Raises `DataError` if the strength, as in ``builtin:digits-tinted@0.5``, is not in (0, 1].
    """
    strength = _strength(config.data)
    ink, digit = _digits()
    rng = np.random.RandomState(FROZEN)  # its stream is frozen (NEP 19), a Generator's is not
    green = rng.permutation(len(ink)) % 2
    shift = np.clip(strength * (2 * green - 1) + (1 - strength) * rng.standard_normal(len(ink)), -1, 1)
    paper = GRAY * np.stack([1 - shift, 1 + shift, np.ones(len(ink))], axis=1)[:, None, None, :]
    tinted = ink[..., None] + (1 - ink[..., None]) * paper
    columns = {
        "label": np.where(digit % 2, "odd", "even").tolist(),
        "digit": digit.tolist(),
        "tint": np.where(green, "green", "red").tolist(),
    }
    return _images(config, np.round(tinted * 255).astype(np.uint8), columns)


def _digits() -> tuple[Float, NDArray[np.int64]]:
    """Return ink in [0, 1], shape (1797, 8, 8), and digits, shape (1797,)."""
    from sklearn import datasets

    digits = datasets.load_digits()
    return digits.images / 16, digits.target


def _strength(data: str) -> float:
    text = data.partition("@")[2]
    try:
        strength = float(text) if "@" in data else STRENGTH
    except ValueError:
        strength = 0.0
    if not 0 < strength <= 1:
        msg = (
            f"builtin:digits-tinted@ must be followed by a strength above 0 and at most 1: got {text!r}. "
            f"Use builtin:digits-tinted@{STRENGTH}, the default."
        )
        raise DataError(msg)
    return strength


def _images(config: DataConfig, images: NDArray[np.uint8], columns: Mapping[str, list[Any]]) -> Table:
    for flag, column in {"--text": config.text, "--prompt": config.prompt}.items():
        if column is not None:
            raise missing_column(column, list(columns), flag=flag, name=config.data)
    return Table(
        name=config.data,
        ids=np.arange(len(images)).astype(np.str_) if config.id is None else _column(config, "id", columns),
        has_ids=True,
        modality="image",
        columns=tuple(columns),
        items=images,
        label=_column(config, "label", columns),
        group=_column(config, "group", columns),
        split=_column(config, "split", columns),
        source=_column(config, "group_split", columns),
        source_name=config.group_split or "",
        license=LICENSE,
    )


def _column(config: DataConfig, field: str, columns: Mapping[str, list[Any]]) -> Any:
    name = getattr(config, field)
    if name is not None and name not in columns:
        raise missing_column(name, list(columns), flag=f"--{field.replace('_', '-')}", name=config.data)
    return None if name is None else columns[name]
