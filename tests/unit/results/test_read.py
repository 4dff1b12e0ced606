"""Results read back from JSON: equal, or refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.curve import learning_curve
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.report.run.text import run_text
from w2s_probe.results.run import W2SResult


@pytest.fixture(scope="module")
def result() -> W2SResult:
    teacher, student, labels = pair_of_views(700, classes=3)
    splits = draw_splits(labels, seeds=range(3), n_labeled=60, n_unlabeled=300, n_test=200)
    config = W2SConfig(seeds=3)
    found, outcomes = run_w2s(teacher, student, labels, splits=splits, config=config)
    points, _ = learning_curve(teacher, student, labels, outcomes=outcomes, config=config)
    return replace(found, curve=points)


def test_a_result_read_back_is_equal(result: W2SResult) -> None:
    again = W2SResult.from_json(result.to_json())
    assert again == result.as_printed()  # with twelve digits
    assert again.to_json() == result.to_json()


def test_a_result_written_before_strengths_and_counts_were_reported_is_read_and_shown(result: W2SResult) -> None:
    written = result.to_dict()
    del written["class_counts"]
    for system in (*written["systems"].values(), *written["students"].values()):
        del system["strength"]
    older = W2SResult.from_dict(written)
    assert (older.class_counts, older.systems["teacher"].strength) == ({}, None)
    assert "labeled/pool/test" in run_text(result)
    assert run_text(older) == "\n".join(
        line for line in run_text(result).split("\n") if "labeled/pool/test" not in line
    )


def test_a_result_with_undefined_numbers_reads_back_as_it_was_written() -> None:
    X = np.random.default_rng(0).standard_normal((300, 5))
    labels = Labels(values=X[:, 0] + 0.1, classes=None)
    splits = draw_splits(labels, seeds=[0], n_labeled=40, n_unlabeled=100, n_test=100)
    features = feature_set(X)
    result, _ = run_w2s(features, features, labels, splits=splits, config=W2SConfig(task="regression", seeds=1))
    assert '"label_precision": null' in result.to_json()
    assert W2SResult.from_json(result.to_json()).to_json() == result.to_json()


def test_reliability_holds_every_test_row_and_its_calibration_error(result: W2SResult) -> None:
    assert list(result.reliability) == ["teacher", "baseline", "ceiling", "vanilla"]
    for name, bins in result.reliability.items():
        rows = np.array([each.rows for each in bins])
        assert rows.sum() == 3 * 200
        gap = sum(each.rows * abs(each.confidence - each.accuracy) for each in bins) / rows.sum()
        scores = result.systems[name].scores if name in result.systems else result.students[name].scores
        accuracy = sum(each.rows * each.accuracy for each in bins) / rows.sum()
        assert accuracy == pytest.approx(scores["accuracy"].value)
        # the score bins each seed by itself and can only find more
        assert gap <= scores["ece"].value + 1e-12


Edit = Callable[[dict[str, Any]], Any]
EDITS: dict[str, tuple[Edit, str]] = {
    "another schema": (lambda d: d.update(schema=3), "schema must be 1 or 2: got 3"),
    "no schema": (lambda d: d.pop("schema"), "an object with a schema"),
    "a text for a number": (
        lambda d: d["students"]["vanilla"]["gain"].update(low="x"),
        "students.vanilla.gain.low must be a number or null: got 'x'",
    ),
    "true for a number": (lambda d: d.update(level=True), "level must be a number or null: got True"),
    "an infinite number": (lambda d: d.update(level=float("inf")), "level must be a number"),
    "a missing part": (lambda d: d.pop("verdict"), "verdict must be there"),
    "another verdict": (lambda d: d["verdict"].update(call="maybe"), "verdict.call must be one of helps, hurts"),
    "a list for an object": (lambda d: d.update(systems=[]), "systems must be an object"),
    "an object for a list": (lambda d: d.update(seeds={}), "seeds must be a list"),
    "a student that is none": (lambda d: d["students"].update(vanilla=3), "students.vanilla must be an object"),
    "no teacher": (lambda d: d["systems"].pop("teacher"), "systems must be teacher, baseline and ceiling"),
    "no students": (lambda d: d.update(students={}), "students must not be empty"),
    "no seeds": (lambda d: d.update(seeds=[]), "seeds must not be empty"),
    "no sizes": (lambda d: d["config"].pop("n_labeled"), "config must hold n_labeled"),
    "half the names": (lambda d: d["config"].update(data="x"), "config must name data, teacher and student"),
    "another score": (lambda d: d.update(score="f1"), "score must be accuracy or r2"),
    "a lost score": (lambda d: d["systems"]["ceiling"].pop("brier"), "every system must have the same scores"),
    "a bin without rows": (lambda d: d["reliability"]["teacher"][0].update(rows=0), "reliability must hold bins"),
    "no bins": (lambda d: d["reliability"].update(teacher=[]), "reliability must hold bins"),
    "a bin of nothing": (lambda d: d["reliability"]["teacher"][0].update(accuracy=None), "reliability must hold bins"),
    "no labels": (lambda d: d["curve"][0].update(n=0), "sizes of the curve must be above 0"),
    "half an imitation": (
        lambda d: d["students"]["vanilla"]["error_imitation"].pop("teacher_wrong"),
        "error_imitation must hold",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_no_run_wrote_is_refused(result: W2SResult, edit: str) -> None:
    found = json.loads(result.to_json())
    change, said = EDITS[edit]
    change(found)
    with pytest.raises(DataError) as caught:
        W2SResult.from_dict(found)
    assert said in str(caught.value)
