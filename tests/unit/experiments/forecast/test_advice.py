"""The verdict of a forecast: labels that would resolve what is open, and systems that cannot be told apart."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.labels import Labels
from w2s_probe.experiments.forecast import pair as pairs
from w2s_probe.experiments.forecast.advice import labels_sentences
from w2s_probe.experiments.forecast.held_out import train_pipeline
from w2s_probe.experiments.forecast.needed import NO_CURVE, TO_ZERO, TOO_FAR
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.experiments.forecast.pipeline import Trained
from w2s_probe.metrics.verdict import EQUAL_SPACES, decide
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast, Needed, NeededLabels

RESOLVED = NeededLabels(n=400, low=400, high=400, reason=None)
SOON = NeededLabels(n=1300, low=1000, high=2800, reason=None)
SOME_DAY = NeededLabels(n=5000, low=400, high=None, reason=None)
FORBIDDEN = re.compile(r"seed|test row|test set|combine", flags=re.IGNORECASE)


def without_number(reason: str) -> NeededLabels:
    return NeededLabels(n=None, low=None, high=None, reason=reason)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (SOON, "Label about 900 more (range 600 to 2,400): then student - baseline is expected to be resolved."),
        (SOME_DAY, "Label about 4,600 more (range 0 to more than 7,600): then student - baseline is expected"),
        (without_number(TO_ZERO), f"More labels are not expected to resolve student - baseline: {TO_ZERO}."),
        (without_number(TOO_FAR), f"More labels are not expected to resolve student - baseline: {TOO_FAR}."),
        (without_number(NO_CURVE), f"How many labels would resolve student - baseline is not known: {NO_CURVE}."),
    ],
)
def test_the_advice_says_how_many_labels_to_add_and_what_for(labels: NeededLabels, sentence: str) -> None:
    versus, gain = (
        list(
            labels_sentences(
                Needed(**{"gain": RESOLVED, "versus_baseline": RESOLVED, name: labels}), 400, decided=False
            )
        )
        for name in ("versus_baseline", "gain")
    )
    assert [text.startswith(sentence) for text in versus] == [True]
    assert [text.startswith(sentence.replace("student - baseline", "the gain")) for text in gain] == [True]


def test_labels_that_change_nothing_to_do_are_no_advice() -> None:
    needed = Needed(gain=SOON, versus_baseline=RESOLVED)
    assert list(labels_sentences(needed, 400, decided=True)) == [
        "About 900 more labels (range 600 to 2,400) would resolve the gain."
    ]


def test_what_is_resolved_needs_no_labels() -> None:
    assert list(labels_sentences(Needed(gain=RESOLVED, versus_baseline=RESOLVED), 400, decided=True)) == []


estimates = st.tuples(st.floats(-1, 1), st.floats(0, 1)).map(
    lambda e: Estimate(value=e[0], low=e[0] - e[1], high=e[0] + e[1])
)
numbers = st.sampled_from([RESOLVED, SOON, SOME_DAY, *map(without_number, (TO_ZERO, TOO_FAR, NO_CURVE))])


@given(
    estimates,
    estimates,
    st.builds(Needed, gain=numbers, versus_baseline=numbers),
    st.lists(st.sampled_from(["student", "baseline"]), unique=True),
    st.booleans(),
)
def test_a_forecast_never_speaks_of_seeds_or_test_rows(
    gain: Estimate, versus: Estimate, needed: Needed, edges: list[str], scaled: bool
) -> None:
    verdict = decide(
        gain=gain,
        versus_baseline=versus,
        n_labeled=400,
        score="accuracy",
        edges=edges,
        scaled=scaled,
        outlook=True,
        resolution=" ".join(labels_sentences(needed, 400, decided=versus.low > 0 or versus.high < 0)),
    )
    assert FORBIDDEN.search(verdict.advice) is None
    assert verdict.recommend in ("weak_to_strong", "labels_directly", "unresolved")


def forecast(
    labels: Labels, config: W2SConfig, *, student: NDArray[np.floating] | None = None, seed: int = 0
) -> Forecast:
    weak, strong, _ = pair_of_views(len(labels.values), seed=seed)
    S = strong.X if student is None else student
    n = 100
    return forecast_pair(
        weak.X[:n],
        S[:n],
        labels.targets(np.arange(n)),
        pool_teacher=weak.X[n:],
        pool_student=S[n:],
        config=config,
    )


@pytest.mark.parametrize("seed", range(6))
def test_advice_of_real_forecasts_follows_their_numbers(seed: int) -> None:
    _, _, labels = pair_of_views(400, seed=seed)
    found = forecast(labels, W2SConfig(), seed=seed)
    advice = found.verdict.advice
    assert FORBIDDEN.search(advice) is None
    for name, labels_needed in (("student - baseline", found.needed.versus_baseline), ("the gain", found.needed.gain)):
        mentioned = (
            f"resolve {name}" in advice or f"then {name} is expected" in advice or f"{name} is not known" in advice
        )
        assert mentioned == (labels_needed.n != found.n)
        if labels_needed.n is not None and labels_needed.n > found.n:
            assert f"bout {labels_needed.n - found.n:,} more" in advice


def rare(shares: list[float]) -> Labels:
    values = np.random.default_rng(0).choice(len(shares), 500, p=shares)
    return Labels(values=values, classes=tuple("abcdefgh"[: len(shares)]))


@pytest.mark.parametrize(
    ("shares", "settings"),
    [
        ([0.96, 0.04], {}),
        ([0.95, 0.03, 0.02], {}),
        ([0.98, 0.02], {"head": "softmax", "alphas": 3}),
        ([0.96, 0.04], {"pseudolabels": "hard"}),
        ([0.85, 0.15], {"teacher_alpha": 1e9, "student_alpha": 1e9}),
    ],
)
def test_systems_that_all_decide_the_largest_class_get_no_advice(shares: list[float], settings: dict[str, Any]) -> None:
    found = forecast(rare(shares), W2SConfig(**settings))
    assert found.verdict.recommend == "unresolved"
    expected = "No recommendation: every system decides the largest class on all rows of the pool."
    assert found.verdict.advice == expected
    assert not any("chosen strength" in note for note in found.notes)


def test_numbers_that_are_all_but_equal_get_no_advice() -> None:
    labels = Labels(values=np.random.default_rng(0).standard_normal(500), classes=None)
    found = forecast(labels, W2SConfig(task="regression", teacher_alpha=1e9, student_alpha=1e9))
    assert found.verdict.recommend == "unresolved"
    assert found.verdict.advice == "No recommendation: every system predicts nearly one number on all rows of the pool."


@pytest.mark.parametrize("settings", [{}, {"head": "softmax", "alphas": 3}, {"pseudolabels": "hard"}])
def test_equal_features_get_no_advice(settings: dict[str, Any]) -> None:
    weak, _, labels = pair_of_views(400)
    found = forecast(labels, W2SConfig(**settings), student=weak.X[:, ::-1])
    assert found.verdict.recommend == "unresolved"
    assert found.verdict.advice == f"No recommendation: {EQUAL_SPACES}."


@pytest.mark.parametrize(("system", "judged"), [("teacher", True), ("student", False), ("baseline", False)])
def test_a_strength_at_an_end_is_not_judged(system: str, judged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_edge(*arguments: Any, **settings: Any) -> Trained:
        trained = train_pipeline(*arguments, **settings)
        return replace(trained, heads={**trained.heads, system: replace(trained.heads[system], at_edge=True)})

    monkeypatch.setattr(pairs, "train_pipeline", at_edge)
    _, _, labels = pair_of_views(400)
    verdict = forecast(labels, W2SConfig()).verdict
    assert (f"the strength of the {system}'s head is an end of its grid" in verdict.advice) != judged
    assert judged or verdict.recommend == "unresolved"


def test_the_end_is_right_for_a_student_that_copies_its_teacher() -> None:
    weak, _, labels = pair_of_views(400)
    wider = np.hstack([weak.X, np.random.default_rng(1).standard_normal((400, 2))])
    found = forecast(labels, W2SConfig(), student=wider)
    assert "end of its grid" not in found.verdict.advice
    assert not any(note.startswith("student: the chosen strength") for note in found.notes)
