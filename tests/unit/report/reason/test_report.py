"""The report of ``reason``: 80 columns, undefined shares, both methods, and results that cannot be read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from tests.schemas import check_schema
from w2s_probe.core.errors import DataError
from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.report.kinds import KINDS, kind_in, kind_of
from w2s_probe.report.reason.grids import meaning
from w2s_probe.report.reason.page import reason_page
from w2s_probe.report.reason.text import reason_text
from w2s_probe.report.render.markdown import page_markdown
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.reason import (
    SYSTEMS,
    W2SR,
    Learned,
    MutualRound,
    ReasonResult,
    ReasonScores,
    Side,
    Task,
    TeacherPoint,
)

NOTHING = Estimate(value=math.nan, low=math.nan, high=math.nan)


def near(value: float, half: float = 0.01) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def scores(**changed: Any) -> ReasonScores:
    own = {name: near(-0.123) for name in ("versus_teacher", "versus_baseline", "versus_answers", "versus_random")}
    return ReasonScores(
        **{"accuracy": near(0.5), "valid_steps": near(0.9), "follows": near(1.0), "rgr": near(0.5), **own, **changed}
    )


def side(**changed: Any) -> Side:
    fields = {"accuracy": near(0.5), "valid_steps": near(0.9), "change": near(0.123), "pairs": 12.5, "right_pairs": 0.5}
    return Side(**{**fields, **changed})


def result_of(**changed: Any) -> ReasonResult:
    config = ReasonConfig(teacher_size=(25_000, 2_000_000), method="w2sr")
    point = TeacherPoint(
        axis="teacher_size",
        value=2_000_000.0,
        parameters=1_981_440,
        facts=0.61,
        short=0,
        beyond=1,
        same_as=25_000.0,
        pool_accuracy=near(0.5),
        teacher=near(0.5),
        traces=near(0.6),
        valid_steps=near(0.9),
        versus_teacher=near(0.1),
        rgr=near(0.6),
    )
    fields: dict[str, Any] = {
        "config": config.to_dict(),
        "task": Task(steps=4, modulus=5, facts=75),
        "device": "cpu",
        "level": 0.95,
        "seeds": (0, 1),
        "pretraining": dict.fromkeys(
            ("student", "teacher"),
            Learned(facts=0.99, copying=1.0, steps=400.0, parameters=99_584, short=0, beyond=2),
        ),
        "pool_accuracy": near(0.5),
        "systems": {name: scores(valid_steps=NOTHING) for name in SYSTEMS},
        "students": {name: scores() for name in W2SR},
        "rows": dict.fromkeys(W2SR, 800.0),
        "curve": (point,),
        "notes": ("A note of many words, " * 10,),
    }
    return ReasonResult(**{**fields, **changed})


def mutual() -> ReasonResult:
    own = {name: scores(versus_answers=None, versus_random=None) for name in ("traces", "mutual")}
    start = side(pairs=0.0, right_pairs=math.nan)
    rounds = tuple(
        MutualRound(round=k, student=side() if k else start, teachers=(start, side(), side())) for k in range(4)
    )
    config = ReasonConfig(method="mutual", weak=3).to_dict()
    return result_of(config=config, students=own, rows=dict.fromkeys(own, 800.0), curve=(), rounds=rounds)


@pytest.mark.parametrize("result", [result_of(), mutual()], ids=["w2sr", "mutual"])
def test_text_and_page_hold_every_decoder_in_80_columns(result: ReasonResult) -> None:
    text = reason_text(result)
    assert max(map(len, text.splitlines())) <= 80
    assert "nan" not in text
    page = page_markdown(reason_page(result), {"numpy": "2"})
    assert "nan" not in page
    for name in (*SYSTEMS, "traces", "Pre-training"):
        assert name in page
    assert ("teacher 3" in text) == bool(result.rounds)
    assert "student of 99,584 and teacher of 99,584 parameters, on cpu" in text
    assert ("1,981,440 = 25,000" in page) == bool(result.curve)


@pytest.mark.parametrize("result", [result_of(), mutual()], ids=["w2sr", "mutual"])
def test_a_result_is_read_back_and_recognized(result: ReasonResult) -> None:
    content = json.loads(result.to_json())
    assert kind_in(content).result is ReasonResult
    read = ReasonResult.from_dict(content)
    assert read.to_json() == result.to_json()
    assert kind_of(read).verb == "reason"
    rows = list(read.to_record())
    assert all(set(row) == {*(kind_of(read).columns or ())} for row in rows)
    assert ("rounds" in content) == bool(result.rounds)


def test_content_without_a_key_of_a_kind_is_a_run() -> None:
    assert kind_in({}).verb == kind_in({"students": {}}).verb == "run"
    assert len({kind.key for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("value", "words"), [(0.1, "is better than"), (-0.1, "is worse than"), (0.005, "is not distinguishable from")]
)
def test_a_comparison_is_worded_by_its_interval(value: float, words: str) -> None:
    students = {**result_of().students, "traces": scores(versus_teacher=near(value))}
    assert next(meaning(result_of(students=students))).startswith(f"The student of traces {words} its teacher: ")


def test_a_student_without_traces_has_no_scores_and_no_sentence() -> None:
    own = ("accuracy", "valid_steps", "follows", "rgr", "versus_teacher", "versus_baseline")
    nothing = scores(**dict.fromkeys((*own, "versus_answers", "versus_random"), NOTHING))
    names = ("oracle_P", "random", "answers")
    result = result_of(students={**result_of().students, **dict.fromkeys(names, nothing)})
    result = replace(result, students={**result.students, "traces": scores(versus_answers=NOTHING)})
    sentences = " ".join(meaning(result))
    assert "answers only" not in sentences
    assert "oracle P" not in sentences
    text = reason_text(result)
    assert "nan" not in text
    assert "unresolved" not in text
    assert "nan" not in repr(result)
    content = json.loads(result.to_json())
    check_schema("reason", content)
    assert content["students"]["oracle_P"]["accuracy"]["value"] is None
    assert ReasonResult.from_dict(content).to_json() == result.to_json()


def test_rows_of_other_students_are_refused() -> None:
    content = json.loads(replace(result_of(), rows={"traces": 1.0}).to_json())
    with pytest.raises(DataError, match="rows must name the students"):
        ReasonResult.from_dict(content)
