"""Tables of preference pairs: two columns of answers, HH-RLHF transcripts, or PKU-SafeRLHF responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.labels import is_missing, read_number
from w2s_probe.core.pairs import Pairs
from w2s_probe.core.types import Rows
from w2s_probe.datasets.arrow import first_missing, ids_of, row_numbers
from w2s_probe.datasets.table import Table, missing_column

if TYPE_CHECKING:
    import polars as pl

BETWEEN = "\n\n"  # prompt and answer
ANSWER = "\n\nAssistant:"  # begins each answer of a transcript of HH-RLHF
RESPONSES = ("prompt", "response_0", "response_1")  # columns of PKU-SafeRLHF
Criterion = Literal["better", "safer"]
LAYOUTS = "chosen and rejected, with or without prompt, or prompt, response_0, response_1 and better_response_id"
NO_PREFERENCE = -1
REASONS = ("have no preference", "lack a side", "have two equal sides", "contradict each other", "repeat another pair")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairColumns:
    """The columns that pairs come from.

    Parameters
    ----------
    answers : tuple of str
        Columns of the preferred and of the other answers, or of two responses.
    prompt : str
        Column of the prompts; empty without one.
    preference : str
        Column that tells which of two responses is preferred; empty where the columns of the answers tell.
    """

    answers: tuple[str, str]
    prompt: str = ""
    preference: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class PairTable:
    """Preference pairs of a table, and the distinct texts that are their sides.

    Parameters
    ----------
    pairs : Pairs
        Sides as positions among the items; which side comes first depends on the two texts only.
    items : Table
        A row for each distinct side, with the id ``ID:chosen`` or ``ID:rejected`` of the first pair that has it.
    ids : array of str, shape (m,)
        Ids of the pairs.
    prompts : array of int, shape (m,)
        Equal numbers for pairs with equal prompts. A pair without a prompt has a number of its own.
    positions : array of int, shape (m,)
        Position of each pair among the rows of the data.
    left_out : dict of reason to int
        Rows that are no usable pair.
    notes : tuple of str
        A sentence on these rows, if there are any.
    columns : PairColumns
        The columns of prompts, answers and preferences.
    """

    pairs: Pairs
    items: Table
    ids: NDArray[np.str_]
    prompts: Rows
    positions: Rows
    left_out: dict[str, int]
    notes: tuple[str, ...]
    columns: PairColumns


def read_pairs(
    frame: pl.DataFrame,
    *,
    name: str,
    prompt: str | None = None,
    chosen: str | None = None,
    rejected: str | None = None,
    id: str | None = None,  # noqa: A002
    criterion: Criterion = "better",
    columns: Sequence[str] = (),
) -> PairTable:
    """Return the preference pairs of a frame; rows that are no usable pair are left out and counted.

    A side is the prompt, two newlines and the answer; without a prompt it is the answer. Columns that are not named are
    found by their usual names: PKU-SafeRLHF's, else `chosen` and `rejected`, with `prompt` if there is one. Without a
    prompt, `chosen` and `rejected` are taken as they are. Where both are transcripts of HH-RLHF, their prompt is the
    text before the first answer: one conversation, cut at different places, is in several rows.

    Left out, by the first rule that holds, are pairs without a preference (ties), without an answer on a side, with
    equal sides (but for blanks at their ends), pairs of the same two sides that contradict each other, and repetitions
    of a pair. The order of the sides in the data is never used: the side with the smaller hash comes first, whichever
    is preferred. With a column of ids, rows are sorted by it.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of the data.
    name : str
        Name of the data, for messages.
    prompt, chosen, rejected, id : str, optional
        Columns of prompts, preferred answers, other answers and ids.
    criterion : {"better", "safer"}
        PKU-SafeRLHF has two preferences. The default, ``better_response_id``, is the one that compares the quality of
        answers, and needs no judgment of harm; ``safer_response_id`` mostly tells a safe answer from an unsafe one.
    columns : sequence of str
        All columns of the data, for messages, where the frame has some of them only.

    Raises
    ------
    DataError
        If a column is missing or does not hold texts, a preference is not 0 or 1, no pair is left, or one item is
        in every pair.
    """
    columns = columns or frame.columns
    rows = _in_order(frame, id, name, columns)
    sides = _sides(
        frame, prompt=prompt, chosen=chosen, rejected=rejected, criterion=criterion, name=name, columns=columns
    )
    order = np.arange(len(frame)) if rows.positions is None else rows.positions
    reasons = sides.reasons(order)
    left_out = {reason: times for reason in REASONS if (times := reasons.count(reason))}
    usable = np.array([not reasons[row] for row in order.tolist()])
    if not usable.any():
        msg = (
            f"{name} must hold pairs of two different sides, one of them preferred: of {len(frame)} rows "
            f"{_counted(left_out)}. Check the columns of prompts, answers and preferences."
        )
        raise DataError(msg)
    ids, usable = rows.ids[usable], order[usable]
    pairs, items = _oriented(sides, usable, ids)
    _check_no_shared_item(pairs, items, name)
    note = f"{sum(left_out.values()):,} of {len(frame):,} rows of {name} are left out: {_counted(left_out)}."
    return PairTable(
        pairs=pairs,
        items=Table(
            name=name,
            ids=np.array(list(items.values())),
            has_ids=rows.has_ids,
            modality="text",
            items=list(items),
            columns=tuple(columns),
        ),
        ids=ids,
        prompts=_prompt_numbers([sides.prompts[row] for row in usable.tolist()]),
        positions=usable,
        left_out=left_out,
        notes=(note,) if left_out else (),
        columns=sides.columns,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Sides:
    """Texts of the preferred and the other side of each row, None where one is missing, and the prompts."""

    chosen: Sequence[str | None]
    rejected: Sequence[str | None]
    prompts: Sequence[str | None]
    tied: NDArray[np.bool_]
    columns: PairColumns

    def reasons(self, order: Rows) -> list[str]:
        """Return for each row why it is no usable pair, or an empty text; repetitions are found in this order."""
        reasons = [""] * len(self.chosen)
        seen: dict[tuple[str, str], int] = {}
        for row in order.tolist():
            chosen, rejected = self.chosen[row], self.rejected[row]
            if self.tied[row]:
                reasons[row] = "have no preference"
            elif chosen is None or rejected is None:
                reasons[row] = "lack a side"
            elif chosen.strip() == rejected.strip():
                reasons[row] = "have two equal sides"
            else:
                seen.setdefault((chosen, rejected), row)
                reasons[row] = "" if seen[chosen, rejected] == row else "repeat another pair"
        for (chosen, rejected), row in seen.items():
            if (rejected, chosen) in seen:
                reasons[row] = "contradict each other"
        return reasons


def _sides(
    frame: pl.DataFrame,
    *,
    prompt: str | None,
    chosen: str | None,
    rejected: str | None,
    criterion: Criterion,
    name: str,
    columns: Sequence[str],
) -> _Sides:
    """Return the sides of the columns that are named or found."""
    if not (prompt or chosen or rejected) and set(RESPONSES) <= set(frame.columns):
        return _responses(frame, f"{criterion}_response_id", name, columns)
    flags = {"--prompt": prompt, "--chosen": chosen, "--rejected": rejected}
    wrong = next(((flag, column) for flag, column in flags.items() if column and column not in frame.columns), None)
    if wrong:
        raise missing_column(wrong[1], columns, flag=wrong[0], name=name)
    chosen, rejected = chosen or "chosen", rejected or "rejected"
    if not {chosen, rejected} <= set(frame.columns):
        msg = f"{name} must have the columns {LAYOUTS}: got {listed(columns)}. Name the columns of both answers."
        raise DataError(msg)
    prompt = prompt or ("prompt" if "prompt" in frame.columns else None)
    left, right = _texts(frame[chosen], name), _texts(frame[rejected], name)
    tied = np.zeros(len(frame), dtype=np.bool_)
    if prompt is None:
        openings = [_opening(chosen, rejected) for chosen, rejected in zip(left, right, strict=True)]
        return _Sides(left, right, openings, tied, PairColumns(answers=(chosen, rejected)))
    prompts = _texts(frame[prompt], name)
    named = PairColumns(answers=(chosen, rejected), prompt=prompt)
    return _Sides(_joined(prompts, left), _joined(prompts, right), prompts, tied, named)


def _responses(frame: pl.DataFrame, column: str, name: str, columns: Sequence[str]) -> _Sides:
    """Return the sides of PKU-SafeRLHF, where a column has the number of the preferred response."""
    if column not in frame.columns:
        raise missing_column(column, columns, flag="the preference", name=name)
    prompts, *answers = (_texts(frame[part], name) for part in RESPONSES)
    preferred = _preferences(frame[column], name)
    sides = list(zip(*(_joined(prompts, texts) for texts in answers), preferred.tolist(), strict=True))
    chosen = [second if number == 1 else first for first, second, number in sides]
    rejected = [first if number == 1 else second for first, second, number in sides]
    named = PairColumns(answers=("response_0", "response_1"), prompt="prompt", preference=column)
    return _Sides(chosen, rejected, prompts, preferred == NO_PREFERENCE, named)


def _preferences(series: pl.Series, name: str) -> NDArray[np.int64]:
    """Return 0 or 1 for each row; missing values and -1 mean no preference."""
    column = Column.of(series.to_list())
    numbers = []
    for at, value in enumerate(column.values):
        number = NO_PREFERENCE if is_missing(value) else read_number(value)
        if number not in (NO_PREFERENCE, 0, 1):
            msg = (
                f"column {series.name!r} of {name} must hold 0 or 1, the number of the preferred response: got "
                f"{value!r:.60} in row {column.first_row(at)}. Leave the value of ties empty."
            )
            raise DataError(msg)
        numbers.append(int(number))
    return np.array(numbers, dtype=np.int64)[column.codes]


def _texts(series: pl.Series, name: str) -> list[str | None]:
    """Return the texts of a column; blank texts are None."""
    values = series.to_list()
    for row, value in enumerate(values):
        if not isinstance(value, str) and not is_missing(value):
            what = "a list" if isinstance(value, (list, dict)) else f"{value!r:.60}"
            msg = (
                f"column {series.name!r} of {name} must hold texts: got {what} in row {row}. Save the text of each "
                "prompt or answer, without roles or other fields."
            )
            raise DataError(msg)
    return [None if is_missing(value) else value for value in values]


def _joined(prompts: Sequence[str | None], answers: Sequence[str | None]) -> list[str | None]:
    return [
        answer if prompt is None or answer is None else f"{prompt}{BETWEEN}{answer}"
        for prompt, answer in zip(prompts, answers, strict=True)
    ]


def _opening(chosen: str | None, rejected: str | None) -> str | None:
    """Return what stands before the first answer of two transcripts, or None if they are none or differ there."""
    opening, answer, _ = (chosen or "").partition(ANSWER)
    return opening if answer and (rejected or "").startswith(opening + ANSWER) else None


def _in_order(frame: pl.DataFrame, column: str | None, name: str, columns: Sequence[str]) -> Table:
    """Return ids of all rows, sorted if the data has ids."""
    if not len(frame):
        msg = f"{name} must hold at least one row: it has columns {listed(columns)} and no rows. Add rows."
        raise DataError(msg)
    if column is None:
        return Table(name=name, ids=row_numbers(len(frame)), has_ids=False)
    if column not in frame.columns:
        raise missing_column(column, columns, flag="--id", name=name)
    missing = first_missing(frame[column])
    if missing is not None:
        msg = f"column {column!r} of {name} must hold an id in every row: row {missing} has none. Fill it in."
        raise DataError(msg)
    return Table(name=name, ids=ids_of(frame[column]), has_ids=True).in_id_order()


def _oriented(sides: _Sides, rows: Rows, ids: NDArray[np.str_]) -> tuple[Pairs, dict[str, str]]:
    """Return the pairs of these rows, their sides in the order of their hashes, and the id of each distinct text."""
    items: dict[str, str] = {}
    places: dict[str, int] = {}
    positions, preferred = np.empty((len(rows), 2), dtype=np.intp), np.empty(len(rows), dtype=np.int64)
    for at, row in enumerate(rows.tolist()):
        roles = {sides.chosen[row] or "": "chosen", sides.rejected[row] or "": "rejected"}
        both = sorted(roles, key=_hash)
        for side, text in enumerate(both):
            items.setdefault(text, f"{ids[at]}:{roles[text]}")
            positions[at, side] = places.setdefault(text, len(places))
        preferred[at] = roles[both[1]] == "chosen"
    return Pairs(first=positions[:, 0], second=positions[:, 1], preferred=preferred), items


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _check_no_shared_item(pairs: Pairs, items: dict[str, str], name: str) -> None:
    shared = pairs.shared_item()
    if shared is not None:
        text = list(items)[shared]
        msg = (
            f"pairs of {name} must have different items, so that parts share none: {text!r:.60} is a side of all "
            f"{len(pairs)} pairs. Add pairs of other items."
        )
        raise DataError(msg)


def _prompt_numbers(prompts: Sequence[str | None]) -> Rows:
    """Return equal numbers for equal prompts, and a number of its own for each pair without one."""
    numbers: dict[Any, int] = {}
    keys = [row if prompt is None else prompt for row, prompt in enumerate(prompts)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def _counted(left_out: dict[str, int]) -> str:
    return ", ".join(f"{times:,} {reason}" for reason, times in left_out.items())
