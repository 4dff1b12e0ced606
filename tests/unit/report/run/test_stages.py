"""Tables of student and teachers after each round, in the terminal and on the page."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest

from tests.problems import views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.report.run.page import run_page
from w2s_probe.report.run.stages import stage_grids
from w2s_probe.report.run.text import run_text
from w2s_probe.results.run import W2SResult


@cache
def result() -> W2SResult:
    weak, strong, labels = views(420, noises=(2.5, 0.5))
    splits = draw_splits(labels, seeds=[0, 1], n_labeled=60, n_unlabeled=180, n_test=100)
    config = W2SConfig(strategies=("vanilla", "mutual"), seeds=2, alphas=5)
    return run_w2s(weak[0], strong, labels, splits=splits, config=config, more_teachers=weak[1:])[0].as_printed()


def test_each_round_has_its_lines_in_the_order_of_the_rounds() -> None:
    grid = stage_grids(result())["mutual"]
    heads = ["teacher weak 0", "teacher weak 1"]
    assert [row[:2] for row in grid.rows] == [
        *(["start", head] for head in heads),
        *([f"round {r}", head] for r in (1, 2) for head in ("student", *heads)),
        ["round 3", "student"],
    ]
    student = result().students["mutual"]
    assert grid.rows[-1][2].startswith(f"{student.scores['accuracy'].value:.3f} [")
    assert grid.rows[0][3] == "–"
    assert grid.rows[-1][3].startswith(("+", "-"))


def test_the_terminal_shows_the_rounds_of_the_own_settings_in_80_columns() -> None:
    text = run_text(result())
    assert text.count("Rounds of ") == 1
    lines = text[text.index("Rounds of mutual:") :].splitlines()
    assert lines[1].split() == ["when", "head", "accuracy", "change"]
    assert any(line.split()[:5] == ["round", "2", "teacher", "weak", "1"] for line in lines)
    assert max(map(len, text.splitlines())) <= 80


def test_the_page_shows_the_rounds_of_the_variants_too() -> None:
    (section,) = [section for section in run_page(result()).sections if section.name == "Rounds"]
    titles = [grid.title for grid in section.grids]
    assert titles[0] == "Rounds of mutual"
    assert "Rounds of mutual/teachers=1" in titles
    assert not any("rounds=0" in title for title in titles)


def test_a_run_without_rounds_has_no_such_section() -> None:
    students = {"vanilla": result().students["vanilla"]}
    plain = replace(result(), students=students, ranking=None)
    assert "Rounds" not in [section.name for section in run_page(plain).sections]
    assert "Rounds" not in run_text(plain)


def test_names_of_other_stages_are_shown_as_they_are() -> None:
    student = result().students["mutual"]
    stages = {"warm\x1b up": next(iter((student.stages or {}).values()))}
    shown = stage_grids(replace(result(), students={"x": replace(student, stages=stages, variants=None)}))["x"]
    (row,) = shown.rows
    assert row[1] == "–"
    assert "\x1b" not in row[0]
    assert row[0].startswith("warm")


def test_stages_are_read_back_whole_and_damage_is_an_error() -> None:
    back = W2SResult.from_json(result().to_json())
    assert run_text(back) == run_text(result())
    content = json.loads(result().to_json())
    stage = content["students"]["mutual"]["stages"]["round1.student"]
    assert set(stage) == {"accuracy", "versus_start"}
    del stage["versus_start"]
    with pytest.raises(DataError, match="versus_start"):
        W2SResult.from_json(json.dumps(content))
