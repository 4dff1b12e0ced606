"""Predictions in the place of a teacher's features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from w2s_probe.core.errors import ShapeError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.predictions import Predictions, all_count, all_speak
from w2s_probe.heads.given import given_head

P = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])


def predictions(
    speaks: tuple[bool, ...] = (True, True, False), saw: tuple[bool, ...] = (True, False, False)
) -> Predictions:
    spec = EmbeddingSpec(backbone="labels", revision="x")
    return Predictions(ids=np.array(["a", "b", "c"]), X=P, spec=spec, speaks=np.array(speaks), saw=np.array(saw))


def test_scores_of_both_kinds_of_heads_are_the_probabilities_again() -> None:
    own = predictions()
    ridge, logits = own.scores_for("ridge"), own.scores_for("softmax")
    assert np.array_equal(given_head("ridge", 2).scores(ridge.X), P)
    head = given_head("softmax", 2)
    np.testing.assert_allclose(softmax(head.scores(logits.X), axis=1), P, atol=1e-15)
    np.testing.assert_allclose(head.probabilities(head.scores(logits.X)), P, atol=1e-15)
    assert logits.scores_for("softmax") is logits


def test_only_rows_that_it_speaks_on_and_did_not_see_judge_a_teacher() -> None:
    own, other = predictions(), predictions((False, True, True), (False, False, False))
    assert own.counts.tolist() == [False, True, False]
    assert all_count([own, other]) is not None
    assert np.array_equal(all_count([own, other]), [False, True, False])  # type: ignore[arg-type]  # not None
    assert np.array_equal(all_speak([own, other]), [False, True, False])  # type: ignore[arg-type]  # not None
    assert all_speak([]) is None
    taken = own.take(np.array([1, 0]))
    assert (taken.ids.tolist(), taken.saw.tolist(), taken.X.tolist()) == (
        ["b", "a"],
        [False, True],
        [[1, 0], [0.25, 0.75]],
    )


def test_masks_have_a_value_for_each_row() -> None:
    with pytest.raises(ShapeError, match="speaks"):
        predictions(speaks=(True, False))
