r"""Reasoning tables: final answers, their comparison, the layouts of GSM8K and MATH, and prompts before texts."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table, open_data
from w2s_probe.datasets.reasoning import final_answer, same_answer

FRACTIONS = st.fractions(min_value=-1000, max_value=1000, max_denominator=99)
FLAGS = {"prompt": "question", "text": "solution", "label": "correct"}
OWN = {
    "question": ["2 + 2?", "2 + 2?", "1/2 of 1?", "5 * 5?", "6?"],
    "solution": ["2 + 2 = 4\n#### 4", "it is 5\n#### 5", "The answer is 0.5.", "I do not know", r"so \boxed{6.0}"],
    "answer": ["4", "4", r"\frac{1}{2}", "25", "#### 6"],
}


def opened(folder: Path, columns: dict[str, Any], *, name: str = "t.jsonl", **fields: str) -> Table:
    path = folder / name
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if name.endswith(".csv"):
        pl.DataFrame(columns).write_csv(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_data(DataConfig(data=str(path), **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("48 / 2 = 24\n48 + 24 = 72\n#### 72", "72"),
        ("#### 1\nno: #### 2\nbye", "2"),
        ("#### 7 and the answer is 8", "7 and the answer is 8"),
        (r"$\boxed{x^{2}+\frac{1}{2}}$ and so", r"x^{2}+\frac{1}{2}"),
        (r"first \boxed{1}, then \boxed{2}", "2"),
        (r"in a \fbox{3}.", "3"),
        (r"open \boxed{4", None),
        (r"\boxed{}", None),
        ("The answer is 12.", "12"),
        ("the answer is 3\nFinal answer: 4\n", "4"),
        ("the answer is 1.5.", "1.5"),
        ("nothing", None),
        ("####", None),
        ("", None),
    ],
)
def test_final_answers(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@given(depth=st.integers(0, 40), inside=st.text("ab1", min_size=1))
def test_braces_of_a_box_may_be_nested_to_any_depth(depth: int, inside: str) -> None:
    nested = "{" * depth + inside + "}" * depth
    assert final_answer(rf"x \boxed{{{nested}}} }} y") == nested


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("72", "72.0"),
        ("$1,234,567", "1234567"),
        (r"\$5", "5"),
        ("50%", r"50\%"),
        ("1/2", ".5"),
        (r"\dfrac{3}{4}", r"\tfrac{6}{8}"),
        (r"-\frac{1}{3}", "-1/3"),
        ("007", "7"),
        ("-0", "0"),
        ("x + 1", "x+1"),
        (r"\text{Tuesday}", "Tuesday"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        ("18.", "18"),
        ("9" * 40, "9" * 40),
    ],
)
def test_equal_answers(left: str, right: str) -> None:
    assert same_answer(left, right)
    assert same_answer(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("72", "73"),
        ("12", "1.2"),
        ("1/3", "0.333"),
        ("1,2", "12"),
        ("x", "y"),
        ("1/0", "0"),
        ("", "0"),
        ("1e3", "1000"),
    ],
)
def test_different_answers(left: str, right: str) -> None:
    assert not same_answer(left, right)


@given(left=FRACTIONS, right=FRACTIONS)
def test_fractions_are_compared_as_numbers(left: Fraction, right: Fraction) -> None:
    assert same_answer(str(left), str(right)) == (left == right)
    assert same_answer(f"{left.numerator * 3}/{left.denominator * 3}", str(left))


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_correct_is_derived_from_the_reference_answer_and_a_note_says_so(tmp_path: Path, name: str) -> None:
    table = opened(tmp_path, OWN, name=name, **FLAGS)
    assert table.label == ["yes", "no", "yes", "no", "yes"]
    assert next(iter(table.items or ())) == "2 + 2?\n\n2 + 2 = 4\n#### 4"
    assert table.notes == (
        f"The column correct of {name} is derived: the final answer of 3 of 5 solutions is the reference answer; "
        "1 without a final answer count as wrong.",
    )


def test_solutions_without_a_reference_have_no_label(tmp_path: Path) -> None:
    table = opened(tmp_path, {**OWN, "answer": [4, None, None, 25, 6]}, **FLAGS)
    assert table.label == ["yes", None, None, "no", "yes"]
    assert "2 of 3 solutions" in table.notes[0]


def test_a_column_that_the_table_has_is_taken_as_it_is(tmp_path: Path) -> None:
    table = opened(tmp_path, {**OWN, "correct": list("aabab")}, **FLAGS)
    assert table.label == list("aabab")
    assert table.notes == ()
    assert opened(tmp_path, {**OWN, "label": list("aabab")}, text="solution").label == list("aabab")


GSM8K = {"question": ["a?", "b?"], "answer": ["1 + 1 = 2\n#### 2", "so\n#### 1,000"]}
MATH = {
    "problem": ["a?", "b?"],
    "level": ["Level 1", "Level 5"],
    "type": ["Algebra", "Geometry"],
    "solution": [r"\boxed{\frac{1}{2}}", "no box"],
}


@pytest.mark.parametrize(("columns", "answers"), [(GSM8K, ["2", "1,000"]), (MATH, [r"\frac{1}{2}", None])])
def test_published_files_have_questions_solutions_and_answers(
    tmp_path: Path, columns: dict[str, Any], answers: list[str | None]
) -> None:
    table = opened(tmp_path, columns, prompt="question", text="solution", label="answer")
    solutions = columns.get("solution", columns.get("answer", []))
    assert list(table.items or ()) == [f"{q}\n\n{s}" for q, s in zip(("a?", "b?"), solutions, strict=True)]
    assert table.label == answers
    others = opened(tmp_path, columns, prompt="question", text="solution", label="level")
    assert others.label == columns.get("level")


@pytest.mark.parametrize(("columns", "layout"), [(GSM8K, "GSM8K"), (MATH, "MATH")])
def test_published_files_hold_no_wrong_solution_to_learn_from(
    tmp_path: Path, columns: dict[str, Any], layout: str
) -> None:
    with pytest.raises(DataError) as error:
        opened(tmp_path, columns, **FLAGS)
    assert str(error.value) == (
        f"t.jsonl must hold wrong solutions too: got the layout of {layout}, whose solutions are all right. Sample "
        "solutions from your own models, and save a table with columns question, solution and answer."
    )


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "steps": (
        {**OWN, "solution": [["a", "b"]] * 5},
        "column 'solution' .* got \\['a', 'b'\\] in row 0. Join the steps",
    ),
    "no solution": ({**OWN, "solution": [None] * 5}, "column 'solution' .* got None in row 0. Fill in such rows"),
    "lists of answers": ({**OWN, "answer": [[1]] * 5}, "column 'answer' .* Save one reference answer in each row"),
    "no question": ({**OWN, "question": [None] * 5}, "column 'question' .* must hold a text in every row: got None"),
    "no such columns": ({"question": ["a"], "answer": ["b"]}, "--text must name a column of t.jsonl: got 'solution'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_malformed_tables_are_refused_in_one_line(tmp_path: Path, case: str) -> None:
    columns, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as error:
        opened(tmp_path, columns, **FLAGS)
    assert "\n" not in str(error.value)


def test_prompts_stand_before_texts_and_their_rows_stay_together(tmp_path: Path) -> None:
    columns = {"p": ["a", "b", "a"], "t": ["x", "y", "z"], "label": [1, 2, 1], "user": ["u", "u", "v"]}
    table = opened(tmp_path, columns, prompt="p", text="t")
    assert list(table.items or ()) == ["a\n\nx", "b\n\ny", "a\n\nz"]
    assert list(table.source or ()) == ["a", "b", "a"]
    assert table.source_name == "p"
    other = opened(tmp_path, columns, prompt="p", text="t", group_split="user")
    assert list(other.source or ()) == ["u", "u", "v"]
    assert opened(tmp_path, columns, text="t").source is None
    np.testing.assert_array_equal(table.take(np.array([2, 0])).items, ["a\n\nz", "a\n\nx"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "p"}, "--prompt p of t.csv must stand before texts: got no --text. Add --text COLUMN, or remove"),
        ({"prompt": "p", "image": "t"}, "got no --text"),
        ({"prompt": "q", "text": "t"}, "--prompt must name a column of t.csv: got 'q', not one of p, t, label."),
    ],
)
def test_prompts_need_texts_and_a_column(tmp_path: Path, fields: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        opened(tmp_path, {"p": ["a", "b"], "t": ["x", "y"], "label": [1, 2]}, name="t.csv", **fields)


@pytest.mark.parametrize("data", ["builtin:digits", "builtin:digits-tinted"])
def test_images_have_no_prompts(data: str) -> None:
    with pytest.raises(DataError, match="--prompt must name a column of"):
        open_data(DataConfig(data=data, prompt="digit2"))


def test_built_in_texts_can_have_prompts() -> None:
    table = open_data(DataConfig(data="builtin:vader-movie", prompt="domain"))
    assert str((table.items or [""])[0]).startswith("movie\n\n")
