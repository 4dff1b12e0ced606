"""The report of a sweep: which figures there are, what they say, and how many."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from markdown_it import MarkdownIt
from scipy.stats import spearmanr

from tests.unit.experiments.sweep.cue_views import cue_sweep
from w2s_probe.experiments.sweep import SweepResult
from w2s_probe.report.page import Page, Section
from w2s_probe.report.render.html import page_html
from w2s_probe.report.render.markdown import page_markdown
from w2s_probe.report.sweep import page as pages
from w2s_probe.report.sweep.page import sweep_page
from w2s_probe.report.sweep.slices import slices_of
from w2s_probe.report.sweep.text import sweep_text
from w2s_probe.results.estimate import Estimate

ETAS = (0.1, 0.3, 0.5)


@pytest.fixture(scope="module")
def grid() -> SweepResult:
    return cue_sweep(eta_labeled=ETAS, eta_unlabeled=ETAS)


def section(page: Page, start: str) -> Section:
    (found,) = (one for one in page.sections if one.name.startswith(start))
    return found


def titles(one: Section) -> list[str]:
    return [ET.fromstring(figure)[0].text or "" for figure in one.figures]  # noqa: S314  # ours


def test_heat_maps_show_gain_theory_pgr_and_the_worst_group_over_both_fractions(grid: SweepResult) -> None:
    drawn = section(sweep_page(grid), "Over both fractions")
    assert titles(drawn) == [
        "measured gain: student - teacher",
        "theory: share of the excess risk spared",
        "PGR: share of the gap to the ceiling",
        "accuracy of the student's worst group",
        "worst group: student - teacher",
    ]
    gain, theory, _, worst, change = drawn.figures
    for point in grid.points:
        at = f"labeled {point.eta_labeled:g}, pool {point.eta_unlabeled:g}: "
        assert point.worst_groups is not None
        assert point.worst_group_gain is not None
        assert f"{at}{point.gain.value:+.3f} [{point.gain.low:+.3f}" in gain
        assert f"{at}{point.worst_groups['student'].value:.3f}" in worst
        assert f"{at}{point.worst_group_gain.value:+.3f}" in change
    for expected in grid.theory[0].points:
        assert f"labeled {expected.eta_labeled:g}, pool {expected.eta_unlabeled:g}: {expected.gain:+.3f}" in theory
    sure = sum(point.gain.low > 0 or point.gain.high < 0 for point in grid.points)
    assert gain.count('class="sure"') == sure + (sure > 0)
    assert 'class="sure"' not in worst


def test_rows_are_labeled_fractions_and_columns_those_of_the_pool(grid: SweepResult) -> None:
    point = next(point for point in grid.points if (point.eta_labeled, point.eta_unlabeled) == (0.5, 0.1))
    marked = replace(point, gain=Estimate(value=0.777, low=0.7, high=0.8))
    other = replace(grid, points=tuple(marked if each is point else each for each in grid.points))
    (figure, *_) = section(sweep_page(other), "Over both").figures
    texts = [node for node in ET.fromstring(figure).iter("text") if "text-anchor" in node.attrib]  # noqa: S314  # ours
    places = [(node.text, float(node.attrib["x"]), float(node.attrib["y"])) for node in texts]
    ((x, y),) = [place for text, *place in places if text == "+0.777"]
    assert ("0.1", x) in [(text, at) for text, at, _ in places]
    assert ("0.5", y) in [(text, at) for text, _, at in places]


def test_lines_over_eta_labeled_are_drawn_at_each_pool_with_paired_differences_below(grid: SweepResult) -> None:
    moved = section(sweep_page(grid), "Over eta_labeled")
    assert len(moved.figures) == 3 * len(ETAS)
    point = next(point for point in grid.points if (point.eta_labeled, point.eta_unlabeled) == (0.3, 0.5))
    (drawn,) = (one for one in moved.figures if "gain over eta_labeled, at eta_unlabeled 0.5<" in one)
    assert f"at 0.3: gain {point.gain.value:+.3f} [" in drawn
    (contrasts,) = moved.grids
    assert [row[0] for row in contrasts.rows] == ["pool at 0.1", "pool at 0.3", "pool at 0.5"]
    assert contrasts.header[0] == "labeled 0.1 → 0.5"
    assert contrasts.rows[0][1].startswith(f"{grid.contrasts[0].gain.value:+.3f} [")
    assert "Along each line only the labeled rows change" in moved.text[0]


def test_what_is_not_held_is_not_called_held() -> None:
    moved = section(sweep_page(cue_sweep(n_unlabeled=(None,))), "Over eta_labeled")
    assert moved.grids == []
    assert "Use -N" in moved.text[0]


def test_one_axis_gives_lines_and_no_heat_map() -> None:
    names = [one.name for one in sweep_page(cue_sweep(eta_labeled=(0.5,))).sections]
    assert names == ["Over eta_unlabeled", "Theory against measurement", "Every point"]
    names = [one.name for one in sweep_page(cue_sweep(eta_labeled=(None, 0.5), eta_unlabeled=(0.3,))).sections]
    assert names == ["Theory against measurement", "Every point"]  # the data's own has no place on an axis


def test_sizes_give_lines_over_each_that_varies(grid: SweepResult) -> None:
    sized = cue_sweep(n_labeled=(20, 40), n_unlabeled=(60, 120), eta_labeled=(0.3,), eta_unlabeled=(0.3,))
    page = sweep_page(sized)
    assert [one.name for one in page.sections] == ["Over sizes", "Every point"]
    assert titles(page.sections[0]) == ["accuracy over n labels, at N = 120", "accuracy over N pseudolabels, at n = 40"]
    least = next(point for point in sized.points if (point.n, point.N) == (20, 120))
    assert f"at 20: teacher {least.teacher.value:.3f}" in page.sections[0].figures[0]
    assert "Over sizes" not in [one.name for one in sweep_page(grid).sections]


def test_the_theorys_rank_agreement_is_spearmans(grid: SweepResult) -> None:
    beside = section(sweep_page(grid), "Theory against measurement")
    (row,) = beside.grids[0].rows
    expected = [
        ([point.gain for point in grid.theory[0].points], [point.gain.value for point in grid.points]),
        ([point.teacher for point in grid.theory[0].points], [-point.teacher.value for point in grid.points]),
        ([point.student for point in grid.theory[0].points], [-point.student.value for point in grid.points]),
    ]
    for cell, (theory, measured) in zip(row[1:4], expected, strict=True):
        assert cell == f"{spearmanr(np.round(theory, 9), np.round(measured, 9)).statistic:+.2f}"
    assert "Two limits" in beside.text[-1]
    assert "9 pairs of fractions" in beside.text[0]


def test_few_cells_or_equal_gains_have_no_rank_agreement(grid: SweepResult) -> None:
    same = replace(grid, points=tuple(replace(point, gain=grid.points[0].gain) for point in grid.points))
    (agreement,) = section(sweep_page(same), "Theory against measurement").grids
    assert agreement.rows[0][1] == "–"
    assert agreement.rows[0][2] != "–"


def test_figures_of_a_large_sweep_are_limited_and_what_is_left_out_is_said(
    grid: SweepResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_ROWS", 5)
    students = tuple(f"student {i}" for i in range(pages.MOST_SLICES + 2))
    many = cue_sweep(students=students, seeds=(0,), eta_labeled=(0.3,))
    page = sweep_page(many)
    drawn = [one.name for one in page.sections if one.figures]
    assert len(drawn) == pages.MOST_SLICES
    assert "weak → student 0, ridge, vanilla" in drawn[0]
    last = page.sections[-1]
    assert len(last.grids[0].rows) == 5
    assert list(last.text) == [
        "Figures show the first 6 of 8 combinations.",
        f"{len(many.points) - 5} more points are in results.parquet.",
    ]
    wide = cue_sweep(eta_labeled=(0.1, 0.5), eta_unlabeled=(0.1, 0.2, 0.3, 0.4, 0.5))
    moved = section(sweep_page(wide), "Over eta_labeled")
    assert len(moved.figures) == 3 * 4
    assert "The table of points has further values of eta_unlabeled: 1." in moved.caption


def test_markdown_and_text_say_the_same_without_nan(grid: SweepResult) -> None:
    markdown = page_markdown(sweep_page(grid), {"numpy": "2"})
    assert "nan" not in markdown
    assert len(re.findall(r"^\| pool at", markdown, flags=re.MULTILINE)) == 3
    text = sweep_text(grid)
    assert "Change from eta L 0.1 to 0.5, same pools and test rows:" in text
    assert max(map(len, text.splitlines())) <= 80


def test_each_combination_is_a_slice_with_its_own_contrasts() -> None:
    found = slices_of(cue_sweep(students=("a", "b"), student_alpha=(None, 5.0)))
    assert [one.title for one in found] == [
        "weak → a, ridge, vanilla", "weak → a, ridge, vanilla, student alpha 5",
        "weak → b, ridge, vanilla", "weak → b, ridge, vanilla, student alpha 5",
    ]  # fmt: skip
    assert [len(one.contrasts) for one in found] == [2, 2, 2, 2]
    assert all(one.contrasts[0].student_alpha == one.points[0].student_alpha for one in found)


def test_where_sizes_vary_too_heat_maps_show_the_largest_and_curves_the_first_fractions() -> None:
    result = cue_sweep(n_labeled=(60, 30))
    page = sweep_page(result)
    drawn = section(page, "Over both fractions")
    for point in result.points:
        at = f"labeled {point.eta_labeled:g}, pool {point.eta_unlabeled:g}: "
        said = f"{at}{point.gain.value:+.3f} [{point.gain.low:+.3f}"
        assert (said in drawn.figures[0]) == (point.n == 60)
    assert "at n = 60 and N = 120" in drawn.caption
    assert "Eta_labeled 0.1, eta_unlabeled 0.1." in section(page, "Over sizes").caption


def test_hostile_names_break_neither_page_nor_markdown() -> None:
    name = "<b>|`x`\n*y*"
    page = sweep_page(cue_sweep(students=(name, "other")))
    assert "<b>" not in page_html(page, {})
    rendered = MarkdownIt("commonmark").enable("table").render(page_markdown(page, {}))
    assert not {"b", "em"} & set(re.findall(r"<(\w+)", rendered))
    for table in re.findall(r"<table>.*?</table>", rendered, flags=re.DOTALL):
        assert len({row.count("<td>") + row.count("<th>") for row in table.split("</tr>")[:-1]}) == 1
