"""How a result shows itself in Python: as text, as one line, as a report in a notebook, and as tidy rows.

Texts, reports and tables are made by packages above this one, and need polars and a template engine, which no result
may import. They are therefore named here as "module:function", like built-in strategies, and imported when they are
asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from w2s_probe.core.look_alikes import encodable

VIEWS = {  # "module:function" of one argument, the result
    "text": "w2s_probe.report.views:text_view",
    "html": "w2s_probe.report.views:html_view",
    "rows": "w2s_probe.report.views:tidy_rows",
}


class Shown:
    """Base of a result: ``print`` shows the text of the terminal, a notebook the report, ``repr`` one line."""

    @property
    def shown(self) -> Any:
        """The result whose text, report and rows these are."""
        return self

    def decisive(self) -> Iterable[str]:
        """Return the few numbers that ``repr`` shows, each as a short text."""
        return ()

    def to_polars(self) -> Any:
        """Return the tidy rows of `results.parquet` as a polars ``DataFrame``, with the same types of columns."""
        return view("rows", self.shown)

    def __str__(self) -> str:
        return encodable(str(view("text", self.shown)), getattr(sys.stdout, "encoding", None))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'; '.join(self.decisive())})"

    def _repr_html_(self) -> str:
        return str(view("html", self.shown))


class ShownByResult(Shown):
    """Base of what a verb returns: it is shown as its `result`, not with its arrays."""

    result: Any

    @property
    def shown(self) -> Any:
        """The result."""
        return self.result

    def decisive(self) -> Iterable[str]:
        """Return the one line of the result."""
        return (repr(self.result),)


def view(name: str, result: Any) -> Any:
    """Return the text, the report or the rows of a result, see `VIEWS`."""
    module, _, function = VIEWS[name].partition(":")
    return getattr(import_module(module), function)(result)
