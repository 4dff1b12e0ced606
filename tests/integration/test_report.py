"""The report: rebuilt byte for byte, refused when broken, and whole whatever users call things."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from markdown_it import MarkdownIt

from tests.conftest import Cli
from tests.stderr import as_printed, without_read
from w2s_probe.core.text import visible, width

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
RUN = ("run", "table.csv", *PAIR, "-n", "160", "-N", "800", "--seeds", "3")
PAGES = ("report.html", "report.md")
HOSTILE = '<script>alert("x")</script>|`a`|\n[b](http://c)\x1b[31m\u202eשלום\u2066$x$'
COLUMN = HOSTILE.replace('"', "'")  # polars keeps double quotes in a CSV's header doubled
LONG = "w" * 10_000


class Page(HTMLParser):
    """Cells of every row, text alternatives, and tags that are left open."""

    VOID = frozenset({"meta", "path", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.tables: list[list[int]] = []
        self.said: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append(0)
        if tag in ("td", "th"):
            self.tables[-1][-1] += 1

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "desc":
            self.said.append(data)


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[str, ...]:
    """Write a CSV whose name, columns and labels are hostile; return the run on it."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=500)
    names = (HOSTILE, LONG, "مرحبا\u200f")
    file = 'a&b<i>"\u202e\x1b[2J.csv'
    frame = pl.DataFrame({COLUMN: [names[label] for label in y], LONG: [f"{HOSTILE}{i}" for i in range(500)]})
    frame.write_csv(tmp_path / file)
    np.save(tmp_path / "t.npy", np.eye(3)[y] + 2 * rng.standard_normal((500, 3)))
    np.save(tmp_path / "s.npy", np.eye(3)[y] + rng.standard_normal((500, 3)))
    pair = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", COLUMN, "--id", LONG)
    return ("run", file, *pair, "-n", "60", "-N", "200", "--seeds", "2", "--curve", "--out", "out")


def test_report_writes_the_same_bytes_again(cli: Cli, table: Path, tmp_path: Path) -> None:
    printed = cli(*RUN, "--curve", "--json", "--out", "out").stdout
    first = {name: (tmp_path / "out" / name).read_bytes() for name in PAGES}
    for name in PAGES:
        (tmp_path / "out" / name).unlink()
    done = cli("report", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == cli(*RUN, "--curve").stdout + "wrote out/report.html and report.md\n"
    assert {name: (tmp_path / "out" / name).read_bytes() for name in PAGES} == first
    assert cli("report", "out", "--json").stdout == printed
    assert cli("report", "out", "--markdown").stdout == as_printed(first["report.md"].decode())


def test_a_curve_comes_only_when_asked_for(cli: Cli, table: Path, tmp_path: Path) -> None:
    plain = json.loads(cli(*RUN, "--json").stdout)
    assert "curve" not in plain
    found = json.loads(cli(*RUN, "--curve", "--json", "--out", "out").stdout)
    curve = found.pop("curve")
    assert found == plain
    keys = ["n", "N", "teacher", "student", "baseline", "ceiling", "gain", "versus_baseline"]
    assert all(list(point) == keys for point in curve)
    assert [(p["n"], p["N"]) for p in curve] == [
        (20, 800), (40, 800), (80, 800), (160, 100), (160, 200), (160, 400), (160, 800),
    ]  # fmt: skip
    assert curve[-1]["gain"] == found["students"]["vanilla"]["gain"]
    tidy = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert tidy.filter(part="curve").height == 7 * 4 * 3
    assert set(tidy.filter(part="test")["n_labeled"]) == {160}


def swap_for_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BREAK: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda p: p.unlink(), "has no result.json"),
    "a folder": (swap_for_a_folder, "must be a file to read"),
    "no JSON": (lambda p: p.write_text("{"), "must be JSON as --out wrote it"),
    "not UTF-8": (lambda p: p.write_bytes(b"\xff\xfe"), "must be JSON as --out wrote it"),
    "foreign": (lambda p: p.write_text("[1, 2]"), "must be an object with a schema"),
    "newer": (lambda p: p.write_text('{"schema": 99}'), "schema must be 1 or 2: got 99"),
    "too deep": (lambda p: p.write_text("[" * 100_000), "must be JSON as --out wrote it"),
    "not a number": (lambda p: p.write_text(p.read_text().replace("0.95", "NaN")), "got the number NaN"),
    "too large": (lambda p: p.write_text(p.read_text().replace("0.95", "1e999")), "level must be a number"),
    "edited": (lambda p: p.write_text(p.read_text().replace('"low"', '"lower"', 1)), "low must be there: got nothing"),
    "no versions": (lambda p: p.write_text(p.read_text().replace('"versions"', '"v"')), "versions must be an object"),
}


def test_a_result_that_is_none_is_one_line(cli: Cli, table: Path, tmp_path: Path) -> None:
    assert cli(*RUN, "--out", "out").returncode == 0
    path = tmp_path / "out" / "result.json"
    whole = path.read_bytes()
    pages = [(tmp_path / "out" / name).read_bytes() for name in PAGES]
    for how, (damage, said) in BREAK.items():
        damage(path)
        done = cli("report", "out")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), how
        assert said in done.stderr, how
        assert pages == [(tmp_path / "out" / name).read_bytes() for name in PAGES]
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        path.write_bytes(whole)


