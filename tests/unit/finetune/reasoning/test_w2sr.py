"""W2SR on one seed: what each student is taught, what reads truth, and rounds of preferences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.datasets.arithmetic import right_solution
from w2s_probe.finetune.reasoning import mutual, pretraining, w2sr
from w2s_probe.finetune.reasoning.chains import Marks, answer_text, prompt_of, trace_text
from w2s_probe.finetune.reasoning.decoder import encode, new_decoder
from w2s_probe.finetune.reasoning.lab import Lab, Problems
from w2s_probe.finetune.reasoning.marks import SeedMarks
from w2s_probe.finetune.reasoning.notes import _pretraining_notes
from w2s_probe.finetune.reasoning.pretraining import Pretraining, pretrained
from w2s_probe.finetune.reasoning.run import run_reason
from w2s_probe.finetune.reasoning.scores import reason_result
from w2s_probe.finetune.reasoning.w2sr import self_consistent, tasks_of, training_sets
from w2s_probe.finetune.training import train

TINY = ReasonConfig(
    n_labeled=20,
    n_unlabeled=40,
    n_test=30,
    steps=2,
    modulus=3,
    teacher_size=(25_000,),
    student_size=25_000,
    teacher_updates=(10,),
    updates=10,
    samples=2,
    seeds=2,
)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pre-training of ten steps: for tests that look at no accuracy."""
    monkeypatch.setattr(pretraining, "MOST_STEPS", 10)
    monkeypatch.setattr(pretraining, "ATTEMPTS", 1)


def taught_sets(problems: Problems, traces: list[str], samples: list[list[str]]) -> dict[str, Any]:
    lab = Lab(config=TINY, seed=0)
    lab.__dict__["problems"] = problems
    return training_sets(lab, traces, samples)


def test_students_learn_traces_answers_or_a_selection() -> None:
    problems = Problems.draw(TINY, seed=0)
    right = [trace_text(solution) for solution in problems.truth]
    wrong = answer_text(0) + answer_text(0)
    traces = [text if k % 4 else "" if k % 8 else wrong for k, text in enumerate(right)]
    sets = taught_sets(problems, traces, [[text, text] for text in traces])
    assert sets["traces"][1] == traces
    rows, texts = sets["answers"]
    assert all(text == "#" + traces[row][-1] for row, text in zip(rows, texts, strict=True))
    assert len(rows) == 35  # five traces are empty
    good = {k for k in range(40) if k % 4 or (k % 8 == 0 and problems.truth[k].answer == 0)}
    assert set(sets["oracle_P"][0]) == good
    assert set(sets["oracle_N"][0]) == set(range(40)) - good
    rows, texts = sets["random"]
    assert len(set(rows)) == len(good)
    assert texts == [traces[row] for row in rows]


def test_truth_of_the_pool_is_read_by_the_oracle_and_for_the_size_of_random_only() -> None:
    problems = Problems.draw(TINY, seed=0)
    traces = [trace_text(solution) for solution in problems.truth]
    sets = taught_sets(problems, traces, [[text, text] for text in traces])
    turned = replace(problems, truth=problems.truth[::-1])
    others = taught_sets(turned, traces, [[text, text] for text in traces])
    for name in ("traces", "answers", "self_consistent"):
        np.testing.assert_array_equal(sets[name][0], others[name][0])
        assert sets[name][1] == others[name][1]
    assert len(others["random"][0]) == len(others["oracle_P"][0]) < 40


def test_self_consistency_takes_the_first_trace_of_the_most_frequent_answer() -> None:
    samples = [["#1", "1+1=2;#2", "#2"], ["", "x", "#"], ["#0", "#1", "#1"], ["#2", "#1", "1*1=1;#2"]]
    rows, texts = self_consistent(samples, modulus=3)
    assert rows.tolist() == [0, 2, 3]
    assert texts == ["1+1=2;#2", "#1", "#2"]


def test_parts_are_disjoint_and_a_function_of_the_seed() -> None:
    problems = Problems.draw(TINY, seed=3)
    every = [*problems.labeled, *problems.pool, *problems.test]
    assert len(set(every)) == len(every) == 90
    assert problems.pool == Problems.draw(TINY, seed=3).pool
    assert problems.pool != Problems.draw(TINY, seed=4).pool
    assert problems.truth == [right_solution(chain) for chain in problems.pool]


def test_pre_training_stops_at_an_accuracy_and_shows_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "COPYING", 0.0)
    done = pretrained(25_000, accuracy=0.4, steps=1, modulus=2, seed=0).pretraining
    assert done.facts >= done.asked == 0.4
    assert done.parameters == 25_280
    assert done.steps % pretraining.CHECK == 0
    assert not done.beyond
    rows = pretraining._corpus(300, np.random.default_rng(0), steps=2, modulus=3, device="cpu")
    assert not (rows.tokens == encode("#")[0]).any()


