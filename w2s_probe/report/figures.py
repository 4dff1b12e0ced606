"""Figures as SVG text, the same bytes for the same numbers."""

from __future__ import annotations

import io
import re

from w2s_probe.report.tables import METRIC_NAMES, estimate_text, system_rows
from w2s_probe.results import W2SResult

__all__ = ["COLORS", "systems_figure", "systems_figure_text"]

# Okabe and Ito's palette, told apart by people with any color vision
COLORS = {"teacher": "#E69F00", "student": "#0072B2", "baseline": "#009E73", "ceiling": "#777777"}


def systems_figure(result: W2SResult) -> str:
    """Return the systems with their intervals on the main score, as an SVG element."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = system_rows(result)[::-1]
    with rc_context({"svg.hashsalt": "w2s_probe", "svg.fonttype": "none", "font.size": 11}):
        figure = Figure(figsize=(7.2, 0.8 + 0.5 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for height, row in enumerate(rows):
            estimate, color = row.scores[result.score], COLORS[row.system]
            axes.plot([estimate.low, estimate.high], [height, height], color=color, linewidth=3, solid_capstyle="butt")
            axes.plot(estimate.value, height, "o", color=color, markersize=9)
            axes.annotate(
                f"{estimate.value:.3f}", (estimate.value, height), (0, 8), textcoords="offset points", ha="center"
            )
        axes.set_yticks(range(len(rows)), [_plain(row.name) for row in rows])
        axes.set_ylim(-0.5, len(rows) - 0.3)
        axes.set_xlabel(f"{METRIC_NAMES[result.score]} on {result.n_test:,} test rows, {result.level:.0%} intervals")
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = out.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)


def systems_figure_text(result: W2SResult) -> str:
    """Return the same in words, for those who cannot see the figure."""
    said = (f"{row.name} {estimate_text(row.scores[result.score])}" for row in system_rows(result))
    return f"{METRIC_NAMES[result.score]} of each system: {'; '.join(said)}."


def _plain(name: str) -> str:
    return name.replace("$", r"\$")
