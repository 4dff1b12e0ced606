"""A run of several teachers and many strategies: the order of the ranking, and tables that stay readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.report.files.predictions import predictions_file
from w2s_probe.report.run.figures import reliability_figures
from w2s_probe.report.run.page import run_page
from w2s_probe.report.run.strategies import featured, ranked_rows, ranking_grid, rival_grid
from w2s_probe.report.run.text import run_text
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import Ranked

TEACHER, STUDENT, LABELS = pair_of_views(600)
NOISE = np.random.default_rng(3).standard_normal(TEACHER.X.shape)
OTHER = feature_set(TEACHER.X + NOISE, "other features")
SPLITS = draw_splits(LABELS, seeds=[0, 1], n_labeled=60, n_unlabeled=200, n_test=150)
NAMES = ("vanilla", "average", "mean_teacher", "majority")


@pytest.fixture(scope="module")
def committee() -> tuple[W2SResult, list[SeedOutcome]]:
    config = W2SConfig(seeds=2, strategies=NAMES)
    return run_w2s(TEACHER, STUDENT, LABELS, splits=SPLITS, config=config, more_teachers=[OTHER])


@pytest.fixture
def result(committee: tuple[W2SResult, list[SeedOutcome]]) -> W2SResult:
    return committee[0]


def test_the_ranking_is_ordered_by_score_with_baseline_and_teachers_among_the_strategies(result: W2SResult) -> None:
    rows = ranked_rows(result)
    assert {row.name for row in rows} == {*NAMES, "(baseline)", "(together)"}
    scores = [row.score.value for row in rows]
    assert scores == sorted(scores, reverse=True)
    vanilla = result.students["vanilla"].scores["accuracy"].value
    for row in rows:
        if row.versus_vanilla is not None:  # differences are paired: they are those of the scores
            assert row.versus_vanilla.value == pytest.approx(row.score.value - vanilla, abs=1e-12)
            assert row.versus_vanilla.low <= row.versus_vanilla.value <= row.versus_vanilla.high
    baseline = next(row for row in rows if row.name == "(baseline)")
    assert baseline.versus_vanilla is not None
    assert baseline.versus_vanilla.low == -result.students["vanilla"].versus_baseline.high
    assert next(row.title for row in rows if row.name == "average") == "average +L"


def test_a_star_marks_what_the_adjusted_interval_tells_from_vanilla(result: W2SResult) -> None:
    ranking = tuple(moved(entry, 0.2 if entry.strategy == "majority" else -0.001) for entry in result.ranking or ())
    lines = run_text(replace(result, ranking=ranking)).splitlines()
    starred = [line.split()[0] for line in lines if "] *" in line]
    assert starred == ["majority"]
    assert "* also with intervals adjusted for 3 strategies." in "\n".join(lines)


def moved(entry: Ranked, low: float) -> Ranked:
    return replace(entry, adjusted=replace(entry.adjusted, value=low + 0.1, low=low, high=low + 0.2))


def test_many_strategies_fit_80_columns_and_only_the_plain_student_is_shown_in_full(result: W2SResult) -> None:
    students = dict(result.students)
    ranking = list(result.ranking or ())
    for k in range(20):
        name = f"strategy_with_a_long_name_{k}"
        students[name] = replace(
            students["average"], variants={f"keep={k}": students["majority"], "keep=x": students["average"]}
        )
        ranking.append(replace(ranking[0], strategy=name))
    reliability = {**result.reliability, **dict.fromkeys(students, result.reliability["vanilla"])}
    many = replace(result, students=students, ranking=tuple(ranking), reliability=reliability)
    text = run_text(many)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 150
    assert text.count("student - teacher") == 1
    assert list(featured(many)) == ["vanilla"]
    assert len(ranking_grid(many).rows) == len(students) + 2
    assert len(reliability_figures(many)) == 4
    assert max(len(grid.header) for section in run_page(many).sections for grid in section.grids) <= 6


def test_a_pair_of_rivals_is_shown_once(result: W2SResult) -> None:
    vanilla, average = result.students["vanilla"], result.students["average"]
    pair = {
        "vanilla": replace(vanilla, versus_rivals={"average": vanilla.versus_baseline}),
        "average": replace(average, versus_rivals={"vanilla": average.versus_baseline}),
    }
    assert [row[:2] for row in rival_grid(replace(result, students=pair)).rows] == [["vanilla", "average"]]


def test_strategies_with_the_same_reason_share_a_sentence(result: W2SResult) -> None:
    skipped = {name: f"the strategy {name} needs 9 teachers: got 2." for name in ("a", "b")} | {"c": "none."}
    text = run_text(replace(result, skipped=skipped))
    assert "Did not apply: a, b. Reason: it needs 9 teachers: got 2.\nDid not apply: c. Reason: none." in text


def test_the_result_of_a_committee_is_read_back_whole(result: W2SResult) -> None:
    back = W2SResult.from_json(result.to_json())
    assert json.loads(back.to_json()) == json.loads(result.to_json())
    assert run_text(back) == run_text(result)
    assert run_page(back) == run_page(result.as_printed())


def without_together(content: dict[str, Any]) -> None:
    del content["teachers"]["together"]


def without_a_score(content: dict[str, Any]) -> None:
    del content["teachers"]["other features"]["brier"]


def with_another_strategy(content: dict[str, Any]) -> None:
    content["ranking"][0]["strategy"] = "other"


def without_teachers(content: dict[str, Any]) -> None:
    del content["teachers"]


def with_nested_variants(content: dict[str, Any]) -> None:
    content["students"]["average"]["variants"] = {"a=1": content["students"]["mean_teacher"]}


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (without_together, "teachers must be two or more, then together"),
        (without_a_score, "every system must have the same scores"),
        (with_another_strategy, "ranking must hold every student but vanilla"),
        (without_teachers, "students must be compared with the teachers"),
        (with_nested_variants, "variants must have no variants"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(
    result: W2SResult, damage: Callable[[dict[str, Any]], None], text: str
) -> None:
    content = json.loads(result.to_json())
    damage(content)
    with pytest.raises(DataError, match=text):
        W2SResult.from_dict(content)


def test_predictions_of_a_strategy_that_did_not_apply_in_some_seed_are_empty_there(
    committee: tuple[W2SResult, list[SeedOutcome]],
) -> None:
    first, second = committee[1]
    some = {name: student for name, student in second.students.items() if name != "majority"}
    run: Any = SimpleNamespace(
        outcomes=[first, replace(second, students=some)],
        result=committee[0],
        labels=LABELS,
        table=SimpleNamespace(ids=TEACHER.ids, group=None),
        teacher=TEACHER,
        student=STUDENT,
        more_teachers=(OTHER,),
    )
    found = pl.read_parquet(predictions_file(run))
    for name in ("majority_class", "majority_probability", "majority_kept", "majority_pseudolabel"):
        assert found.filter(pl.col(name).is_not_null())["seed"].unique().to_list() == [0]
    assert found["mean_teacher_class"].null_count() == 0
