from __future__ import annotations

import numpy as np
import pytest

from w2s_probe.metrics.likeness import IMITATION, decided_classes, imitation, is_constant


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


def test_decided_classes_are_those_of_any_head() -> None:
    assert decided_classes([np.eye(4)[[1, 1]], np.eye(4)[[3]]]) == {1, 3}


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
