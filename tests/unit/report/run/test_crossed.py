"""The table of a strategy whose variants cross two settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.report.run.crossed import crossed_text
from w2s_probe.report.run.strategies import variant_grids
from w2s_probe.report.run.text import run_text
from w2s_probe.results.run import W2SResult

TEACHER, STUDENT, LABELS = pair_of_views(600)
SPLITS = draw_splits(LABELS, seeds=[0, 1], n_labeled=60, n_unlabeled=200, n_test=150)
TITLE = "distill by soft_weight and teacher_rows, differences in accuracy; true labels:"


@pytest.fixture(scope="module")
def result() -> W2SResult:
    settings: dict[str, Any] = {"distill.soft_weight": [0, 0.25, 1, 4], "distill.teacher_rows": [20, 30, 40]}
    config = W2SConfig(seeds=2, strategies=("vanilla", "distill"), settings=settings, alphas=5)
    return run_w2s(TEACHER, STUDENT, LABELS, splits=SPLITS, config=config)[0]


def test_the_terminal_has_a_row_with_intervals_for_each_value_of_both_settings(result: W2SResult) -> None:
    lines = run_text(result).splitlines()
    assert TITLE in lines
    below = lines[lines.index(TITLE) + 1 :]
    table = below[: below.index("")]
    rows = [line for line in table if ", " in line.split("  ")[0]]
    assert len(rows) == 1 + 4 + 3 * 4  # own; weights; teachers with the chosen weight and with three weights
    variant = (result.students["distill"].variants or {})["soft_weight=4,teacher_rows=20"]
    (row,) = [line for line in rows if line.startswith("4, 20 ")]
    assert f"{variant.versus_baseline.value:+.3f} [{variant.versus_baseline.low:+.3f}" in row
    assert f"{variant.selection.label_precision:.3f}" in row
    assert max(map(len, lines)) <= 80
    (grid,) = variant_grids(result)
    assert "soft_weight=4,teacher_rows=20" in [row[0] for row in grid.rows]  # the page has all variants


def test_each_pair_of_crossed_settings_has_a_table_unless_it_is_too_long(result: W2SResult) -> None:
    student = result.students["distill"]
    variants = dict(student.variants or {})
    single = replace(student, variants={key: one for key, one in variants.items() if "," not in key})
    two = replace(student, variants={**variants, "soft_weight=4,steps=5": student})
    many = replace(student, variants={f"a={k},b=1": student for k in range(40)})
    texts = {name: list(crossed_text(result, "distill", one)) for name, one in (("two", two), ("many", many))}
    assert not list(crossed_text(result, "distill", single))
    assert [text.partition(",")[0] for text in texts["two"][::2]] == [
        "distill by soft_weight and teacher_rows",
        "distill by soft_weight and steps",
    ]
    assert not texts["many"]
