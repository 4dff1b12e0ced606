"""The reports of forecast, diagnose and theory variance: rebuilt, refused when broken, whole when hostile."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from markdown_it import MarkdownIt

from tests.conftest import Cli
from tests.integration.test_report import COLUMN, HOSTILE, PAGES, Page, hostile
from tests.stderr import without_read
from w2s_probe.core.text import visible, width

pytestmark = pytest.mark.slow  # several processes a test

__all__ = ["VERBS", "hostile"]

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
VERBS: dict[str, tuple[str, ...]] = {
    "forecast": ("forecast", "table.csv", *PAIR, "-n", "64", "-N", "200"),
    "forecast of pairs": (
        "forecast", "table.csv", "--teacher", "features:t.npy", "--student", "features:s.npy,features:t.npy",
        "--label", "y", "-n", "40", "-N", "200",
    ),
    "diagnose": ("diagnose", "table.csv", *PAIR),
    "theory variance": (
        "theory", "variance", "--d-student", "20", "--d-teacher", "60", "--correlation-dimension", "5", "-n", "110",
        "-N", "1000", "--noise-variance", "0.25", "--simulate", "20",
    ),
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_report_writes_the_same_bytes_again(cli: Cli, table: Path, tmp_path: Path, verb: str) -> None:
    printed = cli(*VERBS[verb], "--json", "--out", "out").stdout
    first = {name: (tmp_path / "out" / name).read_bytes() for name in PAGES}
    for name in PAGES:
        (tmp_path / "out" / name).unlink()
    done = cli("report", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == cli(*VERBS[verb]).stdout + "wrote out/report.html and report.md\n"
    assert {name: (tmp_path / "out" / name).read_bytes() for name in PAGES} == first
    assert cli("report", "out", "--json").stdout == printed
    assert cli("report", "out", "--markdown").stdout == first["report.md"].decode()


def page_of(cli: Cli, folder: Path, verb: str) -> tuple[dict[str, object], Page, str]:
    assert cli(*VERBS[verb], "--out", "out").returncode == 0
    text = (folder / "out" / "report.html").read_text(encoding="utf-8")
    for label in re.findall(r'aria-labelledby="(\S+) (\S+)"', text):
        assert all(text.count(f'id="{name}"') == 1 for name in label)
    return json.loads((folder / "out" / "result.json").read_text(encoding="utf-8")), Page(text), text


def test_the_forecasts_page_says_verdict_intervals_and_how_sizes_are_known(
    cli: Cli, table: Path, tmp_path: Path
) -> None:
    found, page, text = page_of(cli, tmp_path, "forecast")
    assert text.index("verdict") < text.index("<h2>")
    gain = found["gain"]
    assert isinstance(gain, dict)
    assert f"gain {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]" in page.said[1]
    assert f"[{gain['low_observed']:+.3f}, {gain['high_observed']:+.3f}]" in text
    assert "ceiling, extrapolated" in page.said[0]
    assert "at 128, extrapolated: teacher" in page.said[2]
    assert "at 64: teacher" in page.said[2]
    assert text.count('class="dashed"') == 2 * 3  # three systems over n, and over N
    assert text.count('class="hollow"') == 2 * 3 * 3
    assert "inherited variance" in page.said[4]
    assert "representation gap" in text


def test_pairs_are_ranked_in_page_and_markdown(cli: Cli, table: Path, tmp_path: Path) -> None:
    found, page, _ = page_of(cli, tmp_path, "forecast of pairs")
    pairs = found["pairs"]
    assert isinstance(pairs, list)
    scores = [[pair[name]["value"] for name in ("student", "baseline")] for pair in pairs]
    assert scores == sorted(scores, key=lambda both: (max(both), both[0]), reverse=True)
    for figure, name in enumerate(("gain", "versus_baseline")):
        assert [f"{pair[name]['value']:+.3f}" in page.said[figure] for pair in pairs] == [True, True]
    assert (tmp_path / "out" / "report.md").read_text(encoding="utf-8").count("`features:t.npy` | `features:") == 2


def test_the_diagnosis_page_says_energies_angles_and_chance(cli: Cli, table: Path, tmp_path: Path) -> None:
    found, page, text = page_of(cli, tmp_path, "diagnose")
    student, pair = found["student"], found["pair"]
    assert isinstance(student, dict)
    assert isinstance(pair, dict)
    space = student["intrinsic_dimension"]
    assert f"student: 99 % in {space['energy99']['centered']} axes" in page.said[0]
    assert space["cumulative_energy"]["ranks"][-1] == space["rank"]
    assert space["cumulative_energy"]["centered"][-1] == pytest.approx(1)
    assert f"{len(pair['principal_angles'])} angles, from " in page.said[1]
    assert f"CKA, biased {pair['cka']['biased']:.3f}, by chance {pair['cka']['biased_chance']:.3f}" in page.said[2]
    assert "Spectral dimensions count directions" in text


def test_the_theorys_page_has_lines_and_simulated_marks(cli: Cli, table: Path, tmp_path: Path) -> None:
    found, page, text = page_of(cli, tmp_path, "theory variance")
    assert "at 110: teacher 0.3061 (simulated 0." in page.said[0]
    curve = found["curve"]
    assert isinstance(curve, list)
    assert text.count('class="thin"') == 4 * len(curve)
    for point in curve:
        for name in ("teacher", "student_fresh", "baseline", "ceiling"):
            beside = point["simulated"][name]
            assert abs(beside["value"] - point["expected"][name]) < 6 * beside["se"] + 0.2 * point["expected"][name]
    rows = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert rows.height == 9 * len(curve)
    assert cli(*VERBS["theory variance"][:-2], "--out", "plain").returncode == 0
    assert 'class="thin"' not in (tmp_path / "plain" / "report.html").read_text(encoding="utf-8")


BREAK: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a forecast's number": ("forecast", lambda s: s.replace('"low"', '"lower"', 1), "must be as forecast --out wrote"),
    "a forecast's sizes": ("forecast", lambda s: s.replace('"n": 64', '"n": 65', 1), "hold the forecast's own sizes"),
    "a size of 0": ("forecast", lambda s: s.replace('"n": 16', '"n": 0'), "sizes must be above 0"),
    "another score": ("forecast", lambda s: s.replace('"score": "accuracy"', '"score": "f1"'), "accuracy or r2"),
    "a newer forecast": ("forecast", lambda s: s.replace('"schema": 2', '"schema": 3'), "schema must be 1 or 2: got 3"),
    "a spectrum": ("diagnose", lambda s: s.replace('"ranks": [', '"ranks": [1,'), "a share of energy for each rank"),
    "a setting": ("diagnose", lambda s: s.replace('"data"', '"date"'), "data, teacher and student or none"),
    "no dimension": ("theory variance", lambda s: s.replace('"d_student": 20', '"d_student": 0'), "at least 1: got 0"),
    "a simulation": ("theory variance", lambda s: s.replace('"opr": {', '"0pr": {'), "the same keys as the errors"),
}


@pytest.mark.parametrize("verb", ["forecast", "diagnose", "theory variance"])
def test_a_result_that_was_changed_is_one_line(cli: Cli, table: Path, tmp_path: Path, verb: str) -> None:
    assert cli(*VERBS[verb], "--out", "out").returncode == 0
    path = tmp_path / "out" / "result.json"
    whole = path.read_text(encoding="utf-8")
    for how, (whose, damage, said) in BREAK.items():
        if whose != verb:
            continue
        path.write_text(damage(whole), encoding="utf-8")
        done = cli("report", "out")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), (how, done.stderr)
        assert said in done.stderr, (how, done.stderr)


@pytest.mark.parametrize("verb", ["forecast", "diagnose"])
def test_hostile_text_is_escaped_and_breaks_no_table(
    cli: Cli, hostile: tuple[str, ...], tmp_path: Path, verb: str
) -> None:
    (tmp_path / "<b>&|`x`.npy").write_bytes((tmp_path / "s.npy").read_bytes())
    file = hostile[1]
    pair = ("--teacher", "features:t.npy", "--student", "features:<b>&|`x`.npy", "--label", COLUMN)
    sizes = ("-n", "60", "-N", "200") if verb == "forecast" else ()
    done = cli(verb, file, *pair, *sizes, "--out", "out")
    assert (done.returncode, without_read(done.stderr)) == (0, "")
    assert visible(done.stdout.replace("\n", "")) == done.stdout.replace("\n", "")
    assert max(map(width, cli("report", "out").stdout.split("wrote")[0].splitlines()[:6])) <= 80
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "img", "i", "a", "b"} & page.tags
    assert all(len(set(rows)) == 1 for rows in page.tables)
    assert visible(text.replace("\n", "")) == text.replace("\n", "")
    shown = html.escape(visible(COLUMN)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    assert f'<bdi class="user">{shown}</bdi>' in text
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert visible(markdown.replace("\n", "")) == markdown.replace("\n", "")
    rendered = MarkdownIt("commonmark").enable("table").render(markdown)
    tags = set(re.findall(r"<(\w+)", rendered))
    assert tags <= {
        "h3", "p", "strong", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "code", "details", "summary",
    }  # fmt: skip
    for table in re.findall(r"<table>.*?</table>", rendered, flags=re.DOTALL):
        assert len({row.count("<td>") + row.count("<th>") for row in table.split("</tr>")[:-1]}) == 1
    assert HOSTILE.split("|")[0] not in markdown


def test_degenerate_features_leave_a_page_with_what_is_defined(cli: Cli, table: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.full((2400, 3), 0.5, dtype=np.float32))
    assert cli(*VERBS["diagnose"], "--out", "out").returncode == 0
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert "student: undefined" in page.said[0]
    assert "shared dimensions undefined" in page.said[1]
    assert cli("report", "out").returncode == 0
