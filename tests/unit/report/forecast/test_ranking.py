"""Several pairs of a forecast: names that can be told apart, and numbers within 80 cells."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.text import width
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.report.forecast.figures import ranking_figures
from w2s_probe.report.forecast.page import forecast_page
from w2s_probe.report.forecast.text import forecast_text
from w2s_probe.report.numbers import estimate_of, estimate_text
from w2s_probe.results.forecast import Forecast, ForecastResult

LONG = "an-encoder-with-a-very-long-name-of-many-words-and-layers"
NAMES = {
    "the end": (f"features:{LONG}-03", f"features:{LONG}-17"),
    "the middle": (f"features:{LONG}-03-of-{LONG}.npy", f"features:{LONG}-17-of-{LONG}.npy"),
    "the start": (f"features:03-{LONG}-{LONG}", f"features:17-{LONG}-{LONG}"),
}


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    teacher, student, labels = pair_of_views(300)
    return forecast_pair(
        teacher.X[:64],
        student.X[:64],
        labels.targets(np.arange(64)),
        pool_teacher=teacher.X[64:],
        pool_student=student.X[64:],
        config=W2SConfig(),
    )


def ranked(forecast: Forecast, names: tuple[str, str], *, side: str = "teacher_backbone") -> ForecastResult:
    pairs = tuple(replace(forecast, **{side: name}) for name in names)  # type: ignore[arg-type]
    return ForecastResult(config={"data": "table.csv"}, fingerprint="f", level=0.95, best=pairs[0], pairs=pairs)


@pytest.mark.parametrize("place", NAMES)
@pytest.mark.parametrize("side", ["teacher_backbone", "student_backbone"])
def test_names_that_differ_in_one_place_look_different(forecast: Forecast, place: str, side: str) -> None:
    lines = forecast_text(ranked(forecast, NAMES[place], side=side)).split("\n")
    assert max(map(width, lines)) <= 80
    first, second = (next(line for line in lines if line.startswith(f"{rank}. ")) for rank in (1, 2))
    assert first[3:] != second[3:]
    assert "03" in first
    assert "17" in second


def test_the_terminal_shows_four_numbers_for_each_pair(forecast: Forecast) -> None:
    text = forecast_text(ranked(forecast, ("features:a.npy", "features:b.npy")))
    numbers = [
        f"{forecast.student.value:.3f}",
        f"{forecast.baseline.value:.3f}",
        *(estimate_text(estimate_of(one), signed=True) for one in (forecast.gain, forecast.versus_baseline)),
    ]
    assert (
        text.count("  ".join(numbers).replace(numbers[0], numbers[0].ljust(7)).replace(numbers[1], numbers[1].ljust(8)))
        == 2
    )
    assert re.search(r"student +baseline +gain +student - baseline", text)


def test_the_page_shows_whole_names_and_four_numbers_for_each_pair(forecast: Forecast) -> None:
    names = NAMES["the middle"]
    (section,) = (part for part in forecast_page(ranked(forecast, names)).sections if part.name == "Pairs")
    (grid,) = section.grids
    assert list(grid.header) == [
        "teacher",
        "student",
        "student's accuracy",
        "baseline's accuracy",
        "gain",
        "student - baseline",
        "verdict",
    ]
    assert [row[0] for row in grid.rows] == list(names)
    assert grid.rows[0][2] == estimate_text(forecast.student)
    assert grid.rows[0][3] == estimate_text(forecast.baseline)
    assert "ecommend" in grid.rows[0][6]


@pytest.mark.parametrize("place", NAMES)
def test_the_figures_tell_the_pairs_apart(forecast: Forecast, place: str) -> None:
    figures = ranking_figures(ranked(forecast, NAMES[place]).pairs or ())
    assert len(figures) == 2
    for figure in figures:
        texts = [node.text or "" for node in ET.fromstring(figure).iter("text")]  # noqa: S314  # written here
        first, second = (next(text for text in texts if text.startswith(f"{rank}. ")) for rank in (1, 2))
        assert "03" in first
        assert "17" in second