def test_a_page_allows_its_own_style_sheet_and_nothing_else(cli: Cli, table: Path, tmp_path: Path) -> None:
    assert cli(*RUN, "--out", "out").returncode == 0
    text = (tmp_path / "out" / "report.html").read_text()
    (style,) = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    own = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{own}'; base-uri 'none'; form-action 'none'"
    assert re.findall(r'<meta http-equiv="Content-Security-Policy"\s+content="([^"]*)">', text) == [policy]
    assert " style=" not in text


def test_hostile_text_is_escaped_in_the_page_and_breaks_no_table(
    cli: Cli, hostile: tuple[str, ...], tmp_path: Path
) -> None:
    done = cli(*hostile)
    assert (done.returncode, without_read(done.stderr)) == (0, "")
    text = (tmp_path / "out" / "report.html").read_text()
    page = Page(text)
    assert not {"script", "img", "i", "a"} & page.tags
    assert all(len(set(rows)) == 1 for rows in page.tables)
    assert visible(text.replace("\n", "")) == text.replace("\n", "")
    for name in (HOSTILE, COLUMN, LONG, "مرحبا\u200f"):
        shown = html.escape(visible(name)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        assert f'<bdi class="user">{shown}</bdi>' in text


def test_hostile_text_is_escaped_in_markdown_and_breaks_no_table(
    cli: Cli, hostile: tuple[str, ...], tmp_path: Path
) -> None:
    assert cli(*hostile).returncode == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert visible(text.replace("\n", "")) == text.replace("\n", "")
    page = MarkdownIt("commonmark").enable("table").render(text)
    tags = set(re.findall(r"<(\w+)", page))
    assert tags <= {"h3", "p", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "code", "details", "summary"}
    tables = re.findall(r"<table>.*?</table>", page, flags=re.DOTALL)
    assert len(tables) == 9  # systems, comparisons, curve, strengths, rows, pseudolabels, classes, read, settings
    for table in tables:
        cells = {len(re.findall(r"<t[dh]>", row)) for row in re.findall(r"<tr>.*?</tr>", table, flags=re.DOTALL)}
        assert len(cells) == 1
    shown = [html.unescape(cell) for cell in re.findall(r'<code dir="auto">(.*?)</code>', page)]
    assert {visible(HOSTILE), visible(COLUMN)} <= set(shown)


@pytest.mark.parametrize("more", [("--json",), (), ("--label", "no\x1b[31m\u202e"), ("--n-test", "\x1b[31m")])
def test_nothing_hostile_reaches_the_terminal(cli: Cli, hostile: tuple[str, ...], more: tuple[str, ...]) -> None:
    done = cli(*hostile, *more)
    said = (done.stdout + done.stderr).replace("\n", "")
    assert said
    assert visible(said) == said


def test_the_tables_keep_80_columns_whatever_the_names(process: Cli, hostile: tuple[str, ...], tmp_path: Path) -> None:
    plug_in(tmp_path)
    done = process(
        *hostile, "--strategy", f"vanilla,{'long_name_' * 9}", env={"PYTHONPATH": f"{Path.cwd()}:{tmp_path}"}
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(width, lines)) <= 80
    rows = [line for line in lines if line.startswith("long_")]
    assert len(rows) == 3  # one of the systems, one above its comparisons, one of what it changes
    assert rows[0].count("[") == rows[0].count("]") == 2  # not folded


def test_figures_say_their_numbers_and_are_the_same_bytes(cli: Cli, process: Cli, table: Path, tmp_path: Path) -> None:
    for run, folder in ((cli, "one"), (process, "two")):
        assert run(*RUN, "--curve", "--out", folder).returncode == 0
    pages = [(tmp_path / folder / "report.html").read_text() for folder in ("one", "two")]
    assert pages[0] == pages[1]
    found = json.loads((tmp_path / "one" / "result.json").read_text())
    said = Page(pages[0]).said
    assert len(said) == 2 + 2 + 4  # systems, agreement; over n, over N; calibration of four systems
    assert f"teacher {found['systems']['teacher']['accuracy']['value']:.3f} [" in said[0]
    assert f"wrong {found['students']['vanilla']['error_imitation']['teacher_wrong']['value']:.3f} [" in said[1]
    assert f"at 20: teacher {found['curve'][0]['teacher']['value']:.3f} [" in said[2]
    assert f"at 100: teacher {found['curve'][3]['teacher']['value']:.3f} [" in said[3]
    assert f"right {found['reliability']['teacher'][0]['accuracy']:.2f}" in said[4]
    for label in re.findall(r'aria-labelledby="(\S+) (\S+)"', pages[0]):
        assert all(pages[0].count(f'id="{name}"') == 1 for name in label)


def plug_in(folder: Path) -> None:
    """Install a strategy with a long name into a folder."""
    name = "long_name_" * 9
    (folder / "longplug.py").write_text(
        "from dataclasses import dataclass\nfrom w2s_probe.strategies.vanilla import VanillaConfig, vanilla as again\n"
    )
    info = folder / "longplug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: longplug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[w2s_probe.strategies]\n{name} = longplug:again\n")
