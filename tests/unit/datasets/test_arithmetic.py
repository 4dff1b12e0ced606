"""Generated chains: their steps against plain arithmetic, one flaw in a wrong solution, and the built-in table."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.datasets import Table, open_data
from w2s_probe.datasets.arithmetic import (
    ANSWER,
    CHAINS,
    NAMES,
    OPERATIONS,
    Chain,
    Fact,
    all_facts,
    draw_chains,
    right_solution,
    wrong_places,
    wrong_solution,
)
from w2s_probe.datasets.reasoning import final_answer
from w2s_probe.pipeline.parts import source_keys

ROWS_DIGEST = "07d295446f9bc37f"  # the built-in rows never change
chains = st.builds(
    lambda start, steps: Chain(start=start, operators=tuple(o for o, _ in steps), operands=tuple(n for _, n in steps)),
    st.integers(0, 4),
    st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 4)), min_size=4, max_size=4),
)


def opened(name: str = "arithmetic", **fields: str) -> Table:
    return open_data(DataConfig(data=f"builtin:{name}", **fields))  # type: ignore[arg-type]


def nested(chain: Chain, steps: int) -> int:
    """Return Python's value of the first steps, with parentheses from left to right."""
    parts = zip(chain.operators[:steps], chain.operands[:steps], strict=True)
    text = str(chain.start)
    for operator, operand in parts:
        text = f"({text} {operator} {operand})"
    return int(eval(text)) % 5  # noqa: S307  # digits and operators of the test itself


def in_digits(words: str) -> str:
    """Return words with digits, operators and equals signs, but for the answer's "is"."""
    text = re.sub(r"(?<!answer) is (?=\w+\.)", " = ", words)
    for word, sign in {
        **{name: str(k) for k, name in enumerate(NAMES)},
        "plus": "+",
        "minus": "-",
        "times": "*",
    }.items():
        text = re.sub(rf"(?i)\b{word}\b", sign, text)
    return text


def test_there_are_75_facts_that_all_hold() -> None:
    facts = all_facts()
    assert len({fact.text for fact in facts}) == len(facts) == 75
    for fact in facts:
        assert fact.holds
        assert int(eval(fact.text.partition(" =")[0])) % 5 == fact.result  # noqa: S307
    assert not Fact(left=1, operator="+", right=1, result=3).holds


@given(chain=chains)
def test_right_solutions_equal_python_step_by_step(chain: Chain) -> None:
    solution = right_solution(chain)
    assert [fact.result for fact in solution.facts] == [nested(chain, k) for k in range(1, OPERATIONS + 1)]
    assert solution.answer == chain.answer == nested(chain, OPERATIONS)
    assert solution.wrong_place is None
    assert final_answer(solution.text) == str(chain.answer)
    assert "".join(re.findall(r"[-+*]", chain.expression)) == "".join(chain.operators)
    assert in_digits(chain.question).startswith(f"What is {chain.expression}, step by step")
    assert in_digits(solution.words) == f"{'. '.join(solution.steps)}. The answer is {chain.answer}."
    assert final_answer(solution.words) == NAMES[chain.answer]


@given(chain=chains, shift=st.integers(1, 4), data=st.data())
def test_a_wrong_solution_has_one_flaw_is_carried_on_and_ends_wrong(
    chain: Chain, shift: int, data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(wrong_places(chain)))
    solution = wrong_solution(chain, place, shift=shift)
    assert solution.answer != chain.answer
    assert solution.wrong_place == place
    assert [fact.holds for fact in solution.facts].count(False) == (place != ANSWER)
    results = [chain.start, *(fact.result for fact in solution.facts)]
    assert [fact.left for fact in solution.facts] == results[:-1]
    assert (solution.answer == results[-1]) == (place != ANSWER)
    assert [fact.right for fact in solution.facts] == list(chain.operands)


@given(chain=chains)
def test_other_places_are_those_that_a_later_zero_repairs(chain: Chain) -> None:
    last = max((k for k in range(4) if (chain.operators[k], chain.operands[k]) == ("*", 0)), default=0)
    assert wrong_places(chain) == tuple(range(last + 1, ANSWER + 1))
    for place in set(range(1, ANSWER + 1)) - set(wrong_places(chain)):
        with pytest.raises(ConfigError, match="Take one of wrong_places"):
            wrong_solution(chain, place, shift=1)


