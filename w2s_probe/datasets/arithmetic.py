"""Chains of modular arithmetic: questions with right and wrong solutions, every step written, from a seed.

A chain applies operations (+, -, *) from left to right, by default four modulo 5. Each step is one of 75 facts
``a op b = c``. A wrong
solution has exactly one flaw: one wrong step, carried on consistently, or right steps and another answer. The answer of
a wrong solution is always wrong: a wrong step that a later multiplication by 0 would repair is never drawn. So whether
the answer is right and whether all steps are right is the same question here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import add, mul, sub

import numpy as np

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.datasets.readers import table_from_frame
from w2s_probe.datasets.reasoning import CORRECT, MARK
from w2s_probe.datasets.table import Table

MODULUS = 5
OPERATIONS = 4  # steps of a chain
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MODULI = (*NAMES, "ten")
WORDS = {"+": "plus", "-": "minus", "*": "times"}
OPERATORS = {"+": add, "-": sub, "*": mul}
ANSWER = OPERATIONS + 1  # place of an answer that the steps do not justify
CHAINS = MODULUS * (len(OPERATORS) * MODULUS) ** OPERATIONS  # distinct ones
ROWS, MOST_ROWS = 4000, 100_000
FROZEN = 0  # seed of the built-in rows
MOST_OPERATIONS, MOST_MODULUS = 8, len(NAMES)
MOST_PERMUTED = 10**6  # distinct chains up to which a draw permutes all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One step: two numbers, an operator, and the result that is claimed.

    Parameters
    ----------
    left, right, result : int
        Numbers from 0 to the modulus - 1.
    operator : {"+", "-", "*"}
        The operation.
    modulus : int
        Modulus of the operation.
    """

    left: int
    operator: str
    right: int
    result: int
    modulus: int = MODULUS

    @property
    def text(self) -> str:
        """The step as text, such as 3 + 4 = 2."""
        return f"{self.left} {self.operator} {self.right} = {self.result}"

    @property
    def words(self) -> str:
        """The step in words, such as three plus four is two."""
        return f"{NAMES[self.left]} {WORDS[self.operator]} {NAMES[self.right]} is {NAMES[self.result]}"

    @property
    def holds(self) -> bool:
        """Whether the result is right."""
        return self.result == apply(self.left, self.operator, self.right, modulus=self.modulus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A question: a number and operations on it, from left to right.

    Parameters
    ----------
    start : int
        First number, from 0 to the modulus - 1.
    operators : tuple of str
        Operator of each step.
    operands : tuple of int
        Second number of each step, from 0 to the modulus - 1.
    modulus : int
        Modulus of all steps.
    """

    start: int
    operators: tuple[str, ...]
    operands: tuple[int, ...]
    modulus: int = MODULUS

    @property
    def expression(self) -> str:
        """The chain without words, such as 3 + 4 - 2 * 1 + 0."""
        steps = zip(self.operators, self.operands, strict=True)
        return " ".join([str(self.start), *(f"{operator} {operand}" for operator, operand in steps)])

    @property
    def words(self) -> str:
        """The chain in words, such as three plus four minus two times one plus zero."""
        steps = zip(self.operators, self.operands, strict=True)
        return " ".join([NAMES[self.start], *(f"{WORDS[operator]} {NAMES[operand]}" for operator, operand in steps)])

    @property
    def question(self) -> str:
        """The chain as a question in words."""
        return f"What is {self.words}, step by step from left to right, modulo {MODULI[self.modulus]}?"

    @property
    def answer(self) -> int:
        """The right answer."""
        return right_solution(self).answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The steps of a solution and its answer.

    Parameters
    ----------
    facts : tuple of Fact
        The steps; each begins with the result of the one before.
    answer : int
        The number that is given as the answer.
    """

    facts: tuple[Fact, ...]
    answer: int

    @property
    def steps(self) -> tuple[str, ...]:
        """The text of each step."""
        return tuple(fact.text for fact in self.facts)

    @property
    def text(self) -> str:
        """A line for each step, then the answer after ####, as in GSM8K."""
        return "\n".join([*self.steps, f"{MARK} {self.answer}"])

    @property
    def words(self) -> str:
        """A sentence for each step, then one with the answer."""
        sentences = [fact.words.capitalize() for fact in self.facts]
        return " ".join(f"{sentence}." for sentence in [*sentences, f"The answer is {NAMES[self.answer]}"])

    @property
    def wrong_place(self) -> int | None:
        """Number of the first wrong step, from 1; of the last step + 1 if only the answer is wrong; else None."""
        wrong = next((place for place, fact in enumerate(self.facts, start=1) if not fact.holds), None)
        if wrong is None and self.answer != self.facts[-1].result:
            return len(self.facts) + 1
        return wrong


def apply(left: int, operator: str, right: int, *, modulus: int = MODULUS) -> int:
    """Return the result of one operation.

    Parameters
    ----------
    left, right : int
        Numbers from 0 to the modulus - 1.
    operator : {"+", "-", "*"}
        The operation.
    modulus : int
        Modulus of the result.

    Examples
    --------
    >>> apply(3, "+", 4), apply(1, "-", 3), apply(2, "*", 4)
    (2, 3, 3)
    """
    return int(OPERATORS[operator](left, right)) % modulus


def all_facts(*, modulus: int = MODULUS) -> tuple[Fact, ...]:
    """Return all right facts, 75 modulo 5, ordered by operator and numbers.

    Parameters
    ----------
    modulus : int
        Modulus of the facts.
    """
    numbers = range(modulus)
    return tuple(
        Fact(
            left=left,
            operator=operator,
            right=right,
            result=apply(left, operator, right, modulus=modulus),
            modulus=modulus,
        )
        for operator in OPERATORS
        for left in numbers
        for right in numbers
    )


def draw_chains(count: int, *, seed: int, steps: int = OPERATIONS, modulus: int = MODULUS) -> list[Chain]:
    """Return distinct random chains; more chains of one seed begin with fewer.

    Parameters
    ----------
    count : int
        Number of chains, at most as many as there are: 253,125 of four steps modulo 5.
    seed : int
        Seed of the draw, from 0 to 2³² - 1.
    steps : int
        Operations of each chain.
    modulus : int
        Modulus of all steps.

    Raises
    ------
    ConfigError
        If there are not as many distinct chains.
    """
    most = modulus * (len(OPERATORS) * modulus) ** steps
    if not 0 <= count <= most:
        msg = f"the number of distinct chains must be from 0 to {most:,}: got {count:,}. Draw fewer."
        raise ConfigError(msg)
    return [_chain(code, steps=steps, modulus=modulus) for code in _codes(count, most, np.random.RandomState(seed))]


def right_solution(chain: Chain) -> Solution:
    """Return the solution with right steps and the right answer.

    Parameters
    ----------
    chain : Chain
        The question.

    Examples
    --------
    >>> chain = Chain(start=3, operators=("+", "-", "*", "+"), operands=(4, 3, 2, 0))
    >>> right_solution(chain).text.splitlines()
    ['3 + 4 = 2', '2 - 3 = 4', '4 * 2 = 3', '3 + 0 = 3', '#### 3']
    """
    return _carried(chain, {})


def wrong_places(chain: Chain) -> tuple[int, ...]:
    """Return the places whose flaw makes the answer wrong: steps that no later 0 repairs, and the answer.

    The modulus must be prime: otherwise a product of other numbers can repair a step, too.

    Parameters
    ----------
    chain : Chain
        The question.
    """
    steps = list(enumerate(zip(chain.operators, chain.operands, strict=True), start=1))
    last = max((place for place, step in steps if step == ("*", 0)), default=1)
    return tuple(range(last, len(steps) + 2))


def wrong_solution(chain: Chain, place: int, *, shift: int) -> Solution:
    """Return a solution with one flaw, whose answer is wrong.

    Parameters
    ----------
    chain : Chain
        The question.
    place : int
        One of `wrong_places`: the step whose result is wrong and carried on, or the place after the last step: right
        steps, another answer.
    shift : int
        What is added to the right result, from 1 to the modulus - 1.

    Raises
    ------
    ConfigError
        If the flaw would not make the answer wrong.
    """
    if place not in wrong_places(chain) or not 1 <= shift < chain.modulus:
        msg = (
            f"the place of a flaw must be one of {', '.join(map(str, wrong_places(chain)))}, and its shift from 1 to "
            f"{chain.modulus - 1}: got {place} and {shift}. Take one of wrong_places(chain)."
        )
        raise ConfigError(msg)
    if place > len(chain.operators):
        right = right_solution(chain)
        return replace(right, answer=(right.answer + shift) % chain.modulus)
    return _carried(chain, {place: shift})


def load_arithmetic(config: DataConfig) -> Table:
    """Return chains with a right and a wrong solution each: 4,000 rows, or the number after ``arithmetic@``.

    Columns are id, question, solution, answer (the right one), correct and label (yes, no) and place: the wrong step
    (1 to 4), answer, or none. All is written in words: text backbones often drop single digits, as the tokens of
    ``classic:hashing-D`` do. Each item is question and solution; both solutions of a question stay in one part.
    Raises `DataError` if the number of rows is not even, or too large.
    """
    import polars as pl

    rows = list(_rows(_count(config.data)))
    frame = pl.DataFrame(rows, orient="row", schema=["id", "question", "solution", "answer", CORRECT, "place"])
    frame = frame.with_columns(label=CORRECT)
    prompt = config.prompt or (None if config.text else "question")
    columns = replace(
        config,
        text=config.text or "solution",
        prompt=prompt,
        id=config.id or "id",
        group_split=config.group_split or "question",
    )
    return table_from_frame(frame, columns, name=config.data, license="MIT, generated")


def _rows(count: int) -> Iterator[tuple[str, ...]]:
    """Yield the rows of `count` / 2 chains; which of its two solutions comes first is random."""
    rng = np.random.RandomState([FROZEN, 1])  # its stream is frozen (NEP 19), a Generator's is not
    for number, chain in enumerate(draw_chains(count // 2, seed=FROZEN)):
        places = wrong_places(chain)
        place, shift = places[rng.randint(len(places))], 1 + int(rng.randint(MODULUS - 1))
        wrong = wrong_solution(chain, place, shift=shift)
        rows = [(right_solution(chain), "yes", "none"), (wrong, "no", "answer" if place == ANSWER else str(place))]
        for letter, at in zip("ab", rng.permutation(2).tolist(), strict=True):
            solution, correct, where = rows[at]
            yield f"{number}{letter}", chain.question, solution.words, NAMES[chain.answer], correct, where


def _count(data: str) -> int:
    text = data.partition("@")[2]
    rows = ROWS if "@" not in data else int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not 0 < rows <= MOST_ROWS or rows % 2:
        msg = (
            f"builtin:arithmetic@ must be followed by an even number of rows, at most {MOST_ROWS}: got {text!r:.60}. "
            f"Use builtin:arithmetic@{ROWS}, the default."
        )
        raise DataError(msg)
    return rows


def _codes(count: int, most: int, rng: np.random.RandomState) -> list[int]:
    """Return distinct numbers below `most`; more of them begin with fewer."""
    if most <= MOST_PERMUTED:
        return [int(code) for code in rng.permutation(most)[:count]]
    codes: dict[int, None] = {}
    while len(codes) < count:
        codes |= dict.fromkeys(rng.randint(0, most, size=1024, dtype=np.int64).tolist())
    return list(codes)[:count]


def _chain(code: int, *, steps: int, modulus: int) -> Chain:
    """Return the chain of a number."""
    code, start = divmod(code, modulus)
    operators, operands = [], []
    for _ in range(steps):
        code, step = divmod(code, len(OPERATORS) * modulus)
        operators.append(list(OPERATORS)[step // modulus])
        operands.append(step % modulus)
    return Chain(start=start, operators=tuple(operators), operands=tuple(operands), modulus=modulus)


def _carried(chain: Chain, shifts: dict[int, int]) -> Solution:
    """Return the solution in which the results of some places are shifted, and carried on."""
    value, modulus, facts = chain.start, chain.modulus, []
    for place, (operator, operand) in enumerate(zip(chain.operators, chain.operands, strict=True), start=1):
        result = (apply(value, operator, operand, modulus=modulus) + shifts.get(place, 0)) % modulus
        facts.append(Fact(left=value, operator=operator, right=operand, result=result, modulus=modulus))
        value = result
    return Solution(facts=tuple(facts), answer=value)
