"""Texts of problems: where operands stand, and what a generated trace says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.datasets.arithmetic import Chain, draw_chains, right_solution, wrong_places, wrong_solution
from w2s_probe.finetune.reasoning.chains import (
    STEP,
    Marks,
    answer_text,
    longest_trace,
    marks_of,
    prompt_of,
    read_trace,
    trace_text,
)


def numbers(marks: Marks) -> tuple[float, ...]:
    """Return the marks of one text."""
    return tuple(float(part[0]) for part in (marks.right, marks.valid, marks.steps, marks.follows))


sizes = {"steps": st.integers(1, 8), "modulus": st.integers(2, 10), "seed": st.integers(0, 99)}


@given(**sizes)
def test_the_operator_of_a_step_is_copied_from_the_same_distance(steps: int, modulus: int, seed: int) -> None:
    (chain,) = draw_chains(1, seed=seed, steps=steps, modulus=modulus)
    prompt, trace = prompt_of(chain), trace_text(right_solution(chain))
    text = prompt + trace
    for step in range(steps):
        place = len(prompt) + STEP * step + 1
        distance = STEP * steps + 1
        assert text[place : place + 2] == text[place - distance : place - distance + 2]
        assert text[place : place + 2] == f"{chain.operators[step]}{chain.operands[step]}"
    assert len(trace) + 1 == longest_trace(steps)


@given(**sizes)
def test_a_right_trace_has_full_marks(steps: int, modulus: int, seed: int) -> None:
    (chain,) = draw_chains(1, seed=seed, steps=steps, modulus=modulus)
    marks = marks_of([chain], [trace_text(right_solution(chain))])
    assert numbers(marks) == (1, steps, steps, 1)


@given(**{**sizes, "modulus": st.sampled_from([2, 3, 5, 7])})
def test_a_wrong_step_that_is_carried_on_follows_the_problem(steps: int, modulus: int, seed: int) -> None:
    (chain,) = draw_chains(1, seed=seed, steps=steps, modulus=modulus)
    place = wrong_places(chain)[0]
    marks = marks_of([chain], [trace_text(wrong_solution(chain, place, shift=1))])
    assert marks.right == [0]
    assert marks.follows == [1]
    assert marks.valid == [steps if place > steps else steps - 1]


CHAIN = Chain(start=3, operators=("+", "*"), operands=(4, 2))


@pytest.mark.parametrize(
    ("text", "right", "valid", "steps", "follows"),
    [
        ("3+4=2;2*2=4;#4", 1, 2, 2, 1),
        ("#4", 1, 0, 0, 0),
        ("3+4=2;2*2=4;", 0, 2, 2, 1),
        ("3+4=2;1*2=2;#2", 0, 2, 2, 0),
        ("3-4=4;4*2=3;#4", 1, 2, 2, 0),
        ("3+4=2;#4", 1, 1, 1, 0),
        ("3+4=2;2*2=4;#44", 0, 2, 2, 1),
        ("3+4=2;2*2=9;#4", 1, 1, 2, 0),
        ("#4#4", 1, 0, 1, 0),
        ("", 0, 0, 0, 0),
        ("3+4", 0, 0, 1, 0),
    ],
)
def test_marks_of_generated_texts(text: str, right: int, valid: int, steps: int, follows: int) -> None:
    marks = marks_of([CHAIN], [text])
    assert numbers(marks) == (right, valid, steps, follows)


@given(text=st.text("\n 0123456789+-*=;:#", max_size=30))
def test_any_text_can_be_read(text: str) -> None:
    trace = read_trace(text, modulus=5)
    assert trace.answer is None or (0 <= trace.answer < 5 and text.endswith(answer_text(trace.answer)))
    assert trace.valid_steps <= len(trace.steps)


def test_no_problem_has_no_marks() -> None:
    assert len(marks_of([], []).right) == 0
