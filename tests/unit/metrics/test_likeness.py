from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.types import Float
from w2s_probe.metrics.likeness import CONSTANT, COPY, IMITATION, NEARLY_ALL, constant_text, imitation, is_constant


@pytest.mark.parametrize(
    ("scores", "spread", "constant"),
    [
        ([[0.9, 0.1], [0.51, 0.49]], 0.0, True),
        ([[0.9, 0.1], [0.49, 0.51]], 0.0, False),
        ([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], 0.0, True),
        ([[2.0], [2.0]], 1.0, True),
        ([[2.0], [2.001]], 1.0, True),
        ([[2.0], [2.1]], 1.0, False),
        ([[2e6], [2e6 + 1e-6]], 0.0, True),
    ],
)
def test_a_head_is_constant_if_it_decides_one_class_or_one_number(
    scores: list[list[float]], spread: float, constant: bool
) -> None:
    assert is_constant(np.array(scores), spread=spread) is constant


def decisions(*codes: int) -> Float:
    return np.eye(4)[list(codes)]


@pytest.mark.parametrize(
    ("systems", "text"),
    [
        ([decisions(1, 1, 1), decisions(1, 1, 1)], "the largest class (b) on all rows"),
        ([decisions(0, 0, 0), decisions(1, 1, 1)], "only one class on all rows"),
        ([decisions(*[1] * 400, 2), decisions(*[1] * 401)], "the largest class (b) on 99.7 % of the rows"),
        ([decisions(*[1] * 90, *[2] * 10), decisions(*[1] * 100)], ""),
        ([np.full((5, 1), 2.0), np.full((5, 1), 3.0)], "nearly one number on all rows"),
        ([np.full((5, 1), 2.0), np.arange(5.0)[:, None]], ""),
    ],
)
def test_constant_systems_are_described(systems: list[Float], text: str) -> None:
    assert constant_text(systems, spread=1.0, largest=1, name=" (b)", rows="rows") == text


def test_imitation_sees_a_scaled_copy_and_no_chance_agreement() -> None:
    rng = np.random.default_rng(0)
    teacher = rng.standard_normal((500, 3))
    copy = 0.3 * teacher + rng.standard_normal((500, 1))  # a shift of a whole row decides nothing
    assert imitation(copy, teacher) > 0.999
    largest = np.array([5.0, 0.0, 0.0])  # both heads decide the first class on nearly all rows
    other = rng.standard_normal((500, 3))
    assert np.mean((other + largest).argmax(axis=1) == (teacher + largest).argmax(axis=1)) > 0.99
    assert imitation(other + largest, teacher + largest) < 0.05 < IMITATION
    assert imitation(np.ones((5, 1)), np.arange(5.0)[:, None]) == 0


@given(seed=st.integers(0, 10**6), K=st.integers(1, 4))
def test_imitation_is_the_squared_correlation_of_scores_centered_in_rows_and_columns(seed: int, K: int) -> None:
    rng = np.random.default_rng(seed)
    teacher = rng.standard_normal((30, K))
    student = teacher + rng.standard_normal((30, K))
    shift = rng.standard_normal((30, 1)) if K > 1 else 7.0  # no decision depends on it
    parts = [S - S.mean(axis=1, keepdims=True) if K > 1 else S for S in (student, teacher)]
    flat = [(S - S.mean(axis=0)).ravel() for S in parts]
    assert imitation(student + shift, teacher) == pytest.approx(np.corrcoef(*flat)[0, 1] ** 2, abs=1e-12)


def test_limits_of_likeness() -> None:
    assert (NEARLY_ALL, CONSTANT, COPY, IMITATION) == (0.99, 1e-3, 0.99, 0.95)
