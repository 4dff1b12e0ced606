r"""Tables of reasoning: questions, solutions and reference answers; whether a solution's final answer is right.

=========  =====================================  =============================================================
layout     columns                                what they hold
=========  =====================================  =============================================================
own        question, solution, answer             solutions of any model, and the reference answer or solution
GSM8K      question, answer                       right solutions only, which end with ``#### 42`` [1]_
MATH       problem, solution (level, type)        right solutions only, with ``\boxed{42}`` [2]_
=========  =====================================  =============================================================

The published files hold no wrong solution, so nothing can be learned from them about what is right: sample solutions
from your own models, put the reference answer beside each, and save both as a table of the own layout.

References
----------
.. [1] Cobbe et al. (2021), Training Verifiers to Solve Math Word Problems, arXiv 2110.14168.
.. [2] Hendrycks et al. (2021), Measuring Mathematical Problem Solving With the MATH Dataset, arXiv 2103.03874.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

CORRECT = "correct"  # column of labels that is derived
ROLES = ("question", "solution", "answer")
MARK = "####"
BOXES = ("\\boxed", "\\fbox")
SAID = re.compile(r"(?i)\b(?:final answer|answer)(?: is|:)[: ]*(.+)")
NUMBER = re.compile(r"(-?)(\d{0,30})(?:\.(\d{1,30}))?(?:/(\d{1,30}))?")  # longer ones are compared as texts
FRACTION = re.compile(r"\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
WRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mbox)\{([^{}]*)\}")
DROPPED = re.compile(r"\\left|\\right|\\[!,;: ]|\\?[$%]|\s|(?<=\d),(?=\d{3})")


def with_reasoning(frame: pl.DataFrame, config: DataConfig, *, name: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return a frame with the columns question, solution, answer and correct that `config` names, and notes on them.

    Missing columns are derived where the frame has a layout of reasoning data. A frame that has all columns, or another
    layout, is returned as it is. `correct` is yes where the final answer of the solution is the reference answer (see
    `final_answer` and `same_answer`), no where it is another one or missing, and null without a reference.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of the data.
    config : DataConfig
        Columns of prompts, texts and labels.
    name : str
        Name of the data, for messages.

    Raises
    ------
    DataError
        If `correct` is asked of a published file, which holds right solutions only, or a column holds no texts.
    """
    asked = {config.prompt, config.text, config.label} & {*ROLES, CORRECT}
    layout = _layout(frame)
    if not layout or asked <= set(frame.columns):
        return frame, ()
    if layout != "own":
        if config.label == CORRECT:
            msg = (
                f"{name} must hold wrong solutions too: got the layout of {layout}, whose solutions are all right. "
                "Sample solutions from your own models, and save a table with columns question, solution and answer."
            )
            raise DataError(msg)
        return _published(frame, layout, name), ()
    if config.label != CORRECT or CORRECT in frame.columns:
        return frame, ()
    return _judged(frame, name)


def final_answer(text: str) -> str | None:
    r"""Return the final answer of a solution, None without one.

    It stands after the last ``####``, else in the last ``\boxed{…}``, whose braces may be nested, else after the last
    "answer is" or "answer:", up to the end of the line.

    Parameters
    ----------
    text : str
        A solution.

    Examples
    --------
    >>> final_answer("48 / 2 = 24\n#### 24"), final_answer(r"so \boxed{\frac{1}{2}}."), final_answer("The answer is 7.")
    ('24', '\\frac{1}{2}', '7')
    """
    if MARK in text:
        answer = text.rpartition(MARK)[2].strip().partition("\n")[0]
    else:
        boxed = _boxed(text)
        sentence = next(iter(reversed(SAID.findall(text))), "")
        answer = sentence.strip().rstrip(".") if boxed is None else boxed
    return answer.strip() or None


