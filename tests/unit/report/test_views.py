"""A result in Python: its text, its one line, its report in a notebook and its tidy rows."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import pair_of_views
from w2s_probe import SweepConfig, W2SConfig, diagnose, forecast, run, sweep
from w2s_probe.core.serialize import Printed
from w2s_probe.core.shown import VIEWS, view
from w2s_probe.report import load_results, save
from w2s_probe.report.kinds import KINDS, kind_in, kind_of
from w2s_probe.report.render.scoped_style import SCOPE, scoped_style

SAVED = sorted((Path(__file__).parents[2] / "schema_1").glob("*.json"))  # a result of each kind but the newest
HOSTILE = "<script>alert(1)</script>\x1b[31m"
VOID = {"br", "meta", "img", "hr", "circle", "line", "path", "rect"}


def results() -> dict[str, Any]:
    """Return what each verb returns for arrays of 120 rows."""
    weak, strong, labels = pair_of_views(120)
    X, Z, y = weak.X, strong.X, labels.names(np.arange(120))
    some = [label if row < 40 else None for row, label in enumerate(y)]
    sizes = {"n_labeled": 30, "n_unlabeled": 40, "n_test": 40}
    grid = SweepConfig(n_labeled=(30,), n_unlabeled=(40,), n_test=40, seeds=(0,), alphas=3)
    return {
        "run": run(X, Z, y, W2SConfig(**sizes, seeds=2), teacher=HOSTILE),
        "forecast": forecast(X, Z, some),
        "sweep": sweep(X, Z, y, grid),
        "diagnose": diagnose(X, Z, y),
    }


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    return results()


class Nesting(HTMLParser):
    """Checks that every element is closed, and collects the names of all."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep", "diagnose"])
def test_what_a_verb_returns_is_shown_as_its_result(shown: dict[str, Any], verb: str, tmp_path: Path) -> None:
    returned = shown[verb]
    result = getattr(returned, "result", returned)
    assert str(returned) == str(result) == kind_of(result).text(result.as_printed())
    assert max(map(len, str(returned).splitlines())) <= 80
    line = repr(returned)
    assert "\n" not in line
    assert len(line) < 260
    assert repr(result) in line
    assert line.startswith(type(returned).__name__)
    save(result, tmp_path)
    written = pl.read_parquet(tmp_path / "results.parquet")
    assert returned.to_polars().schema == written.schema
    assert returned.to_polars().equals(written)
    assert load_results(tmp_path).result.config["data"] == "arrays"


def test_one_line_has_the_decisive_numbers(shown: dict[str, Any]) -> None:
    result = shown["run"].result
    student = result.students["vanilla"]
    for number in (student.scores["accuracy"].value, result.systems["ceiling"].scores["accuracy"].value):
        assert f"{number:.3f}" in repr(result)
    assert f"gain {student.gain.value:+.3f} [{student.gain.low:+.3f}, " in repr(result)
    assert f"recommended: {result.verdict.recommend})" in repr(result)
    assert f"gain {shown['forecast'].result.best.gain.value:+.3f}" in repr(shown["forecast"])
    assert "points: 1, cells: 1" in repr(shown["sweep"])
    assert "120 rows, 120 with labels" in repr(shown["diagnose"])


def test_one_line_says_that_a_number_is_unresolved(shown: dict[str, Any]) -> None:
    best, nan = shown["forecast"].result.best, float("nan")
    silent = replace(
        best, teacher=replace(best.teacher, value=nan), gain=replace(best.gain, value=nan, low=nan, high=nan)
    )
    line = repr(replace(shown["forecast"].result, best=silent))
    assert "teacher unresolved, student 0." in line
    assert "gain unresolved; recommended" in line
    assert "nan" not in line


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep", "diagnose"])
def test_a_report_in_a_notebook_is_one_element_with_a_style_of_its_own(shown: dict[str, Any], verb: str) -> None:
    html = shown[verb]._repr_html_()
    page = Nesting()
    page.feed(html)
    assert page.open == []
    assert not page.names & {"html", "head", "body", "main", "script", "link", "meta"}
    assert html.startswith('<div class="w2s-probe">')
    assert html.rstrip().endswith("</div>")
    assert HOSTILE[:8] not in html
    style = html.partition("<style>")[2].partition("</style>")[0]
    rules = re.findall(r"([^{};]+)\{[^{}]*\}", style)
    selectors = [one.strip() for rule in rules for one in rule.split(",")]
    assert len(selectors) > 50
    assert [one for one in selectors if SCOPE not in one] == []
    assert ("svg" in page.names) == (verb != "sweep")  # of one point


def test_a_notebook_that_names_its_theme_decides_the_colors() -> None:
    dark = "@media screen and (prefers-color-scheme: dark) {\n  :root { --ink: #eee; }\n}"
    scoped = scoped_style(f":root {{ --ink: #111; }}\n{dark}\nbody, p {{ color: var(--ink); }}")
    assert f"{SCOPE}, {SCOPE} p {{ color: var(--ink); }}" in scoped
    assert f'[data-jp-theme-light="false"] {SCOPE} {{ color-scheme: dark; --ink: #eee; }}' in scoped
    assert f".vscode-light {SCOPE} {{ --ink: #111; color-scheme: light; }}" in scoped
    assert ":root" not in scoped


@pytest.mark.parametrize("file", SAVED, ids=lambda file: file.stem)
def test_a_result_that_was_read_back_is_shown_too(file: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    kind = kind_in(content)
    result = kind.result.from_dict(content)
    assert str(result) == kind.text(result.as_printed())
    assert "teacher" in repr(result) or kind.verb == "sweep"
    assert "\n" not in repr(result)
    assert "<h2>Configuration</h2>" in result._repr_html_()
    assert isinstance(result.to_polars(), pl.DataFrame)


def test_every_kind_of_result_has_a_line_of_its_own() -> None:
    for kind in KINDS:
        assert issubclass(kind.result, Printed)
        assert "__repr__" not in vars(kind.result), kind.verb
        assert any(
            "decisive" in vars(base) for base in kind.result.__mro__ if base.__module__ != "w2s_probe.core.shown"
        )


def test_every_view_is_found_by_its_name(shown: dict[str, Any]) -> None:
    assert all(view(name, shown["diagnose"]) is not None for name in VIEWS)


def test_tables_stay_in_the_text_where_rich_sees_a_notebook(
    shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = str(shown["run"])
    assert "──────" in expected
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert str(shown["run"]) == expected


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep", "diagnose"])
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_result_is_printed_in_any_encoding(
    shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch, verb: str, encoding: str
) -> None:
    written = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, write_through=True))
        print(shown[verb])  # noqa: T201
        line = "──────" if encoding == "utf-8" else "------"
        assert line in written.getvalue().decode(encoding)
        assert "\\u2" not in written.getvalue().decode(encoding)