@pytest.mark.parametrize(("place", "shift"), [(0, 1), (ANSWER + 1, 1), (ANSWER, 0), (ANSWER, 5)])
def test_a_flaw_that_is_none_is_refused(place: int, shift: int) -> None:
    chain = Chain(start=1, operators=("+",) * 4, operands=(1,) * 4)
    with pytest.raises(ConfigError, match="flaw must be one of 1, 2, 3, 4, 5, and its shift from 1 to 4: got"):
        wrong_solution(chain, place, shift=shift)


def test_chains_are_distinct_seeded_and_more_begin_with_fewer() -> None:
    chosen = draw_chains(3000, seed=7)
    assert len(set(chosen)) == 3000
    assert draw_chains(100, seed=7) == chosen[:100]
    assert draw_chains(100, seed=8) != chosen[:100]
    assert draw_chains(0, seed=0) == []
    assert CHAINS == 5 * (3 * 5) ** OPERATIONS
    counts = Counter(operator for chain in chosen for operator in chain.operators)
    assert all(abs(counts[operator] / 12_000 - 1 / 3) < 0.02 for operator in "+-*")
    with pytest.raises(ConfigError, match=f"from 0 to {CHAINS:,}: got {CHAINS + 1:,}. Draw fewer."):
        draw_chains(CHAINS + 1, seed=0)


def test_the_built_in_rows_are_balanced_and_frozen() -> None:
    table = opened(group="place")
    texts = list(table.items or ())
    assert len(table) == 4000
    assert table.modality == "text"
    assert Counter(table.label or ()) == {"yes": 2000, "no": 2000}
    places = Counter(table.group or ())
    assert places["none"] == 2000
    assert set(places) == {"none", "1", "2", "3", "4", "answer"}
    assert min(places.values()) > 300
    assert hashlib.sha256("\0".join([*texts, *table.ids]).encode()).hexdigest()[:16] == ROWS_DIGEST
    assert len(set(texts)) == 4000
    first = np.array(table.label)[::2]
    assert 0.45 < (first == "yes").mean() < 0.55  # the order says nothing


def test_labels_are_what_the_steps_say() -> None:
    table = opened(label="correct", group="place")
    assert table.label == opened().label
    for text, label, place in zip(table.items or (), table.label or (), table.group or (), strict=True):
        *steps, end = in_digits(str(text).partition("\n\n")[2]).removesuffix(".").split(". ")
        right = [int(eval(step.partition(" =")[0])) % 5 == int(step[-1]) for step in steps]  # noqa: S307
        justified = end == f"The answer is {steps[-1][-1]}"
        assert (label == "yes") == (all(right) and justified) == (place == "none")
        assert place in ("none", "answer") or right.index(False) + 1 == int(place)
        assert (place == "answer") == (not justified)


def test_both_solutions_of_a_question_stay_in_one_part() -> None:
    table = opened("arithmetic@800")
    assert table.source is not None
    questions = [str(text).partition("\n\n")[0] for text in table.items or ()]
    assert list(table.source) == questions
    assert table.source_name == "question"
    blocks = same_item_blocks(source_keys(table.source)[0])
    labels = np.array(table.label) == "yes"
    codes = Labels(values=labels.astype(np.int64), classes=("no", "yes"))
    for split in draw_splits(codes, seeds=range(3), n_labeled=100, n_unlabeled=400, n_test=200, blocks=blocks):
        parts = [set(np.array(questions)[rows]) for rows in split.parts().values()]
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_solutions_can_be_read_without_questions_and_other_columns_as_sources() -> None:
    alone = opened("arithmetic@10", text="solution")
    assert list(alone.items or ()) == [str(text).partition("\n\n")[2] for text in opened("arithmetic@10").items or ()]
    assert opened("arithmetic@10", group_split="answer").source_name == "answer"


@pytest.mark.parametrize("rows", ["", "0", "3", "-2", "1e3", "100002", "4000 ", "٢", "9" * 5000])
def test_a_number_of_rows_that_is_none_is_refused(rows: str) -> None:
    with pytest.raises(
        DataError, match=r"even number of rows, at most 100000: got '.{0,60} Use builtin:arithmetic@4000"
    ):
        opened(f"arithmetic@{rows}")


def test_more_rows_begin_with_fewer() -> None:
    few, many = opened("arithmetic@20"), opened("arithmetic@60")
    assert {*(few.items or ())} <= {*(many.items or ())}
