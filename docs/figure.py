"""The figure of the README: ``python -m docs.figure DIR`` writes it from the demo's results in DIR."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from w2s_probe import report
from w2s_probe.report import load_results
from w2s_probe.report.figures import systems_figure
from w2s_probe.results import W2SResult

__all__ = ["FIGURE", "demo_figure"]

FIGURE = Path(__file__).parent / "demo.svg"
WIDTH = 540  # pixels on a page that does not say how wide it should be


def demo_figure(result: W2SResult) -> str:
    """Return the systems as the report draws them, as a file of its own.

    It brings its paper along: a page that shows it may be dark where the reader's system is light.

    Parameters
    ----------
    result : W2SResult
        What the demo found.
    """
    style = files(report).joinpath("templates/figures.css").read_text(encoding="utf-8")
    opening, rest = systems_figure(result).split(">", 1)
    head = f'{opening} xmlns="http://www.w3.org/2000/svg" width="{WIDTH}">'
    return f"{head}\n<style>\n{style}svg {{ background: var(--paper); }}\n</style>\n{rest}\n"


if __name__ == "__main__":
    found, _ = load_results(Path(sys.argv[1]))
    FIGURE.write_text(demo_figure(found), encoding="utf-8")
