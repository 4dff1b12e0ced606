"""Mails of the SpamAssassin corpus, whose format (HTML or text) is a natural shortcut."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from w2s_probe.core.config import DataConfig
from w2s_probe.datasets.readers import table_from_frame
from w2s_probe.datasets.table import Table

if TYPE_CHECKING:
    import polars as pl


def load_spam(config: DataConfig) -> Table:
    """Return 6,046 mails with columns id, text, label (spam, ham) and html (yes, no).

    Half of the spam mails are HTML, but only 4.5 % of the ham mails (188): a head that learns "HTML is spam" is
    right on most rows and wrong on both minorities. The text is the subject and the beginning of the body without
    tags; see ``data/README.md``.
    """
    import polars as pl

    with as_file(files("w2s_probe.datasets") / "data" / "spam.csv.gz") as path:
        frame: pl.DataFrame = pl.read_csv(path)
    columns = replace(config, text=config.text or "text", id=config.id or "id")
    return table_from_frame(frame, columns, name=config.data, license="CC0-1.0, SpamAssassin public mail corpus")
