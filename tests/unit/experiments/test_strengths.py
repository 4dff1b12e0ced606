"""Notes on ends of the grid, on large rows, and on columns whose scaling changes the answer."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.strengths import edge_note, large_row_notes, row_sizes, scale_notes
from w2s_probe.heads import LinearHead, fit_ridge

Array = NDArray[np.float64]


def head(*, at_edge: bool, upper: bool = False) -> LinearHead:
    empty = np.zeros((1, 2))
    return LinearHead(
        kind="ridge", coef=empty, intercept=empty[0], alpha=2.5, rule="loo", at_edge=at_edge, upper_end=upper
    )


def spaces(n: int = 200) -> tuple[Array, Array, Array]:
    """Return teacher features, student features and one-hot labels: 6 signals, of which the teacher has 2."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((n, 6))
    labels = (signal.sum(axis=1) > 0).astype(int)
    return signal[:, :2] + rng.standard_normal((n, 2)), np.c_[signal, rng.standard_normal((n, 70))], np.eye(2)[labels]


@pytest.mark.parametrize(
    ("name", "upper", "advice"),
    [
        ("teacher", False, "`teacher_alpha`"),
        ("baseline", False, "`student_alpha`"),
        ("vanilla", False, "`student_alpha`"),
        ("teacher", True, "Use other features, or more labeled rows."),
    ],
)
def test_the_note_on_an_end_says_which_end_and_what_to_do(name: str, upper: bool, advice: str) -> None:
    note = edge_note(name, [head(at_edge=False), head(at_edge=True, upper=upper)], where=" in 1 of 2 seeds")
    assert note is not None
    assert note.startswith(
        f"{name}: the chosen strength is the {'largest' if upper else 'smallest'} one tried in 1 of 2"
    )
    assert advice in note
    assert edge_note(name, [head(at_edge=False)]) is None


@pytest.mark.parametrize(("tiny", "factor"), [(6, 1e3), (10, 1e5), (6, 50)])
def test_a_note_says_what_the_other_scaling_would_give(tiny: int, factor: float) -> None:
    T, S, Y = spaces(120)
    S[:, :tiny] /= factor  # the signal; a head reaches it only after it has fitted the 70 columns of noise
    (note,) = scale_notes(T, S, Y, config=W2SConfig())
    match = re.search(r"the baseline's leave-one-out accuracy is (0\.\d{3}) instead of (0\.\d{3})", note)
    assert match is not None
    now, then = (float((scores.argmax(axis=1) == Y.argmax(axis=1)).mean()) for scores in refitted(S, Y))
    # the note's scaling is that of all rows, as here; a rounded tie may decide one row of 120 otherwise
    assert (float(match[2]), float(match[1])) == pytest.approx((now, then), abs=0.009)
    assert note.endswith("Use `scale` standard.")
    assert list(scale_notes(T, S, Y, config=W2SConfig(scale="standard"))) == []


def refitted(X: Array, Y: Array) -> list[Array]:
    """Return leave-one-out scores without and with scaling, by fitting again without each row."""
    scores = []
    for scale in ("none", "standard"):
        alpha = fit_ridge(X, Y, scale=scale).alpha
        scaled = X / X.std(axis=0) if scale == "standard" else X
        rest = [np.arange(len(X)) != row for row in range(len(X))]
        heads = [fit_ridge(scaled[at], Y[at], alpha=alpha) for at in rest]
        scores.append(np.concatenate([fitted.scores(scaled[[row]]) for row, fitted in enumerate(heads)]))
    return scores


@pytest.mark.parametrize("case", ["similar", "harmless", "dead", "fixed", "softmax"])
def test_no_note_where_scaling_changes_nothing_or_was_not_asked(case: str) -> None:
    T, S, Y = spaces()
    config = W2SConfig()
    if case == "harmless":
        S[:, 7] *= 100  # one axis of 76
    if case == "dead":
        S = np.c_[S, 1e-9 * np.random.default_rng(1).standard_normal((len(S), 3)), np.ones(len(S))]
    if case in ("fixed", "softmax"):
        S[:, :6] /= 1e3
        config = W2SConfig(head="softmax") if case == "softmax" else W2SConfig(student_alpha=1.0)
    assert list(scale_notes(T, S, Y, config=config)) == []


def test_a_note_for_numbers_has_r2_and_names_the_teacher() -> None:
    T, S, _ = spaces(120)
    y = S[:, :6].sum(axis=1, keepdims=True) + T[:, :1]
    weak = np.c_[S[:, :6] / 1e3, S[:, 6:]]
    (note,) = scale_notes(weak, T, y, config=W2SConfig(task="regression"))
    assert "the teacher's leave-one-out R² is 0." in note


@pytest.mark.parametrize(("size", "count"), [(1e4, 1), (1e6, 3), (1e12, 2)])
def test_rows_that_are_too_large_are_counted(size: float, count: int) -> None:
    _, S, _ = spaces()
    rows = np.arange(50, 200)
    S[60 : 60 + count] *= size
    (note,) = large_row_notes("student", row_sizes(S, rows), rows=rows)
    assert f"{count} of 150" in note
    assert "(row 60, counted from 0)" in note
    assert list(large_row_notes("student", row_sizes(S, np.arange(60)))) == []


def test_a_large_column_is_no_large_row() -> None:
    _, S, _ = spaces()
    S[:, 3] = 1e8 + 1e4 * S[:, 3]
    assert list(large_row_notes("student", row_sizes(S, np.arange(len(S))))) == []
