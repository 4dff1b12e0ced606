"""Shapes of figures as SVG text: the same bytes for the same numbers.

Text takes its color from the page around it and marks take theirs from the page's style sheet, so
that a figure can be read in light and dark. Attributes hold our own numbers only, never a user's text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from w2s_probe.core.text import visible

Point = tuple[float, float]
MARKS = {
    "teacher": "M-5,0A5,5 0 1 0 5,0A5,5 0 1 0 -5,0Z",
    "student": "M0,-6.5L6.5,0L0,6.5L-6.5,0Z",
    "baseline": "M-4.6,-4.6H4.6V4.6H-4.6Z",
    "ceiling": "M0,-6L6,4.6H-6Z",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Map from values in [low, high] to positions between start and end, on a linear or log scale."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the position of a value; the middle if low equals high."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        scale = math.log if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.start + share * (self.end - self.start)


def panel(name: str, *, size: tuple[int, int], title: str, description: str, marks: Sequence[str]) -> str:
    """Return one figure with `title`, and with its numbers in words as `description`, for screen readers.

    `name` occurs once in the page and holds letters and digits only. `size` is width and height; a unit is about a
    pixel on a phone.
    """
    labels = f'role="img" aria-labelledby="{name}-title {name}-said"'
    texts = f'<title id="{name}-title">{_safe(title)}</title><desc id="{name}-said">{_safe(description)}</desc>'
    return f'<svg viewBox="0 0 {size[0]} {size[1]}" {labels}>{texts}{"".join(marks)}</svg>'


def words(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    """Return a line of text, which may be a user's; it keeps its own direction of writing."""
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    styled = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{anchored}{styled}>{_safe(text)}</text>'


def group(kind: str, marks: Sequence[str]) -> str:
    """Return marks in the color of a system."""
    return f'<g class="{kind}">{"".join(marks)}</g>'


def line(points: Sequence[Point], *, kind: str = "") -> str:
    """Return straight strokes through the points."""
    return path(f"M{'L'.join(f'{x:.1f},{y:.1f}' for x, y in points)}", kind=kind or "line")


def band(upper: Sequence[Point], lower: Sequence[Point]) -> str:
    """Return the area between two lines."""
    outline = [*upper, *reversed(lower)]
    return path(f"M{'L'.join(f'{x:.1f},{y:.1f}' for x, y in outline)}Z", kind="band")


def box(x: float, y: float, *, size: Point, kind: str, strength: float | None = None) -> str:
    """Return a rectangle from its upper left corner; `strength` from 0 to 1 is the opacity of its area."""
    opacity = "" if strength is None else f' fill-opacity="{strength:.3f}"'
    return f'<path class="{kind}" d="M{x:.1f},{y:.1f}h{size[0]:.1f}v{size[1]:.1f}h{-size[0]:.1f}Z"{opacity}/>'


def dot(system: str, x: float, y: float, *, kind: str = "dot") -> str:
    """Return the system's own mark, which tells the system without color."""
    return f'<path class="{kind}" d="{MARKS[system]}" transform="translate({x:.1f},{y:.1f})"/>'


def path(shape: str, *, kind: str) -> str:
    """Return any shape."""
    return f'<path class="{kind}" d="{shape}"/>'


def ticks(low: float, high: float, *, most: int = 5) -> list[float]:
    """Return at most `most` round numbers in [low, high].

    Examples
    --------
    >>> ticks(0.61, 0.79)
    [0.65, 0.7, 0.75]
    """
    if high <= low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (power * factor) < most - 0.01)
    first = math.ceil(low / step)
    return [round(k * step, 12) for k in range(first, math.floor(high / step) + 1)]


def _safe(text: str) -> str:
    return escape(visible(text))
