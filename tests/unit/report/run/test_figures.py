"""Figures on numbers that are hard to draw, and names that are hard to show."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.report.charts.svg import ticks
from w2s_probe.report.numbers import estimate_text, score_text
from w2s_probe.report.run.figures import agreement_figure, curve_figures, reliability_figures, systems_figure
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import CurvePoint, W2SResult

HOSTILE = "<script>\"'&\x1b[31m\u202e" + "w" * 10_000


@pytest.fixture(scope="module")
def result() -> W2SResult:
    teacher, student, labels = pair_of_views(500)
    splits = draw_splits(labels, seeds=range(2), n_labeled=60, n_unlabeled=200, n_test=150)
    return run_w2s(teacher, student, labels, splits=splits, config=W2SConfig(seeds=2))[0]


def texts(figure: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(figure).iter("text")]  # noqa: S314  # written here


def test_hostile_names_are_text_in_a_figure_and_short(result: W2SResult) -> None:
    renamed = {"a": result.students["vanilla"], HOSTILE: result.students["vanilla"]}
    reliability = {**result.reliability, "a": result.reliability["vanilla"], HOSTILE: result.reliability["vanilla"]}
    strange = replace(result, students=renamed, reliability=reliability)
    for figure in (systems_figure(strange), agreement_figure(strange), *reliability_figures(strange)):
        assert "\x1b" not in figure
        assert "\u202e" not in figure
        assert max(map(len, texts(figure))) < 60
        assert "<script" not in figure


def test_an_undefined_share_is_said_and_not_drawn(result: W2SResult) -> None:
    never = Estimate(value=math.nan, low=math.nan, high=math.nan)
    student = result.students["vanilla"]
    imitation = {**student.error_imitation, "teacher_wrong": never}
    changed = replace(result, students={"vanilla": replace(student, error_imitation=imitation)})
    figure = agreement_figure(changed)
    assert "teacher wrong unresolved" in figure
    assert "nan" not in figure
    assert figure.count('class="dot"') == 1


def test_one_size_and_equal_scores_can_be_drawn(result: W2SResult) -> None:
    same = Estimate(value=0.5, low=0.5, high=0.5)
    point = CurvePoint(
        n=9, N=9, teacher=same, student=same, baseline=same, ceiling=same, gain=same, versus_baseline=same
    )
    systems = {name: replace(found, scores=dict.fromkeys(found.scores, same)) for name, found in result.systems.items()}
    flat = replace(result, systems=systems, curve=(point,))
    for figure in (*curve_figures(flat), systems_figure(flat)):
        assert "nan" not in figure
        assert "inf" not in figure


def test_undefined_scores_are_left_out_of_a_curve(result: W2SResult) -> None:
    some, never = Estimate(value=0.5, low=-9.0, high=9.0), Estimate(value=math.nan, low=math.nan, high=math.nan)
    point = CurvePoint(
        n=9, N=9, teacher=some, student=never, baseline=some, ceiling=some, gain=never, versus_baseline=never
    )
    systems = {
        name: replace(found, scores=dict.fromkeys(found.scores, never)) for name, found in result.systems.items()
    }
    strange = replace(result, systems=systems, curve=(point, replace(point, n=20, student=some)))
    over_n, over_N = curve_figures(strange)
    assert "nan" not in over_n + over_N + systems_figure(strange)
    assert over_n.count('class="band"') == 4
    heights = [
        float(y) for y in re.findall(r",(-?[\d.]+)[LZ\"]", "".join(re.findall(r'class="band" d="[^"]*"', over_n)))
    ]
    assert 40 <= min(heights) <= max(heights) <= 230  # an interval far wider than the values stays in the frame


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_inside(low: float, span: float) -> None:
    high = low + span
    found = ticks(low, high)
    assert 1 <= len(found) <= 5
    assert all(low - 1e-9 * abs(low) - 1e-9 <= tick <= high + 1e-9 * abs(high) + 1e-9 for tick in found)


@pytest.mark.parametrize(
    ("metric", "numbers", "said"),
    [
        ("accuracy", (0.6519, 0.6411, 0.6631), "0.652 [0.641, 0.663]"),
        ("r2", (-12345.6, -20000.0, 3.0), "-1.23e4 [-2.00e4, 3.00e0]"),
        ("squared_error", (0.00012, 0.0001, 0.0002), "1.20e-4 [1.00e-4, 2.00e-4]"),
        ("squared_error", (1.5e10, 1e10, 2e10), "1.50e10 [1.00e10, 2.00e10]"),
        ("ece", (0.004, 0.001, 0.007), "0.004 [0.001, 0.007]"),
    ],
)
def test_scores_of_any_size_stay_short(metric: str, numbers: tuple[float, float, float], said: str) -> None:
    value, low, high = numbers
    assert score_text(metric, Estimate(value=value, low=low, high=high)) == said
    assert len(said) <= 26


def test_signs_are_shown_where_asked() -> None:
    assert estimate_text(Estimate(value=0.05, low=-0.01, high=0.11), signed=True) == "+0.050 [-0.010, +0.110]"