def test_a_pre_training_that_waits_for_copying_goes_beyond_the_accuracy_on_facts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pretraining, "COPYING", 0.1)
    done = pretrained(25_000, accuracy=0.001, steps=1, modulus=2, seed=0).pretraining
    assert done.is_done
    assert done.steps > pretraining.CHECK
    assert done.beyond


def test_copied_characters_stand_where_a_trace_needs_them() -> None:
    rows = pretraining._copies(50, np.random.default_rng(0), steps=2, device="cpu")
    chain = Problems.draw(TINY, seed=0).pool[0]
    start = len(prompt_of(chain))
    distance = start - 2
    places = rows.labels != -100
    assert not places[:, :start].any()
    assert 0.3 < float(places[:, start:].float().mean()) < 0.7
    for row, place in places.nonzero().tolist():
        assert rows.tokens[row, place] == rows.labels[row, place] == rows.tokens[row, place - distance]


@pytest.mark.parametrize("updates", [1, 3, 100])
@pytest.mark.parametrize("rows", [20, 40])
def test_every_decoder_does_exactly_its_updates(rows: int, updates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[int, int]] = []

    def spied(*args: Any, **kwargs: Any) -> Any:
        return train(*args, **kwargs, on_step=lambda *step: done.append(step))

    monkeypatch.setattr("w2s_probe.finetune.reasoning.lab.train", spied)
    lab = Lab(config=TINY, seed=0)
    pool, texts = lab.problems.pool[:rows], [trace_text(solution) for solution in lab.problems.truth[:rows]]
    lab.tuned(new_decoder(6_000, seed=0), pool, texts, updates=updates)
    assert done == [(k, updates) for k in range(1, updates + 1)]


def test_a_result_is_a_function_of_the_settings(brief: None) -> None:
    told: list[tuple[int, int]] = []

    def on_progress(name: str, done: int, total: int, detail: str = "", /) -> None:
        told.append((done, total))

    config = replace(TINY, seeds=1, teacher_updates=(10, 20), teacher_size=(25_000, 12_000))
    first = run_reason(config, threads=1, on_progress=on_progress)
    assert run_reason(config, threads=1).to_json() == first.to_json()
    tasks = tasks_of(config)
    assert sorted({done for done, _ in told}) == list(range(tasks + 1))
    assert told[-1] == (tasks, tasks)
    assert [(point.axis, point.value) for point in first.curve] == [("teacher_size", 12_000), ("teacher_updates", 20)]
    assert list(first.students) == ["traces", "answers", "self_consistent", "random", "oracle_P", "oracle_N"]
    assert first.rounds is None
    assert first.notes[-1].startswith("The ceiling is below 0.9")
    assert first.notes[0].startswith("One seed: the intervals cover the choice of test problems only")
    short = "1 of 1 pre-trainings of the {} ended below --{}-accuracy {} on facts or below 0.99 on copying: at "
    assert first.notes[1].startswith(short.format("student", "student", 0.99))
    assert first.notes[2].startswith(short.format("teacher", "teacher", 0.6))
    assert first.notes[3].startswith(short.format("teacher of --teacher-size 12000", "teacher", 0.6))
    assert [point.parameters for point in first.curve] == [6_464, 25_280]
    assert first.pretraining["teacher"].parameters == 25_280
    assert [point.same_as for point in first.curve] == [None, None]


def test_two_accuracies_of_one_decoder_are_one_point(brief: None) -> None:
    result = run_reason(replace(TINY, teacher_accuracy=(0.9, 0.8), teacher_updates=(1, 3)))
    assert [(point.value, point.same_as) for point in result.curve] == [(0.8, 0.9), (3, None)]
    assert result.curve[0].teacher.value == result.systems["teacher"].accuracy.value
    assert "--teacher-accuracy 0.9 and 0.8 give the same teacher in every seed" in " ".join(result.notes)
    assert not any(note.startswith("One seed") for note in result.notes)


def test_a_note_counts_the_pre_trainings_that_continued_beyond_the_requested_accuracy() -> None:
    each = Pretraining(asked=0.3, facts=0.332, copying=0.99, beyond=True, steps=105, parameters=25_280)
    near = replace(each, beyond=False)
    notes = list(_pretraining_notes("teacher 2", "teacher", [each, near]))
    assert notes == [
        "1 of 2 pre-trainings of teacher 2 continued beyond --teacher-accuracy 0.3 on facts, to 0.33, until copying "
        "had 0.99."
    ]


