from __future__ import annotations

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.report.run.grids import strength_grid, system_rows


def test_the_table_of_systems_tells_what_each_was_trained_on() -> None:
    teacher, student, labels = pair_of_views(400)
    splits = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=200, n_test=100)
    config = W2SConfig(seeds=1, strategies=("vanilla", "average"))
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=config)
    assert {row.name: row.trained_on for row in system_rows(result, result.students)} == {
        "teacher": "60 labels",
        "vanilla": "200 pseudolabels",
        "average": "labels, pseudolabels",
        "baseline": "60 labels",
        "ceiling": "200 labels",
    }
    rules = {str(row[0]): row[2] for row in strength_grid(result).rows}
    assert rules["average"] == "geometric mean of two heads"
