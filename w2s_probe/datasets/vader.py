"""Sentences from four domains with the mean of people's sentiment ratings."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, did_you_mean
from w2s_probe.datasets.readers import table_from_frame
from w2s_probe.datasets.table import Table

if TYPE_CHECKING:
    import polars as pl

VADER_DOMAINS = ("movie", "product", "news", "tweets")
NEUTRAL = 0.3
PAIR_GAP = 0.5
LICENSE = "MIT, C.J. Hutto"
NEGATION = r"(?i)\b(?:no|not|never|none|nobody|nothing|neither|nor|nowhere|cannot|without|hardly|barely|\w+n['’]t)\b"


def load_vader(config: DataConfig) -> Table:
    """Return the sentences of Hutto and Gilbert (2014) from all domains, or from some.

    Columns are id, text, domain, rating (-4 to 4), negation (yes, no) and label (positive if the rating is above 0,
    else negative). Rows with an absolute rating of at most 0.3 have no clear label and are left out. Raises
    `DataError` if a domain in the name, as in ``builtin:vader-movie+product``, is unknown or repeated.
    """
    frame = _sentences(_domains(config.data, "vader-"))
    columns = replace(config, text=config.text or "text", id=config.id or "id")
    return table_from_frame(frame, columns, name=config.data, license=LICENSE)


def load_vader_pairs(config: DataConfig) -> Table:
    """Return the same sentences with their mean rating as label: the score of preference pairs.

    Of two sentences, the one that people rated more positive is preferred. The usual smallest difference of a pair is
    `PAIR_GAP`. Names are vader-pairs, vader-pairs-movie, vader-pairs-movie+product and the like.
    """
    frame = _sentences(_domains(config.data, "vader-pairs-"))
    columns = replace(config, text=config.text or "text", id=config.id or "id", label="rating")
    return table_from_frame(frame, columns, name=config.data, license=LICENSE)


def _sentences(domains: list[str]) -> pl.DataFrame:
    """Return the sentences of these domains that have a clear label."""
    import polars as pl

    with as_file(files("w2s_probe.datasets") / "data" / "vader.csv.gz") as path:
        frame: pl.DataFrame = pl.read_csv(path)
    clear = (pl.col("rating").abs() > NEUTRAL) & pl.col("domain").is_in(domains)
    return frame.filter(clear).with_columns(
        label=pl.when(pl.col("rating") > 0).then(pl.lit("positive")).otherwise(pl.lit("negative")),
        negation=pl.when(pl.col("text").str.contains(NEGATION)).then(pl.lit("yes")).otherwise(pl.lit("no")),
    )


def _domains(data: str, start: str) -> list[str]:
    text = data.partition(start)[2]
    domains = text.split("+") if text else list(VADER_DOMAINS)
    wrong = next((domain for domain in domains if domain not in VADER_DOMAINS), None)
    if wrong is not None or len(set(domains)) < len(domains):
        msg = (
            f"builtin:{start} must be followed by different domains of {', '.join(VADER_DOMAINS)}, with + between: "
            f"got {(text if wrong is None else wrong)!r}."
        )
        raise DataError(
            msg + (did_you_mean(wrong or "", VADER_DOMAINS) or f" Use builtin:{start}movie+product, for example.")
        )
    return domains
