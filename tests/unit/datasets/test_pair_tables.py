"""Tables of preference pairs: layouts, rows that are no pair, and what the order of rows and sides changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.errors import DataError
from w2s_probe.core.pairs import pair_blocks, split_pairs
from w2s_probe.datasets.pair_tables import PairTable, read_pairs


def read(rows: Sequence[Any], **columns: Any) -> PairTable:
    return read_pairs(pl.DataFrame(rows, infer_schema_length=None, strict=False), name="pairs.jsonl", **columns)


def preferences(table: PairTable) -> list[tuple[str, str]]:
    """Return (preferred, other) texts of each pair."""
    texts = list(table.items.items or [])
    sides = np.column_stack([table.pairs.first, table.pairs.second])
    rows = np.arange(len(sides))
    best, other = sides[rows, table.pairs.preferred], sides[rows, 1 - table.pairs.preferred]
    return [(str(texts[i]), str(texts[j])) for i, j in zip(best, other, strict=True)]


def answers(n: int) -> list[dict[str, Any]]:
    return [{"q": f"question {i}", "good": f"yes {i}", "bad": f"no {i}", "key": f"k{i:03}"} for i in range(n)]


NAMED = {"prompt": "q", "chosen": "good", "rejected": "bad"}


def test_a_side_is_prompt_two_newlines_and_answer_or_the_answer() -> None:
    rows = answers(3)
    rows[1]["q"] = None
    assert preferences(read(rows, **NAMED)) == [
        ("question 0\n\nyes 0", "question 0\n\nno 0"),
        ("yes 1", "no 1"),
        ("question 2\n\nyes 2", "question 2\n\nno 2"),
    ]
    assert preferences(read(rows, chosen="good", rejected="bad"))[0] == ("yes 0", "no 0")


def test_usual_names_need_no_flags() -> None:
    rows = [{"prompt": f"p{i}", "chosen": f"a{i}", "rejected": f"b{i}"} for i in range(2)]
    assert preferences(read(rows)) == [("p0\n\na0", "p0\n\nb0"), ("p1\n\na1", "p1\n\nb1")]


TRANSCRIPTS = [
    {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"},
    {
        "chosen": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: How?\n\nAssistant: So",
        "rejected": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: How?\n\nAssistant: No",
    },
    {"chosen": "\n\nHuman: Why\n\nAssistant: Since", "rejected": "\n\nHuman: Why\n\nAssistant: Because"},
    {"chosen": "no transcript", "rejected": "nor this"},
    {"chosen": "no dialog", "rejected": "nor that"},
]


def test_transcripts_stay_as_they_are_and_one_conversation_stays_together(tmp_path: Path) -> None:
    path = tmp_path / "hh.jsonl"
    path.write_text("\n".join(pl.DataFrame([row]).write_ndjson().strip() for row in TRANSCRIPTS))
    table = read_pairs(pl.read_ndjson(path), name=path.name)
    assert preferences(table) == [(row["chosen"], row["rejected"]) for row in TRANSCRIPTS]
    assert pair_blocks(table.pairs, table.prompts).tolist() == [0, 0, 1, 2, 3]


def responses(better: list[Any], **more: list[Any]) -> list[dict[str, Any]]:
    return [
        {"prompt": f"p{i}", "response_0": f"a{i}", "response_1": f"b{i}", "better_response_id": number}
        | {name: values[i] for name, values in more.items()}
        for i, number in enumerate(better)
    ]


def test_the_better_response_is_preferred_unless_the_safer_one_is_asked_for() -> None:
    rows = responses([0, 1, 1], safer_response_id=[1, 1, 0])
    assert [best[-2:] for best, _ in preferences(read(rows))] == ["a0", "b1", "b2"]
    assert [best[-2:] for best, _ in preferences(read(rows, criterion="safer"))] == ["b0", "b1", "a2"]
    with pytest.raises(DataError, match="'safer_response_id'"):
        read(responses([0, 1]), criterion="safer")


@pytest.mark.parametrize("numbers", [[0, 1, -1, None], ["0", "1", "-1", ""], [0.0, 1.0, -1.0, float("nan")]])
def test_ties_are_left_out_and_counted_in_any_type(numbers: list[Any]) -> None:
    table = read(responses(numbers))
    assert [best[-2:] for best, _ in preferences(table)] == ["a0", "b1"]
    assert table.left_out == {"have no preference": 2}
    assert table.positions.tolist() == [0, 1]


def test_each_row_that_is_no_pair_is_left_out_for_one_reason_and_counted() -> None:
    rows = [
        {"chosen": "a", "rejected": "b"},
        {"chosen": None, "rejected": "b"},
        {"chosen": "a", "rejected": "  "},
        {"chosen": "c", "rejected": "c "},
        {"chosen": "a", "rejected": "b"},
        {"chosen": "d", "rejected": "e"},
        {"chosen": "e", "rejected": "d"},
        {"chosen": "d", "rejected": "e"},
        {"chosen": "f", "rejected": "g"},
    ]
    table = read(rows)
    assert preferences(table) == [("a", "b"), ("f", "g")]
    assert table.positions.tolist() == [0, 8]
    assert table.left_out == {
        "lack a side": 2,
        "have two equal sides": 1,
        "contradict each other": 2,
        "repeat another pair": 2,
    }
    assert table.notes == (
        "7 of 9 rows of pairs.jsonl are left out: 2 lack a side, 1 have two equal sides, 2 contradict each other, "
        "2 repeat another pair.",
    )


def test_which_side_comes_first_does_not_depend_on_the_preference() -> None:
    table = read([{"chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(1001)])
    assert int(table.pairs.preferred.sum()) == pytest.approx(500, abs=3 * 1001**0.5 / 2)
    other = read([{"chosen": f"bad {i}", "rejected": f"good {i}"} for i in range(1001)])
    assert other.items.items == table.items.items
    assert other.pairs.first.tolist() == table.pairs.first.tolist() == list(range(0, 2002, 2))
    assert (other.pairs.preferred == 1 - table.pairs.preferred).all()
    assert not read(responses([0] * 501)).notes


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(30, 60))
def test_the_order_of_rows_with_ids_changes_nothing(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = answers(n)
    for row in rows[::7]:
        row["bad"] = row["good"]
    for row in rows[1::7]:
        row["good"], row["bad"], row["q"] = rows[2]["good"], rows[2]["bad"], rows[2]["q"]  # repetitions
    table = read(rows, id="key", **NAMED)
    mixed = read([rows[i] for i in rng.permutation(n)], id="key", **NAMED)
    assert preferences(mixed) == preferences(table)
    np.testing.assert_array_equal(mixed.pairs.first, table.pairs.first)
    np.testing.assert_array_equal(mixed.pairs.preferred, table.pairs.preferred)
    assert mixed.ids.tolist() == table.ids.tolist() == sorted(table.ids.tolist())
    assert mixed.items.ids.tolist() == table.items.ids.tolist()
    parts, mixed_parts = (
        split_pairs(some.pairs, seeds=[seed], prompts=some.prompts, n_labeled=4, n_unlabeled=6, n_test=4).splits[0]
        for some in (table, mixed)
    )
    for part in ("labeled", "unlabeled", "test"):
        np.testing.assert_array_equal(parts.parts()[part], mixed_parts.parts()[part])


def test_items_have_the_ids_of_a_file_of_features() -> None:
    rows = answers(3)
    rows[1]["bad"], rows[1]["q"] = rows[0]["good"], rows[0]["q"]  # a side that is in two pairs
    table = read(rows, id="key", **NAMED)
    assert sorted(table.items.ids.tolist()) == [
        "k000:chosen",
        "k000:rejected",
        "k001:chosen",
        "k002:chosen",
        "k002:rejected",
    ]
    assert table.items.has_ids
    assert table.ids.tolist() == ["k000", "k001", "k002"]
    assert read(answers(2), **NAMED).items.ids.tolist()[0] in ("0:chosen", "0:rejected")


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([{"text": "a"}], {}, "must have the columns chosen and rejected.*got text. Name the columns of both answers"),
        ([{"chosen": "a", "rejected": "b"}], {"prompt": "quest"}, "--prompt must name a column.*got 'quest'"),
        ([{"chosen": 3, "rejected": 4}], {}, "column 'chosen' of pairs.jsonl must hold texts: got 3 in row 0"),
        ([{"chosen": [{"role": "user"}], "rejected": []}], {}, "must hold texts: got a list in row 0"),
        (responses([0, 2]), {}, "'better_response_id' of pairs.jsonl must hold 0 or 1.*got 2 in row 1"),
        (responses([0.5, 1]), {}, r"must hold 0 or 1.*got 0\.5 in row 0"),
        (responses(["0", "better"]), {}, "must hold 0 or 1.*got 'better' in row 1"),
        ([{"chosen": "a", "rejected": "a"}], {}, "of 1 rows 1 have two equal sides. Check the columns"),
        (responses([-1, None]), {}, "of 2 rows 2 have no preference"),
        ([{"chosen": "a", "rejected": f"{i}"} for i in range(5)], {}, "'a' is a side of all 5 pairs. Add pairs"),
        ([{"chosen": "a", "rejected": "b", "id": "1"}] * 2, {"id": "id"}, "ids of pairs.jsonl must be distinct"),
        ([{"chosen": "a", "rejected": "b", "id": None}], {"id": "id"}, "an id in every row: row 0 has none"),
    ],
)
def test_what_cannot_be_pairs_is_refused_in_one_line(
    rows: list[dict[str, Any]], columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(rows, **columns)
    assert "\n" not in str(error.value)


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="at least one row"):
        read_pairs(pl.DataFrame({"chosen": [], "rejected": []}), name="t")
