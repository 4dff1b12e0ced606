"""Chains of arithmetic as texts of a character decoder: prompts, traces, answers alone, and what a trace says.

A prompt holds each step in as many characters as a trace does, so that the operator and the operand that a trace needs
next always stand the same number of characters before it: a decoder with rotary positions can then learn to copy them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.datasets.arithmetic import Chain, Fact, Solution

STEP = 6  # characters of a step, with its semicolon
MARK = "#"  # before the answer
_FACT = re.compile(r"(\d)([-+*])(\d)=(\d)")
_ANSWER = re.compile(rf"{MARK}(\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a generated text says.

    Parameters
    ----------
    steps : tuple of Fact or None
        Its steps; None for a step that is no fact.
    answer : int or None
        Its answer; None without one.
    """

    steps: tuple[Fact | None, ...]
    answer: int | None

    @property
    def valid_steps(self) -> int:
        """Number of steps that are right arithmetic, whatever was asked."""
        return sum(step is not None and step.holds for step in self.steps)

    def follows(self, chain: Chain) -> bool:
        """Return whether the steps are those of the problem, each begun with the last result; results may be wrong."""
        if len(self.steps) != len(chain.operators):
            return False
        left = chain.start
        for step, operator, operand in zip(self.steps, chain.operators, chain.operands, strict=True):
            if step is None or (step.left, step.operator, step.right) != (left, operator, operand):
                return False
            left = step.result
        return True


def prompt_of(chain: Chain) -> str:
    """Return a problem as a prompt.

    Examples
    --------
    >>> prompt_of(Chain(start=3, operators=("+", "*"), operands=(4, 2)))
    '3: +4    *2   :'
    """
    steps = (f" {operator}{operand}" for operator, operand in zip(chain.operators, chain.operands, strict=True))
    return f"{chain.start}:{''.join(step.ljust(STEP) for step in steps)}:"


def fact_text(fact: Fact) -> str:
    """Return a fact as a step of a trace."""
    return f"{fact.left}{fact.operator}{fact.right}={fact.result};"


def trace_text(solution: Solution) -> str:
    """Return a solution as a trace: all steps, then the answer.

    Examples
    --------
    >>> chain = Chain(start=3, operators=("+", "*"), operands=(4, 2))
    >>> from w2s_probe.datasets.arithmetic import right_solution
    >>> trace_text(right_solution(chain)), answer_text(right_solution(chain).answer)
    ('3+4=2;2*2=4;#4', '#4')
    """
    return "".join(map(fact_text, solution.facts)) + answer_text(solution.answer)


def answer_text(answer: int) -> str:
    """Return an answer without steps."""
    return f"{MARK}{answer}"


def longest_trace(steps: int) -> int:
    """Return the characters of a trace with its end."""
    return STEP * steps + len(answer_text(0)) + 1


def read_trace(text: str, *, modulus: int) -> Trace:
    """Return what a generated text says; the answer is the end of the text.

    Examples
    --------
    >>> trace = read_trace("3+4=2;2*2=3;#3", modulus=5)
    >>> trace.answer, len(trace.steps), trace.valid_steps
    (3, 2, 1)
    >>> read_trace("3+4=", modulus=5).answer is None
    True
    """
    body, mark, end = text.rpartition(MARK)
    answer = _ANSWER.fullmatch(mark + end)
    steps = [step for step in (body if mark else text).split(";") if step]
    return Trace(
        steps=tuple(_fact(step, modulus) for step in steps),
        answer=int(answer[1]) if answer and int(answer[1]) < modulus else None,
    )


def _fact(text: str, modulus: int) -> Fact | None:
    match = _FACT.fullmatch(text)
    if match is None:
        return None
    left, right, result = (int(match[group]) for group in (1, 3, 4))
    if max(left, right, result) >= modulus:
        return None
    return Fact(left=left, operator=match[2], right=right, result=result, modulus=modulus)


@dataclass(frozen=True, eq=False, kw_only=True)
class Marks:
    """Correctness of texts on their problems, one number each.

    Parameters
    ----------
    right : array of shape (m,)
        Whether the answer is right.
    valid : array of shape (m,)
        Steps that are right arithmetic.
    steps : array of shape (m,)
        Steps that were written.
    follows : array of shape (m,)
        Whether the steps are those of the problem.
    """

    right: Float
    valid: Float
    steps: Float
    follows: Float


def marks_of(chains: Sequence[Chain], texts: Sequence[str]) -> Marks:
    """Return the correctness of a text for each problem."""
    traces = [read_trace(text, modulus=chain.modulus) for chain, text in zip(chains, texts, strict=True)]
    rows = [
        (trace.answer == chain.answer, trace.valid_steps, len(trace.steps), trace.follows(chain))
        for chain, trace in zip(chains, traces, strict=True)
    ]
    right, valid, steps, follows = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Marks(right=right, valid=valid, steps=steps, follows=follows)
