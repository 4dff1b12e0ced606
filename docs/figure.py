"""The figures of README and docs: ``python -m docs.figure NAME DIR`` writes docs/NAME.svg from the results in DIR.

NAME is ``demo``, of a run; ``heatmap``, of a sweep over both fractions of conflicting rows; or ``coverage``, of a run
with ``high_confidence``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from w2s_probe import report
from w2s_probe.experiments.sweep import SweepResult
from w2s_probe.report import load_results
from w2s_probe.report.run.figures import systems_figure
from w2s_probe.report.run.groups import coverage_figures
from w2s_probe.report.sweep.figures import heat_maps
from w2s_probe.report.sweep.slices import slices_of
from w2s_probe.results.run import W2SResult

__all__ = ["FIGURE", "coverage_figure", "demo_figure", "heatmap_figure"]

HERE = Path(__file__).parent
FIGURE = HERE / "demo.svg"
WIDTH = 540  # pixels on a page that does not say how wide it should be
GAP = 24  # between figures


def demo_figure(result: W2SResult) -> str:
    """Return the systems as the report draws them, as a file of its own.

    Parameters
    ----------
    result : W2SResult
        What the demo found.
    """
    return _file([systems_figure(result)], ("figures.css",))


def heatmap_figure(result: SweepResult) -> str:
    """Return measured gain, what the theory expects, and the worst group's accuracy and change over both fractions.

    Parameters
    ----------
    result : SweepResult
        With several values of both fractions; its first pair and strategy are drawn.
    """
    gain, theory, _, *worst = heat_maps(slices_of(result)[0], "map")
    return _file([gain, theory, *worst], ("figures.css", "heatmap.css"))


def coverage_figure(result: W2SResult) -> str:
    """Return the coverage curve of the first strategy that has one: accuracy, and the worst group's beside it.

    Parameters
    ----------
    result : W2SResult
        With a strategy that selects rows.
    """
    points = next(student.coverage for student in result.students.values() if student.coverage)
    return _file(coverage_figures(points), ("figures.css",))


def _file(figures: Sequence[str], styles: Sequence[str]) -> str:
    """Return figures as a file, two in a row.

    It brings its paper along: a page that shows it may be dark where the reader's system is light.
    """
    texts = (files(report).joinpath(f"templates/{name}").read_text(encoding="utf-8") for name in styles)
    style = f"<style>\n{''.join(texts)}svg {{ background: var(--paper); }}\n</style>"
    if len(figures) == 1:
        opening, rest = figures[0].split(">", 1)
        return f'{opening} xmlns="http://www.w3.org/2000/svg" width="{WIDTH}">\n{style}\n{rest}\n'
    placed, top = [], 0
    for start in range(0, len(figures), 2):
        heights = []
        for column, figure in enumerate(figures[start : start + 2]):
            width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', figure)[0])
            place = f'x="{column * (width + GAP)}" y="{top}" width="{width}" height="{height}"'
            placed.append(figure.replace("<svg ", f"<svg {place} ", 1))
            heights.append(height)
        top += max(heights) + GAP
    size = f'viewBox="0 0 {2 * width + GAP} {top - GAP}" width="{2 * width + GAP}"'
    return f'<svg {size} xmlns="http://www.w3.org/2000/svg">\n{style}\n{"".join(placed)}\n</svg>\n'


FIGURES: dict[str, Callable[[Any], str]] = {
    "demo": demo_figure,
    "heatmap": heatmap_figure,
    "coverage": coverage_figure,
}

if __name__ == "__main__":
    name, folder = sys.argv[1:]
    found = load_results(Path(folder)).result
    (HERE / f"{name}.svg").write_text(FIGURES[name](found), encoding="utf-8")
