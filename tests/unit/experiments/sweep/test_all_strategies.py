"""A sweep of all strategies leaves out those that do not apply, and says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.splits import draw_splits
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep

WEAK, STRONG, LABELS = pair_of_views(500, classes=3)
SIZES: dict[str, Any] = {"n_labeled": 60, "n_unlabeled": 200, "n_test": 150}
GRID = SweepConfig(strategies=("all",), n_labeled=(60,), n_unlabeled=(200,), n_test=150, seeds=(0, 1))
TEACHERS = {"a": (WEAK,), "a+a": (WEAK, replace(WEAK, name="again"))}


def swept(config: SweepConfig = GRID, folder: Path | None = None, jobs: int = 1) -> SweepResult:
    source = SplitSource(labels=LABELS)
    return run_sweep(TEACHERS, {"strong": STRONG}, source, config=config, folder=folder, jobs=jobs)


@pytest.mark.slow
def test_a_point_of_a_strategy_is_what_run_finds_and_what_does_not_apply_has_its_reason(tmp_path: Path) -> None:
    result = swept(folder=tmp_path / "one")
    splits = draw_splits(LABELS, seeds=[0, 1], **SIZES)
    for name, teachers in TEACHERS.items():
        points = {point.strategy: point for point in result.points if point.teacher_backbone == name}
        config = W2SConfig(strategies=("all",), seeds=2, **SIZES)
        run, _ = run_w2s(teachers[0], STRONG, LABELS, splits=splits, config=config, more_teachers=teachers[1:])
        skipped = set(result.skipped or {}) | set(run.skipped or {})
        assert set(points) - skipped == set(run.students) - skipped
        for strategy in set(points) - skipped - {"vanilla"}:
            measured = run.students[strategy]
            # a vanilla student from moments differs from that of the pool by rounding
            assert points[strategy].student.value == pytest.approx(measured.scores["accuracy"].value, abs=0.01)
            change, adjusted = points[strategy].versus_vanilla, points[strategy].versus_vanilla_adjusted
            assert change is not None
            assert adjusted is not None
            assert adjusted.low <= change.low
    assert result.skipped is not None
    assert result.skipped["mean_teacher"].startswith("in 2 of 4 cells: the strategy mean_teacher needs two teachers")
    assert "mean_teacher" not in {p.strategy for p in result.points if p.teacher_backbone == "a"}
    assert not np.isnan(result.table["alpha"]).any()
    assert swept(folder=tmp_path / "four", jobs=4).to_json() == result.to_json()
    one, four = ({f.name: f.read_bytes() for f in (tmp_path / d).iterdir()} for d in ("one", "four"))
    assert one == four
    assert swept(folder=tmp_path / "one").to_json() == result.to_json()  # from the files, reasons too


def test_a_strategy_that_is_named_must_apply() -> None:
    config = replace(GRID, strategies=("vanilla", "majority"))
    with pytest.raises(NotApplicableError, match="the strategy majority needs two teachers or more: got one"):
        swept(config)
