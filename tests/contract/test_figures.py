"""The figures of the README are whole files in the colors of the report, with the numbers of their results."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from importlib.resources import files

from docs.figure import coverage_figure, heatmap_figure
from tests.unit.experiments.sweep.cue_views import CONFIG, cue_sweep, cue_views
from w2s_probe import report
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.sweep import SplitSource

NAMESPACE = "{http://www.w3.org/2000/svg}"


def panels(drawn: str) -> list[str]:
    """Return the titles of the panels, which lie inside the file's frame and do not touch."""
    root = ET.fromstring(drawn)  # noqa: S314  # ours
    *_, width, height = map(float, root.attrib["viewBox"].split())
    found = root.findall(f"{NAMESPACE}svg")
    places = {(float(each.attrib["x"]), float(each.attrib.get("y", 0))) for each in found}
    assert len(places) == len(found)
    for each in found:
        assert float(each.attrib["x"]) + float(each.attrib["width"]) <= width
        assert float(each.attrib["y"]) + float(each.attrib["height"]) <= height
    return [each[0].text or "" for each in found]


def style(name: str) -> str:
    return files(report).joinpath(f"templates/{name}").read_text(encoding="utf-8")


def test_the_heat_map_shows_measurement_theory_and_worst_group() -> None:
    result = cue_sweep()
    drawn = heatmap_figure(result)
    assert [title.partition(":")[0] for title in panels(drawn)] == [
        "measured gain", "theory", "accuracy of the student's worst group", "worst group",
    ]  # fmt: skip
    assert f">{result.points[0].gain.value:+.3f}<" in drawn
    assert f">{result.theory[0].points[0].gain:+.3f}<" in drawn
    assert style("figures.css") in drawn
    assert style("heatmap.css") in drawn


def test_the_coverage_curve_shows_accuracy_and_worst_group() -> None:
    weak, strong, labels, groups = cue_views()
    one = CONFIG.run_config("ridge", None, None, (0.1, 0.3))
    config = type(one)(**{**one.to_dict(), "strategies": ("vanilla", "high_confidence"), "seeds": 2})
    source = SplitSource(labels=labels, groups=groups)
    splits = [source.grid(seed, CONFIG, (0, 1)).split(0, 0) for seed in (0, 1)]
    result, _ = run_w2s(weak, strong, labels, splits=splits, config=config, groups=groups)
    drawn = coverage_figure(result)
    assert panels(drawn) == [
        "accuracy over the share of the pool that is kept",
        "worst group's accuracy over the share of the pool that is kept",
    ]
    assert "at 60%: student 0." in drawn
    assert style("figures.css") in drawn
