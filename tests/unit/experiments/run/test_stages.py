"""Stages of a run: their accuracies on the test rows, their change since the start, and where they are not scored."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.problems import views
from w2s_probe import metrics
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import fit_seed, run_w2s
from w2s_probe.metrics import Draws
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import StageResult

WEAK, STRONG, LABELS = views(420, classes=3, noises=(2.5, 0.5))
SPLITS = draw_splits(LABELS, seeds=[0, 1], n_labeled=60, n_unlabeled=180, n_test=100)
CONFIG = W2SConfig(strategies=("vanilla", "mutual"), seeds=2, alphas=5)


@cache
def done() -> tuple[W2SResult, list[SeedOutcome]]:
    return run_w2s(WEAK[0], STRONG, LABELS, splits=SPLITS, config=CONFIG, more_teachers=WEAK[1:])


def stages_of(name: str) -> dict[str, StageResult]:
    students = done()[0].students
    strategy, _, key = name.partition("/")
    student = (students[strategy].variants or {})[key] if key else students[strategy]
    return dict(student.stages or {})


def right(name: str, key: str) -> list[np.ndarray]:
    """Return for each split which decisions of a stage on the test rows are right, from its head and features."""
    rows = []
    for outcome in done()[1]:
        stage, T = outcome.students[name].stages[key], outcome.split.test
        features = STRONG if stage.teacher is None else WEAK[stage.teacher]
        rows.append(stage.head.scores(features.X[T]).argmax(axis=1) == LABELS.values[T])
    return rows


@pytest.mark.parametrize("name", ["mutual", "mutual/teachers=1", "mutual/pick=random"])
def test_a_stage_has_the_accuracy_of_its_head_on_the_test_rows_of_all_seeds(name: str) -> None:
    stages = stages_of(name)
    fitted = (done()[0].students["mutual"].fitted if name == "mutual" else None) or {}
    assert "round2.student" in stages
    for key, stage in stages.items():
        of_seed = [part.mean() for part in right(name, key)]
        assert stage.accuracy.value == pytest.approx(np.mean(of_seed))
        assert stage.accuracy.low < stage.accuracy.value < stage.accuracy.high
        if fitted:
            spread = fitted[key]
            assert (spread.mean, spread.low, spread.high) == pytest.approx((np.mean(of_seed), *sorted(of_seed)))


def test_a_change_is_paired_with_the_first_stage_on_the_same_features() -> None:
    draws = Draws(rows=[split.test for split in SPLITS], level=CONFIG.level, seed=0)

    def score(key: str) -> metrics.RowScore:
        values = np.concatenate(right("mutual", key)).astype(float)
        return metrics.RowScore(numerator=values, denominator=np.ones(len(values)), bounds=(0.0, 1.0))

    starts = {"student": "round1.student", "weak 0": "round0.teacher.weak 0", "weak 1": "round0.teacher.weak 1"}
    for key, stage in stages_of("mutual").items():
        start = next(first for side, first in starts.items() if key.endswith(side))
        assert stage.versus_start == metrics.difference(score(key), score(start), draws)
        assert key != start or stage.versus_start.value == 0
    assert stages_of("mutual")["round2.teacher.weak 0"].versus_start.value > 0.02


def test_first_and_last_stages_are_the_teachers_and_the_student() -> None:
    result, stages = done()[0], stages_of("mutual")
    assert result.teachers is not None
    for name in ("weak 0", "weak 1"):
        assert stages[f"round0.teacher.{name}"].accuracy == result.teachers[name].scores["accuracy"]
    assert stages["round3.student"].accuracy == result.students["mutual"].scores["accuracy"]
    assert result.students["vanilla"].stages is None


def test_smaller_sizes_and_sweeps_score_no_stages() -> None:
    outcome = fit_seed(WEAK[0], STRONG, LABELS, split=SPLITS[0], config=CONFIG, more_teachers=WEAK[1:])
    assert not outcome.stages
    assert outcome.students["mutual"].stages


def test_a_stage_that_only_some_splits_have_is_left_out() -> None:
    from w2s_probe.experiments.run.summary import summarize

    result, outcomes = done()
    fewer = {name: {k: d for k, d in own.items() if k != "round2.student"} for name, own in outcomes[0].stages.items()}
    again = summarize([replace(outcomes[0], stages=fewer), outcomes[1]], LABELS, config=CONFIG)
    stages = again.students["mutual"].stages or {}
    assert set(stages_of("mutual")) - set(stages) == {"round2.student"}
    assert stages["round3.student"] == (result.students["mutual"].stages or {})["round3.student"]
