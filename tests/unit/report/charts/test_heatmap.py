"""Heat maps: what is written in a cell, and what says it again."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from w2s_probe.report.charts.heatmap import STRONGEST, Heat, heat_map

CELLS = {
    (0, 0): Heat(value=-0.2, sure=True),
    (0, 1): Heat(value=0.1),
    (1, 0): Heat(value=0.0),
    (1, 1): Heat(value=np.nan),
}


def drawn(cells: dict[tuple[int, int], Heat] = CELLS, **changes: Any) -> str:
    rows, columns = (max(at[axis] for at in cells) + 1 for axis in (0, 1))
    given: dict[str, Any] = {
        "title": "gain",
        "description": "words.",
        "rows": [f"r{i}" for i in range(rows)],
        "columns": [f"c{j}" for j in range(columns)],
        "axes": ("down", "across"),
        "scale": "difference",
        **changes,
    }
    return heat_map("name", cells, **given)


def texts(figure: str) -> list[tuple[str, float, float]]:
    return [
        (node.text or "", float(node.attrib["x"]), float(node.attrib["y"]))
        for node in ET.fromstring(figure).iter("text")  # noqa: S314  # ours
    ]


def test_each_cell_holds_its_number_with_the_first_row_at_the_bottom() -> None:
    at = {text: (x, y) for text, x, y in reversed(texts(drawn()))}  # cells come before the legend
    assert at["-0.200"][0] == at["c0"][0] == at["+0.000"][0]
    assert at["+0.100"][0] == at["c1"][0] == at["–"][0]
    assert at["-0.200"][1] == at["r0"][1] == at["+0.100"][1]
    assert at["+0.000"][1] == at["r1"][1] < at["r0"][1]
    assert "<desc" in drawn()
    assert "words." in drawn()


def shades(figure: str) -> list[tuple[str, float]]:
    found = re.findall(r'<g class="(\w+)"><path class="heat" d="\S+" fill-opacity="([\d.]+)"/></g>', figure)
    return [(kind, float(strength)) for kind, strength in found]


def test_differences_have_two_colors_that_grow_from_zero_to_both_sides() -> None:
    found = shades(drawn())
    assert found[:3] == [("less", STRONGEST), ("more", STRONGEST / 2), ("more", 0)]
    legend = found[3:]
    assert [legend[0], legend[3], legend[-1]] == [("less", STRONGEST), ("more", 0), ("more", STRONGEST)]
    said = [text for text, _, _ in texts(drawn())]
    assert said.count("-0.200") == 2
    assert "+0.200" in said


def test_levels_have_one_color_from_the_least_to_the_largest() -> None:
    cells = {(0, j): Heat(value=value) for j, value in enumerate((0.6, 0.7, 0.8))}
    found = shades(drawn(cells, scale="level"))
    assert found[:3] == [("level", 0.0), ("level", pytest.approx(STRONGEST / 2)), ("level", STRONGEST)]
    assert {"0.600", "0.800"} <= {text for text, _, _ in texts(drawn(cells, scale="level"))}


def test_frames_and_hatching_are_explained_where_there_are_any() -> None:
    figure = drawn(undefined="unresolved")
    assert figure.count('class="sure"') == 2  # the cell, and the legend
    assert figure.count('class="ideal"') == 2 * 4
    assert {"interval excludes 0", "unresolved"} <= {text for text, _, _ in texts(figure)}
    plain = drawn({(0, 0): Heat(value=0.5)}, undefined="unresolved")
    assert "interval excludes 0" not in plain
    assert "unresolved" not in plain


SHAPES = {"one": (1, 1), "wide": (2, 7), "wider": (2, 9), "widest": (3, 60), "tall": (20, 2)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", ["difference", "level"])
def test_texts_stay_inside_and_apart_whatever_the_number_of_cells(shape: str, scale: str) -> None:
    rows, columns = SHAPES[shape]
    rng = np.random.default_rng(0)
    cells = {(i, j): Heat(value=float(rng.uniform(-1, 1))) for i in range(rows) for j in range(columns)}
    figure = drawn(cells, scale=scale, columns=[f"0.{100 + j}" for j in range(columns)])
    assert "nan" not in figure
    size = [float(part) for part in ET.fromstring(figure).attrib["viewBox"].split()]  # noqa: S314  # ours
    found = texts(figure)
    assert max(y for _, _, y in found) < size[3]
    labels = sorted(x for text, x, _ in found if re.fullmatch(r"0\.1\d\d", text) and scale == "difference")
    assert not labels or min(np.diff(labels), default=99) >= 5 * 7.5
    inside = [x for text, x, y in found if re.fullmatch(r"[+-]?\d?\.\d+", text) and y < 42 + 30]
    assert len(inside) == (0 if shape == "widest" else columns)
    longest = max((len(text) for text, _, y in found if re.fullmatch(r"[+-]?\d?\.\d+", text) and y < 72), default=0)
    assert min(np.diff(sorted(inside)), default=99) >= 7.5 * longest


def test_nothing_known_is_drawn_all_the_same() -> None:
    figure = drawn({(0, 0): Heat(value=np.nan)})
    assert shades(figure) == []
    assert [text for text, _, _ in texts(figure)].count("–") == 1
