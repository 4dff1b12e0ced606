"""The report in a real Chromium: offline, silent, and readable on a phone and at night."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Browser, open_browser
from tests.conftest import Cli
from tests.integration.test_cli_sweep import ETAS
from tests.integration.test_report import RUN, hostile
from tests.integration.test_report_pages import VERBS
from tests.strategy_plug_in import install_steps

__all__ = ["hostile"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# contrast of every text with the page behind it, as WCAG 2 defines it
CONTRAST = """
(() => {
  const luminance = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  const against = ink => (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  const worst = (query, property) => Math.min(...[...document.querySelectorAll(query)]
    .map(node => against(luminance(getComputedStyle(node)[property]))));
  return {paper, text: worst('p, td, th, figcaption, h1, summary', 'color'), inside: worst('svg text', 'fill'),
          marks: worst('svg .dot', 'fill')};
})()
"""
# texts of figures that overlap each other or leave their figure, and the smallest of them in pixels
TEXTS = """
(() => {
  const found = {cut: [], overlapping: [], smallest: Infinity};
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll('text')].map(node => [node.textContent, node.getBoundingClientRect()]);
    const scale = frame.width / svg.viewBox.baseVal.width;
    found.smallest = Math.min(found.smallest, 12 * scale);
    boxes.forEach(([said, box], i) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1)
        found.cut.push(said);
      for (const [other, its] of boxes.slice(i + 1))
        if (box.left < its.right - 1 && its.left < box.right - 1
            && box.top < its.bottom - 4 && its.top < box.bottom - 4)
          found.overlapping.push([said, other]);
    });
  }
  return found;
})()
"""

# contrast of the numbers in a heat map with the color below them, which lets some of the paper through
HEAT = """
(() => {
  const rgb = color => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const luminance = color => {
    const [r, g, b] = color.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = rgb(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('svg .heat')].map(cell => {
    const style = getComputedStyle(cell), covered = Number(style.fillOpacity);
    const below = luminance(rgb(style.fill).map((v, i) => covered * v + (1 - covered) * paper[i]));
    const ink = luminance(rgb(getComputedStyle(cell.closest('svg').querySelector('text')).fill));
    return (Math.max(ink, below) + 0.05) / (Math.min(ink, below) + 0.05);
  });
})()
"""

UNFOLDED = """
document.querySelectorAll('details').forEach(one => one.open = true),
[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with open_browser(tmp_path / "profile") as page:
        yield page


def look(browser: Browser, page: Path, *, width: int, scheme: str) -> dict[str, Any]:
    """Open a page and return what a person would stumble over."""
    browser.open(page, width=width, scheme=scheme)
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    said = [
        e
        for e in browser.events
        if e["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    ]
    assert asked == [page.as_uri()]
    assert said == []
    found = {**browser.evaluate(CONTRAST), **browser.evaluate(TEXTS)}
    wide = browser.evaluate(UNFOLDED)
    assert max(wide[:2]) <= wide[2] == width
    return found


@pytest.mark.parametrize("data", ["table", "hostile"])
def test_the_report_opens_offline_and_fits_phone_and_desktop_by_day_and_night(
    browser: Browser, cli: Cli, tmp_path: Path, request: pytest.FixtureRequest, data: str
) -> None:
    given = request.getfixturevalue(data)
    assert cli(*(given if data == "hostile" else (*RUN, "--curve", "--out", "out"))).returncode == 0
    page = tmp_path / "out" / "report.html"
    for width, scheme in itertools.product((400, 870, 1000), ("light", "dark")):
        found = look(browser, page, width=width, scheme=scheme)
        assert (found["paper"] < 0.05) == (scheme == "dark")
        assert min(found["text"], found["inside"]) >= 4.5  # WCAG 2 AA for text
        assert found["marks"] >= 3  # and for graphics
        assert found["smallest"] >= 10
        assert found["cut"] == []
        assert found["overlapping"] == []


@pytest.mark.parametrize("verb", VERBS)
def test_the_other_reports_fit_phone_and_desktop_by_day_and_night(
    browser: Browser, cli: Cli, table: Path, tmp_path: Path, verb: str
) -> None:
    assert cli(*VERBS[verb], "--out", "out").returncode == 0
    for width, scheme in itertools.product((400, 870, 1000), ("light", "dark")):
        found = look(browser, tmp_path / "out" / "report.html", width=width, scheme=scheme)
        assert (found["paper"] < 0.05) == (scheme == "dark")
        assert min(found["text"], found["inside"]) >= 4.5
        assert found["smallest"] >= 10
        assert found["cut"] == []
        assert found["overlapping"] == []


def test_many_strategies_and_teachers_fit_phone_and_desktop_by_day_and_night(
    browser: Browser, cli: Cli, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_steps(tmp_path, monkeypatch)
    teachers = ("--teacher", "features:t.npy+features:s.npy", "--group", "third", "--group-by", "column")
    strategies = ("--strategy", "vanilla,high_confidence,mean_teacher,average,steps")
    rows = "".join(f"{line},{i % 3}\n" for i, line in enumerate(table.read_text().splitlines()[1:]))
    table.write_text(f"y,source,third\n{rows}")
    assert cli(*RUN, *teachers, *strategies, "--out", "out").returncode == 0
    for width, scheme in itertools.product((400, 870, 1000), ("light", "dark")):
        found = look(browser, tmp_path / "out" / "report.html", width=width, scheme=scheme)
        assert min(found["text"], found["inside"]) >= 4.5
        assert found["marks"] >= 3
        assert found["smallest"] >= 10
        assert found["cut"] == []
        assert found["overlapping"] == []


def test_a_heat_map_is_legible_on_phone_and_desktop_by_day_and_night(
    browser: Browser, cli: Cli, tmp_path: Path
) -> None:
    assert cli(*ETAS, "--out", "out").returncode == 0
    for width, scheme in itertools.product((400, 870, 1000), ("light", "dark")):
        found = look(browser, tmp_path / "out" / "report.html", width=width, scheme=scheme)
        contrasts = browser.evaluate(HEAT)
        assert len(contrasts) > 5 * 4
        assert min(*contrasts, found["text"], found["inside"]) >= 4.5
        assert found["smallest"] >= 10
        assert found["cut"] == []
        assert found["overlapping"] == []


def test_the_report_prints_dark_on_white_within_the_paper(
    browser: Browser, cli: Cli, table: Path, tmp_path: Path
) -> None:
    assert cli(*RUN, "--curve", "--out", "out").returncode == 0
    browser.open(tmp_path / "out" / "report.html", width=700, scheme="dark")  # A4 between its margins
    night = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", media="print", features=night)
    assert browser.evaluate(CONTRAST)["paper"] > 0.9
    wide = browser.evaluate(UNFOLDED)
    assert max(wide[:2]) <= wide[2]


def test_what_the_browser_would_report_is_seen(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "loud.html"
    page.write_text(
        "<meta name=viewport content='width=device-width'><img src=gone.png><script>console.log(1)</script>"
    )
    with pytest.raises(AssertionError):
        look(browser, page, width=400, scheme="light")
    methods = {event["method"] for event in browser.events}
    assert {"Network.requestWillBeSent", "Runtime.consoleAPICalled", "Log.entryAdded"} <= methods


def test_markup_in_a_report_loads_and_runs_nothing(browser: Browser, cli: Cli, table: Path, tmp_path: Path) -> None:
    assert cli(*RUN, "--out", "out").returncode == 0
    page = tmp_path / "out" / "report.html"
    markup = "<script>document.title = 'run'</script><img src=gone.png><style>main { display: none }</style>"
    markup += "<svg onload=\"document.title = 'run'\"></svg><p id=p style='color: red'>text</p>"
    page.write_text(page.read_text().replace("<main>", markup + "<main>"))
    browser.open(page, width=1000, scheme="light")
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if "gone" not in url] == [page.as_uri()]
    failed = {e["params"].get("blockedReason") for e in browser.events if e["method"] == "Network.loadingFailed"}
    assert failed <= {"csp"}
    shown = "[document.title, getComputedStyle(document.querySelector('main')).display, getComputedStyle(p).color]"
    title, display, color = browser.evaluate(shown)
    assert title.startswith("w2s_probe: ")
    assert display == "block"
    assert color != "rgb(255, 0, 0)"
