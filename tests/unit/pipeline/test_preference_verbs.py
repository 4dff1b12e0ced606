"""Forecast, sweep and diagnose take preference pairs as run does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, DiagnoseConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.serialize import plain as to_plain
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.pipeline.diagnose import diagnose
from w2s_probe.pipeline.forecast import forecast
from w2s_probe.pipeline.run import run
from w2s_probe.pipeline.sweep import sweep

TEACHER, STUDENT = "classic:hashing-16", "classic:hashing-64"
WORDS = [f"word{number}" for number in range(40)]  # later words are better


def sentences(count: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return sentences, and the mean rank of their words with some noise."""
    codes = rng.integers(len(WORDS), size=(count, 6))
    return [" ".join(WORDS[code] for code in row) for row in codes], codes.mean(axis=1) + rng.normal(0, 1, count)


def pair_table(folder: Path, *, noise: bool = False) -> tuple[DataConfig, Path]:
    """Write 240 pairs and a split of them; with `noise`, half of the pool's and test preferences are the other way."""
    rng = np.random.default_rng(5)
    texts, scores = sentences(480, rng)
    first, second = np.arange(0, 480, 2), np.arange(1, 480, 2)
    better = scores[first] > scores[second]
    part = np.repeat(["labeled", "unlabeled", "test"], [60, 120, 60])
    if noise:
        better ^= (part != "labeled") & (rng.random(240) < 0.5)
    chosen, rejected = np.where(better, first, second), np.where(better, second, first)
    ids = [f"p{row:03d}" for row in range(240)]
    columns = {"id": ids, "chosen": [texts[row] for row in chosen], "rejected": [texts[row] for row in rejected]}
    pl.DataFrame(columns).write_csv(folder / "pairs.csv")
    pl.DataFrame({"seed": [0] * 240, "id": ids, "part": part}).write_csv(folder / "split.csv")
    return DataConfig(data=str(folder / "pairs.csv"), id="id"), folder / "split.csv"


def scored_table(folder: Path) -> DataConfig:
    texts, scores = sentences(400, np.random.default_rng(6))
    pl.DataFrame({"text": texts, "rating": scores}).write_csv(folder / "items.csv")
    return DataConfig(data=str(folder / "items.csv"), text="text", score="rating")


def settings(folder: Path) -> dict[str, Any]:
    return {"store": FeatureStore(folder / "cache"), "options": BackboneOptions()}


def test_a_forecast_reads_no_preference_of_pool_or_test_pairs(tmp_path: Path) -> None:
    results = []
    for noise in (False, True):
        data, split_file = pair_table(tmp_path, noise=noise)
        done = forecast(
            data,
            W2SConfig(task="preference"),
            teachers=[TEACHER],
            students=[STUDENT],
            split_file=split_file,
            **settings(tmp_path),
        )
        results.append(to_plain(done.result))
    assert results[0]["n"] == 60
    assert results[0]["config"]["task"] == "preference"
    assert any("odd ridge heads" in note for note in results[0]["notes"])
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", ["pairs", "scored"])
def test_a_sweep_measures_what_run_measures(tmp_path: Path, kind: str) -> None:
    data = pair_table(tmp_path)[0] if kind == "pairs" else scored_table(tmp_path)
    shared: dict[str, Any] = {"task": "preference", "n_test": 50, "alphas": 3}
    swept = sweep(
        data,
        SweepConfig(n_labeled=(20, 40), n_unlabeled=(80,), seeds=(0, 1), **shared),
        teachers=[TEACHER],
        students=[STUDENT],
        **settings(tmp_path),
    ).result
    ran = run(
        data,
        W2SConfig(n_labeled=40, n_unlabeled=80, seeds=2, **shared),
        teacher=TEACHER,
        student=STUDENT,
        **settings(tmp_path),
    ).result
    (point,) = (point for point in swept.points if point.n == 40)
    for system in ("teacher", "baseline", "ceiling"):
        assert getattr(point, system) == ran.systems[system].scores["accuracy"]
    assert point.student == ran.students["vanilla"].scores["accuracy"]


def test_smaller_parts_of_a_sweep_over_drawn_pairs_are_the_first_pairs_of_larger_ones(tmp_path: Path) -> None:
    data, shared = scored_table(tmp_path), {"task": "preference", "n_test": 30, "alphas": 3}
    points = sweep(
        data,
        SweepConfig(n_labeled=(20, 40), n_unlabeled=(50, 80), seeds=(0,), **shared),  # type: ignore[arg-type]
        teachers=[TEACHER],
        students=[STUDENT],
        **settings(tmp_path),
    ).result.points
    assert {(point.n, point.N) for point in points} == {(20, 50), (20, 80), (40, 50), (40, 80)}
    by_size = {(point.n, point.N): point for point in points}
    assert by_size[20, 50].teacher == by_size[20, 80].teacher
    assert by_size[20, 80].ceiling == by_size[40, 80].ceiling


def test_a_diagnosis_is_one_of_differences(tmp_path: Path) -> None:
    data, _ = pair_table(tmp_path)
    done = diagnose(data, DiagnoseConfig(), teacher=TEACHER, student=STUDENT, task="preference", **settings(tmp_path))
    values = to_plain(done.result)
    assert values["config"]["task"] == "preference"
    assert values["sample"] + values["dropped_duplicates"] == 240


@pytest.mark.parametrize("flag", ["pool", "suspects"])
def test_a_forecast_of_pairs_has_no_second_table_and_no_suspects(tmp_path: Path, flag: str) -> None:
    data, _ = pair_table(tmp_path)
    more: dict[str, Any] = {"pool": "other.csv"} if flag == "pool" else {"suspects": True}
    with pytest.raises(ConfigError, match=rf"^--{flag} needs --task classification: .* Remove --{flag}\.$"):
        forecast(
            data, W2SConfig(task="preference"), teachers=[TEACHER], students=[STUDENT], **more, **settings(tmp_path)
        )


@pytest.mark.parametrize("strength", [{"teacher_alpha": 2.0}, {"student_alpha": 2.0}])
def test_a_forecast_of_pairs_refuses_strengths_of_other_heads(tmp_path: Path, strength: dict[str, float]) -> None:
    data, _ = pair_table(tmp_path)
    config = W2SConfig(task="preference", **strength)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"its own ridge heads .* Remove --teacher-alpha and --student-alpha\.$"):
        forecast(data, config, teachers=[TEACHER], students=[STUDENT], **settings(tmp_path))
