"""The table of traces: its arms, RGR, and what each arm is compared with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.experiments.run.test_reasoning_gap import measured
from w2s_probe.report.numbers import estimate_text
from w2s_probe.report.run.page import run_page
from w2s_probe.report.run.text import run_text
from w2s_probe.report.run.traces import trace_grid


def test_each_arm_is_compared_with_hard_labels_or_with_random_rows() -> None:
    result, _, _ = measured()
    rows = {row[0]: row for row in trace_grid(result).rows}
    assert list(rows) == ["soft", "hard", "votes", "bagged", "random", "P", "N"]
    assert [row[3] for row in rows.values()] == ["hard", "–", "hard", "hard", "hard", "control", "control"]
    soft, oracle = result.students["traces"], result.students["oracle_traces"]
    assert soft.rgr is not None
    assert soft.versus_rivals is not None
    assert oracle.versus_control is not None
    assert rows["soft"][2] == estimate_text(soft.rgr)
    assert rows["soft"][4] == estimate_text(soft.versus_rivals["traces/arm=hard"], signed=True)
    assert rows["P"][4] == estimate_text(oracle.versus_control["accuracy"], signed=True)


def test_the_own_arm_has_the_name_of_the_setting() -> None:
    result, _, _ = measured()
    named = replace(result, config={**result.config, "settings": {"traces.arm": "votes", "oracle_traces.arm": "N"}})
    names = [row[0] for row in trace_grid(named).rows]
    assert names[0] == "votes"
    assert names[5] == "N"


def test_terminal_and_page_show_it_once_in_80_cells() -> None:
    result, _, _ = measured()
    text = run_text(result)
    assert text.count("RGR  ") == 1
    assert max(map(len, text.splitlines())) <= 80
    assert "Variants of traces" not in text
    sections = {section.name: section for section in run_page(result).sections}
    assert [row[0] for row in sections["Traces"].grids[0].rows][:2] == ["soft", "hard"]


@pytest.mark.parametrize("names", [("vanilla",), ("vanilla", "oracle_traces")])
def test_runs_without_traces_have_no_table_or_a_part(names: tuple[str, ...]) -> None:
    result, _, _ = measured()
    part = replace(result, students={name: result.students[name] for name in names})
    assert [row[0] for row in trace_grid(part).rows] == (["P", "N"] if len(names) == 2 else [])
    assert ("RGR" in run_text(part)) == (len(names) == 2)
    assert ("Traces" in {section.name for section in run_page(part).sections}) == (len(names) == 2)
