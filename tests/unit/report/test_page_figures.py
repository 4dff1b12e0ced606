"""Figures of forecast, diagnosis, theory and fidelity on numbers that are hard to draw."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from docs.fidelity import fidelity_figure
from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.serialize import plain
from w2s_probe.diagnostics import diagnose
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.report.charts.lines import Mark, Row, Series, frame, interval_chart, line_chart, powers
from w2s_probe.report.charts.svg import ticks
from w2s_probe.report.diagnosis.figures import angles_figure, chance_figure, spectrum_figure
from w2s_probe.report.forecast import figures as forecast_figures
from w2s_probe.report.forecast.page import forecast_page
from w2s_probe.report.forecast.text import forecast_text, needed_lines
from w2s_probe.report.numbers import estimate_text
from w2s_probe.report.render.html import page_html
from w2s_probe.report.render.markdown import page_markdown
from w2s_probe.results.diagnosis import Diagnosis
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import ErrorPart, ErrorParts, Forecast, ForecastResult, Misfit, Needed, NeededLabels

OPEN = NeededLabels(n=None, low=None, high=None, reason="too few labels for a learning curve")
NEVER = Estimate(value=math.nan, low=math.nan, high=math.nan)
HOSTILE = "<script>\"'&\x1b[31m\u202e" + "w" * 10_000


@pytest.fixture(scope="module")
def found() -> Forecast:
    teacher, student, labels = pair_of_views(300)
    return forecast_pair(
        teacher.X[:64],
        student.X[:64],
        labels.targets(np.arange(64)),
        pool_teacher=teacher.X[64:],
        pool_student=student.X[64:],
        config=W2SConfig(),
    )


def result_of(found: Forecast) -> ForecastResult:
    return ForecastResult(config={"data": "table.csv"}, fingerprint="f", level=0.95, best=found)


def figures_of(found: Forecast) -> list[str]:
    drawn = [
        forecast_figures.systems_figure(found),
        forecast_figures.differences_figure(found),
        *forecast_figures.ranking_figures([found, found]),
        *forecast_figures.forecast_curves(found),
        *filter(None, [forecast_figures.parts_figure(found)]),
    ]
    for figure in drawn:
        ET.fromstring(figure)  # noqa: S314  # written here
    return drawn


def test_undefined_numbers_of_a_forecast_are_said_and_not_drawn(found: Forecast) -> None:
    never = replace(found.gain, value=math.nan, low=math.nan, high=math.nan, low_observed=math.nan)
    empty = [replace(point, teacher=NEVER, student=NEVER, baseline=NEVER) for point in found.curve]
    part = ErrorPart(value=math.nan, n_to_halve=math.inf, N_to_halve=math.nan)
    parts = ErrorParts(inherited=part, reduced=part, bias=part, teacher_variance=0.0, correlation_dimension=0.0)
    strange = replace(
        found, gain=never, versus_baseline=never, ceiling=NEVER, student=NEVER, curve=tuple(empty), error_parts=parts
    )
    drawn = "".join(figures_of(strange))
    assert not re.search(r"\b(nan|inf)\b", drawn)
    assert "gain unresolved" in drawn
    assert "inherited variance undefined" in drawn
    strange = replace(
        strange, representation_gap=math.nan, misfit=Misfit(**dict.fromkeys(("misfit", "correction", "gain"), math.nan))
    )
    page = forecast_page(result_of(strange))
    assert ["inherited variance", "undefined", "none", "none"] in [
        list(row) for section in page.sections for grid in section.grids for row in grid.rows
    ]
    assert "nan" not in page_html(page, {}).replace("tabular-nums", "")


def test_hostile_names_are_text_and_short_in_figures_and_whole_in_the_page(found: Forecast) -> None:
    strange = replace(found, teacher_backbone=HOSTILE, student_backbone=HOSTILE)
    for figure in figures_of(strange):
        texts = [node.text or "" for node in ET.fromstring(figure).iter("text")]  # noqa: S314
        assert max(map(len, texts)) < 60
        assert "<script" not in figure
    page = forecast_page(replace(result_of(strange), pairs=(strange, found)))
    assert "w" * 10_000 in page_html(page, {})
    assert "<script" not in page_html(page, {})
    assert "<script" not in page_markdown(page, {})


def test_a_single_size_has_no_curve_and_a_forecast_without_parts_no_section(found: Forecast) -> None:
    (point,) = {(p.n, p.N): p for p in found.curve if (p.n, p.N) == (found.n, found.N)}.values()
    bare = replace(found, curve=(point,), error_parts=None, needed=Needed(gain=OPEN, versus_baseline=OPEN))
    assert forecast_figures.forecast_curves(bare) == []
    names = [section.name for section in forecast_page(result_of(bare)).sections]
    assert names == ["Systems", "Comparisons", "Learning curves", "Label-free predictors of the gain"]
    assert found.error_parts is not None
    assert "Parts of the student's squared error" in [s.name for s in forecast_page(result_of(found)).sections]


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        (OPEN, "too few labels for a learning curve."),
        (NeededLabels(n=None, low=800, high=None, reason="not so soon"), "not so soon (at best 800)."),
        (NeededLabels(n=64, low=64, high=64, reason=None), "your 64 are enough."),
        (NeededLabels(n=500, low=300, high=None, reason=None), "about 500 (300 to more than 1,280)."),
        (NeededLabels(n=1100, low=1000, high=1200, reason=None), "about 1,100 (1,000 to 1,200)."),
    ],
)
def test_what_is_needed_has_a_range_or_a_reason(found: Forecast, gain: NeededLabels, text: str) -> None:
    asked = replace(found, needed=Needed(gain=gain, versus_baseline=OPEN))
    lines = needed_lines(asked)
    assert lines[:2] == [
        f"Labels needed to resolve gain: {text}",
        "Labels needed to resolve student - baseline: too few labels for a learning curve.",
    ]
    assert len(lines) == 2 + (text.startswith("about"))  # luck
    for line in lines:
        assert line in " ".join(forecast_text(result_of(asked)).split())
        assert line in page_html(forecast_page(result_of(asked)), {})


def test_the_curve_shows_the_width_that_one_would_have(found: Forecast) -> None:
    own = next(point for point in found.curve if (point.n, point.N) == (64, found.N))
    then = Estimate(value=0.0, low=-0.98765, high=0.98765)
    curve = tuple(replace(p, gain_then=then, versus_baseline_then=NEVER) if p is own else p for p in found.curve)
    asked = result_of(replace(found, curve=curve))
    assert forecast_text(asked).count("±0.988") == 1
    page = page_markdown(forecast_page(asked), {})
    (row,) = {line for line in page.splitlines() if "±0.988" in line}
    assert [cell.strip() for cell in row.split("|")][2:6] == [
        estimate_text(own.gain, signed=True), "±0.988", estimate_text(own.versus_baseline, signed=True), "-",
    ]  # fmt: skip
    assert max(map(len, forecast_text(asked).splitlines())) <= 80


def test_a_forecast_comes_back_from_its_json(found: Forecast) -> None:
    result = replace(result_of(found), pairs=(found, found))
    told = plain(result)
    assert plain(ForecastResult.from_dict({"schema": 2, **told})) == told


def test_a_diagnosis_comes_back_from_its_json_and_its_figures_say_it() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((300, 12)), rng.standard_normal((300, 8))
    diagnosis = diagnose(X, Y)
    output = Diagnosis.from_dict(diagnosis.to_dict())
    assert output.to_json() == diagnosis.to_json()
    assert "teacher: 99 % in 12 axes" in (spectrum_figure(output) or "")
    assert "0 lie below" in (angles_figure(output) or "")
    assert "shared dimensions" in chance_figure(output)


def test_a_space_that_does_not_vary_is_left_out_of_the_figures() -> None:
    X = np.random.default_rng(0).standard_normal((100, 4))
    one = diagnose(X, np.ones((100, 3)))
    none = diagnose(np.ones((100, 3)), np.ones((100, 3)))
    assert (spectrum_figure(one) or "").count('class="line"') == 1
    assert (spectrum_figure(none), angles_figure(none)) == (None, None)
    assert "nan" not in chance_figure(none)


def test_labels_of_an_axis_never_touch() -> None:
    sizes = [3 * 2**i for i in range(24)]
    marks = [Mark(at=size, estimate=Estimate(value=0.5, low=0.4, high=0.6)) for size in sizes]
    chart = line_chart(
        "x",
        [Series(system="teacher", name="teacher", marks=marks)],
        title="t",
        subject="s",
        axis="a",
        description="",
        limits=(0.0, 1.0),
        sizes=sizes,
    )
    labels = re.findall(r'<text x="([\d.]+)" y="244.0" text-anchor="middle">([\d,]+)<', chart)
    spans = [(float(x) - 3.5 * len(said), float(x) + 3.5 * len(said)) for x, said in labels]
    assert len(spans) >= 3
    assert all(left[1] < right[0] for left, right in itertools.pairwise(spans))
    assert labels[-1][1] == f"{sizes[-1]:,}"


def test_a_label_at_the_edge_stays_inside() -> None:
    row = Row(system="student", name="a", estimate=Estimate(value=0.5, low=0.4, high=0.8), text="b")
    chart = interval_chart("x", [row], title="t", low=-0.005, high=0.8)
    places = {
        said: float(x) for x, said in re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([\d.]+)<', chart)
    }
    assert {"0", "0.8"} <= places.keys()
    assert all(3.5 * len(said) <= x <= 360 - 3.5 * len(said) for said, x in places.items())


@pytest.mark.parametrize(("low", "high"), [(1e-9, 1.0), (0.02, 0.9), (3e-4, 8e-4), (5.0, 2e7)])
def test_round_numbers_of_a_logarithmic_axis_lie_inside(low: float, high: float) -> None:
    found = powers(low, high)
    assert found
    assert all(low <= tick <= high for tick in found)


def test_the_fidelity_figure_averages_seeds_and_escapes_names() -> None:
    gain = {"data": "<b>", "student": "z", "name": "gain"}
    rows = [
        {**gain, "teacher": t, "n": str(n), "seed": s, "forecast": f + s / 100, "measured": f}
        for t, f in {"x": 0.02, "y": 0.05}.items()
        for n in (50, 100)
        for s in (0, 1)
    ]
    figure = fidelity_figure([*rows, {**rows[0], "name": "student - baseline", "forecast": 9}])
    marks = ET.fromstring(figure)  # noqa: S314  # written here
    assert figure.count('class="dot"') == 4 + 2  # cells, and two budgets of the legend
    said = next(node.text or "" for node in marks.iter() if node.tag.endswith("desc"))
    assert said.startswith(
        "4 cells: Spearman 1.00, mean error 0.005. <b>, x to z, n = 50: +0.025 forecast, +0.020 measured"
    )
    with pytest.raises(ValueError, match="must hold the difference 'opr'"):
        fidelity_figure(rows, name="opr")


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_flat_line_has_an_axis_with_short_labels(value: float) -> None:
    low, high = frame([Estimate(value=value, low=value, high=value)])
    assert low < value < high
    assert max(len(f"{tick:g}") for tick in ticks(low, high)) <= len("-0.005")