def marks_in(rows: int, share: float) -> Marks:
    right = (np.arange(rows) < share * rows).astype(float)
    return Marks(right=right, valid=2 * right, steps=np.full(rows, 2.0), follows=right)


def seed_marks(seed: int, rows: dict[str, int]) -> SeedMarks:
    problems = Problems.draw(TINY, seed=seed)
    shares = {"untrained": 0.0, "teacher": 0.0, "baseline": 0.8, "ceiling": 1.0}
    marks = {name: marks_in(30, share) for name, share in shares.items()}
    done = Pretraining(asked=0.6, facts=0.6, copying=1.0, beyond=False, steps=100, parameters=25_280)
    return SeedMarks(
        test=problems.test,
        marks={**marks, **{name: marks_in(30, 0.1 * (seed + 1)) for name, count in rows.items() if count}},
        pool=marks_in(40, 0.0),
        rows=rows,
        pretraining={"student": done, "teacher": done},
    )


def test_a_student_without_traces_has_no_scores_and_counts_in_the_seeds_that_have_it() -> None:
    full = dict.fromkeys(("traces", "answers", "self_consistent", "random", "oracle_P", "oracle_N"), 20)
    seeds = [seed_marks(0, {**full, "oracle_P": 0, "random": 0}), seed_marks(1, {**full, "oracle_P": 0})]
    result = reason_result(TINY, seeds, device="cpu")
    right = result.students["oracle_P"]
    assert np.isnan([right.accuracy.value, right.rgr.value, right.versus_teacher.value]).all()
    assert right.versus_random is not None
    assert np.isnan(right.versus_random.value)
    assert result.rows["oracle_P"] == 0
    assert result.students["random"].accuracy.value == pytest.approx(0.2)  # of the second seed
    assert result.students["traces"].accuracy.value == pytest.approx(0.15)
    versus = result.students["traces"].versus_random
    assert versus is not None
    assert versus.value == pytest.approx(0.0)  # in the second seed both have 0.2
    assert result.notes == (
        "random has no traces in 1 of 2 seeds, where no trace of the pool has a right answer: its scores and "
        "differences are those of the other seeds.",
        "oracle_P has no traces, and therefore no scores: no trace of the pool has a right answer.",
    )


@pytest.mark.parametrize("method", ["w2sr", "mutual"])
def test_a_learning_rate_that_is_far_too_large_ends_in_one_line_if_at_all(brief: None, method: Any) -> None:
    config = replace(TINY, method=method, lr=1.0, updates=100, teacher_updates=(100,), seeds=1)
    try:
        run_reason(config)
    except ConfigError as error:
        assert "diverged" in str(error)  # it may also end well


@pytest.mark.parametrize("weak", [1, 3])
def test_rounds_report_both_sides(brief: None, weak: int, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[set[Any]] = []
    own = mutual._round

    def spied(lab: Any, sides: Any, part: Any, *, number: int) -> Any:
        parts.append(set(part))
        return own(lab, sides, part, number=number)

    monkeypatch.setattr(mutual, "_round", spied)
    config = replace(TINY, method="mutual", weak=weak, rounds=2, seeds=1)
    result = run_reason(config)
    assert result.rounds is not None
    assert [step.round for step in result.rounds] == [0, 1, 2]
    assert [len(step.teachers) for step in result.rounds] == [weak] * 3
    assert result.rounds[-1].student.accuracy == result.students["mutual"].accuracy
    assert result.rounds[0].student.pairs == 0
    assert list(result.students) == ["traces", "mutual"]
    assert not parts[0] & parts[1]
    assert len(parts[0] | parts[1]) in (26, 27)  # of 40 in three parts


def test_a_device_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ConfigError, match="must be one that torch can use: got cuda:99"):
        run_reason(TINY, device="cuda:99")
    with pytest.raises(ConfigError, match="got nonsense"):
        run_reason(TINY, device="nonsense")


@pytest.mark.slow
def test_the_default_task_separates_untrained_teacher_and_ceiling() -> None:
    config = ReasonConfig(seed=100, seeds=1, n_unlabeled=400, n_test=200)
    lab = Lab(config=config, seed=100)
    strong, weak = lab.strong(), lab.weak()
    teacher = lab.taught(weak.model, updates=config.teacher_updates[0])
    marks, _ = w2sr.systems_of(lab, strong.model, teacher, on_step=lambda name: None)
    accuracy = {name: float(each.right.mean()) for name, each in marks.items()}
    assert strong.pretraining.facts >= 0.99
    assert accuracy["untrained"] <= 0.02
    assert accuracy["ceiling"] > 0.9
    assert accuracy["ceiling"] > accuracy["teacher"] + 0.1
