"""Real data that comes with the package or with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np

from w2s_probe.config import DataConfig
from w2s_probe.datasets.readers import missing_column, table_from_frame
from w2s_probe.datasets.spam import load_spam
from w2s_probe.datasets.table import Table
from w2s_probe.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BUILT_IN", "VADER_DOMAINS", "load_builtin"]

VADER_DOMAINS = ("movie", "product", "news", "tweets")
NEUTRAL = 0.3
NEGATION = r"(?i)\b(?:no|not|never|none|nobody|nothing|neither|nor|nowhere|cannot|without|hardly|barely|\w+n['’]t)\b"


def load_builtin(config: DataConfig) -> Table:
    """Return ``builtin:NAME``.

    ``vader`` and ``vader-DOMAIN``: sentences of Hutto and Gilbert (2014) rated by people, with
    columns id, text, domain, rating (-4 to 4), negation (yes, no) and label (positive if the
    rating is above 0, else negative). Rows with an absolute rating of at most 0.3 have no clear
    label and are left out. ``digits``: the 1,797 images of 8 x 8 pixels in scikit-learn.

    Parameters
    ----------
    config : DataConfig
        Name of the data and of its columns.

    Raises
    ------
    DataError
        If there is no such data or column.
    """
    name = config.data.partition(":")[2]
    if name not in BUILT_IN:
        msg = f"built-in data must be one of {', '.join(BUILT_IN)}: got {name!r}.{did_you_mean(name, BUILT_IN)}"
        raise DataError(msg if msg.endswith("?") else f"{msg} Or give the path of a table.")
    return BUILT_IN[name](config)


def _vader(config: DataConfig) -> Table:
    import polars as pl

    domain = config.data.partition("-")[2]
    with as_file(files("w2s_probe.datasets") / "data" / "vader.csv.gz") as path:
        frame: pl.DataFrame = pl.read_csv(path)
    frame = frame.filter(pl.col("rating").abs() > NEUTRAL)
    if domain:
        frame = frame.filter(pl.col("domain") == domain)
    frame = frame.with_columns(
        label=pl.when(pl.col("rating") > 0).then(pl.lit("positive")).otherwise(pl.lit("negative")),
        negation=pl.when(pl.col("text").str.contains(NEGATION)).then(pl.lit("yes")).otherwise(pl.lit("no")),
    )
    columns = DataConfig(
        data=config.data,
        text=config.text or "text",
        label=config.label,
        group=config.group,
        id=config.id or "id",
        split=config.split,
        group_split=config.group_split,
    )
    return table_from_frame(frame, columns, name=config.data, license="MIT, C.J. Hutto")


def _digits(config: DataConfig) -> Table:
    from sklearn.datasets import load_digits

    columns = ("label",)
    for field, flag in {"text": "--text", "group": "--group", "id": "--id", "split": "--split"}.items():
        if getattr(config, field):
            raise missing_column(getattr(config, field), columns, flag=flag, name=config.data)
    if config.label not in columns:
        raise missing_column(config.label, columns, flag="--label", name=config.data)
    digits = load_digits()
    return Table(
        name=config.data,
        ids=np.arange(len(digits.target)).astype(np.str_),
        named=True,
        modality="image",
        columns=columns,
        items=np.round(digits.images * (255 / 16)).astype(np.uint8),
        label=digits.target.tolist(),
        license="BSD-3-Clause, UCI ML repository",
    )


BUILT_IN: dict[str, Callable[[DataConfig], Table]] = {
    "vader": _vader,
    **{f"vader-{domain}": _vader for domain in VADER_DOMAINS},
    "digits": _digits,
    "spam": load_spam,
}