def same_answer(left: str, right: str) -> bool:
    r"""Return whether two final answers are equal: as numbers if both are numbers, else as texts without blanks.

    Dollar and percent signs, commas between thousands and LaTeX's spaces do not count; fractions are numbers.

    Parameters
    ----------
    left, right : str
        Final answers.

    Examples
    --------
    >>> same_answer("$1,200.00", "1200"), same_answer(r"\frac{1}{2}", "0.5"), same_answer("x + 1", "x+1")
    (True, True, True)
    >>> same_answer("12", "1.2")
    False
    """
    texts = [_bare(answer) for answer in (left, right)]
    numbers = [_number(text) for text in texts]
    return texts[0] == texts[1] if None in numbers else numbers[0] == numbers[1]


def _layout(frame: pl.DataFrame) -> str:
    """Return own, GSM8K or MATH, empty for another layout."""
    import polars as pl

    columns = set(frame.columns)
    if set(ROLES) <= columns:
        return "own"
    if {"question", "answer"} <= columns and frame["answer"].dtype == pl.String:
        marked = frame["answer"].str.contains(MARK, literal=True).all()
        return "GSM8K" if marked and "solution" not in columns else ""
    if {"problem", "solution"} <= columns and "question" not in columns:
        return "MATH"
    return ""


def _published(frame: pl.DataFrame, layout: str, name: str) -> pl.DataFrame:
    """Return a published file with the columns question, solution and answer; the other columns stay."""
    import polars as pl

    if layout == "GSM8K":
        frame = frame.with_columns(solution=pl.col("answer"))
    else:
        frame = frame.with_columns(question=pl.col("problem"))
    if layout == "MATH" and "answer" in frame.columns:  # MATH-500 has it
        return frame
    answers = [final_answer(text) for text in _texts(frame["solution"], name)]
    return frame.with_columns(answer=pl.Series(answers, dtype=pl.String))


def _judged(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the frame with the column correct, and a note on how it was found."""
    import polars as pl

    answers = [final_answer(text) for text in _texts(frame["solution"], name)]
    references = [None if text is None else final_answer(text) or text for text in _references(frame["answer"], name)]
    correct = [
        None if reference is None else "yes" if answer is not None and same_answer(answer, reference) else "no"
        for answer, reference in zip(answers, references, strict=True)
    ]
    right, judged, silent = correct.count("yes"), len(correct) - correct.count(None), answers.count(None)
    note = (
        f"The column {CORRECT} of {name} is derived: the final answer of {right:,} of {judged:,} solutions is the "
        f"reference answer{f'; {silent:,} without a final answer count as wrong' if silent else ''}."
    )
    return frame.with_columns(pl.Series(CORRECT, correct, dtype=pl.String)), (note,)


def _texts(series: pl.Series, name: str) -> list[str]:
    for row, value in enumerate(series.to_list()):
        if not isinstance(value, str):
            what = "Join the steps of a solution to one text." if isinstance(value, list) else "Fill in such rows."
            msg = f"column {series.name!r} of {name} must hold a text in every row: got {value!r:.60} in row {row}. "
            raise DataError(msg + what)
    return series.to_list()


def _references(series: pl.Series, name: str) -> list[str | None]:
    """Return reference answers as texts; missing and blank ones are None."""
    if series.dtype.is_nested():
        msg = f"column {series.name!r} of {name} must hold a text or a number in every row: got {series.dtype!s:.60}. "
        raise DataError(msg + "Save one reference answer in each row.")
    texts = [None if value is None else str(value).strip() for value in series.to_list()]
    return [text or None for text in texts]


def _boxed(text: str) -> str | None:
    """Return what stands in the last box; an open box has none."""
    start = max(text.rfind(box) for box in BOXES)
    if start < 0:
        return None
    rest = text[start:].partition("{")
    depth = 1
    for place, character in enumerate(rest[2]):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return rest[2][:place]
    return None


def _bare(answer: str) -> str:
    """Return an answer without blanks, units signs and the final period."""
    unwrapped = FRACTION.sub(r"\1/\2", WRAPPED.sub(r"\1", answer))
    return DROPPED.sub("", unwrapped).rstrip(".")


def _number(text: str) -> Fraction | None:
    match = NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]) or (match[4] and not int(match[4])):
        return None
    value = Fraction(f"{match[1]}{match[2] or 0}.{match[3] or 0}")
    return value / int(match[4]) if match[4] else value
