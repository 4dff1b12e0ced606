"""A result as text for a terminal, as a report in a notebook, and as the tidy rows of `results.parquet`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from w2s_probe.report.kinds import kind_of
from w2s_probe.report.render.html import page_fragment
from w2s_probe.report.versions import installed_versions

if TYPE_CHECKING:
    import polars as pl


def text_view(result: Any) -> str:
    """Return the text of 80 columns that a verb prints."""
    return kind_of(result).text(result.as_printed())


def html_view(result: Any) -> str:
    """Return the report as a part of another page."""
    return page_fragment(kind_of(result).page(result.as_printed()), installed_versions())


def tidy_rows(result: Any) -> pl.DataFrame:
    """Return the rows of `results.parquet`."""
    import polars as pl

    kind = kind_of(result)
    rows = kind.rows(result)
    return pl.DataFrame(rows if isinstance(rows, Mapping) else list(rows), schema=kind.columns)
