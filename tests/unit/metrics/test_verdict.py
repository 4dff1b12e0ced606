from __future__ import annotations

import math
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.metrics.verdict import DEFAULT, EQUAL_SPACES, NEGLIGIBLE, Combination, WorstGroupChange, decide
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import Verdict

GAINS = {"helps": (0.01, 0.03), "hurts": (-0.03, -0.01), "unresolved": (-0.01, 0.02)}
NUMBERS = re.compile(r"[+-]\d\.\d{3} \[[+-]\d\.\d{3}, [+-]\d\.\d{3}\]")


def between(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high)


def verdict_of(gain: tuple[float, float], versus: tuple[float, float], **more: object) -> Verdict:
    settings = {"n_labeled": 400, "score": "accuracy", **more}
    return decide(gain=between(*gain), versus_baseline=between(*versus), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", GAINS)
@pytest.mark.parametrize(
    ("versus", "recommend", "first"),
    [
        ((0.01, 0.02), "weak_to_strong", "Use weak-to-strong training. The student is better than the strong model"),
        ((-0.03, -0.01), "labels_directly", "Train the strong model on your 400 labels. The student is worse than"),
        ((-0.03, 0.01), "labels_directly", "Train the strong model on your 400 labels (default): no evidence that"),
        ((-0.02, 0.02), "labels_directly", "Train the strong model on your 400 labels (default): no evidence that"),
        ((-0.02, 0.03), "unresolved", "Train the strong model on your 400 labels (default): no evidence that"),
        ((0.0, 0.0), "unresolved", "No recommendation: the student is as good as the strong model trained on your 400"),
        ((-9e-6, -1e-6), "unresolved", "No recommendation: the student is as good as the strong model"),  # a copy,
        (
            (1e-6, 9e-6),
            "unresolved",
            "No recommendation: the student is as good as the strong model",
        ),  # but for rounding
        ((-3e-4, 4e-4), "labels_directly", "Train the strong model on your 400 labels (default)"),
        ((math.nan, math.nan), "unresolved", "No recommendation: whether the student beats the strong model"),
    ],
)
def test_the_recommendation_is_first_its_reason_second_the_gain_third(
    call: str, versus: tuple[float, float], recommend: str, first: str
) -> None:
    verdict = verdict_of(GAINS[call], versus)
    assert (verdict.call, verdict.recommend) == (call, recommend)
    assert verdict.advice.startswith(first)
    numbers = NUMBERS.findall(verdict.advice)
    low, high = GAINS[call]
    assert numbers[-1] == f"{(low + high) / 2:+.3f} [{low:+.3f}, {high:+.3f}]"
    assert len(numbers) == (1 if math.isnan(versus[0]) else 2)
    sentence = {
        "helps": "is better than its",
        "hurts": "is worse than its",
        "unresolved": "Whether the student beats its",
    }
    assert f"{sentence[call]} teacher" in verdict.advice


@pytest.mark.parametrize("versus", [(-0.056, 0.010), (-0.010, 0.056), (-0.01, 0.01), (-0.2, 0.0), (0.0, 0.2)])
def test_an_open_comparison_names_the_default_in_both_signs(versus: tuple[float, float]) -> None:
    advice = verdict_of((0.01, 0.02), versus).advice
    low, high = versus
    numbers = f"{(low + high) / 2:+.3f} [{low:+.3f}, {high:+.3f}]"
    assert f"no evidence that weak-to-strong beats your labels ({numbers} in accuracy); {DEFAULT}." in advice


@given(
    st.floats(-0.5, 0.5),
    st.floats(0, 0.3),
    st.floats(-0.5, 0.5),
    st.floats(0, 0.3),
    st.sampled_from(["accuracy", "r2"]),
)
def test_the_default_is_named_exactly_where_the_comparison_is_open(
    gain: float, wide: float, versus: float, half: float, score: str
) -> None:
    verdict = verdict_of((gain - wide, gain + wide), (versus - half, versus + half), score=score)
    low, high = versus - half, versus + half
    equal = max(abs(low), abs(high)) <= NEGLIGIBLE
    if low > NEGLIGIBLE or high < -NEGLIGIBLE or equal:
        assert DEFAULT not in verdict.advice
    elif low <= 0 <= high:
        assert DEFAULT in verdict.advice
        assert verdict.recommend in ("labels_directly", "unresolved")
    assert ("in R²" in verdict.advice) == (score == "r2")


def test_systems_that_cannot_be_told_apart_get_one_sentence() -> None:
    for call, versus in product(GAINS, [(-0.3, -0.1), (0.1, 0.3), (0.0, 0.0)]):
        worst = WorstGroupChange(gain=between(0, 1), versus_baseline=between(0, 1), group="a|b")
        verdict = verdict_of(
            GAINS[call], versus, alike=EQUAL_SPACES, edges=["student"], worst_group=worst, resolution="More seeds."
        )
        assert verdict.recommend == "unresolved"
        assert verdict.advice == f"No recommendation: {EQUAL_SPACES}."


@pytest.mark.parametrize("versus", [(0.1, 0.3), (-0.3, -0.1), (-0.1, 0.05)])
@pytest.mark.parametrize(
    ("edges", "place"),
    [
        (["student"], "the strength of the student's head is an end of its grid"),
        (["baseline"], "the strength of the baseline's head is an end of its grid"),
        (["student", "baseline"], "the strengths of the student's and the baseline's heads are ends of their grids"),
    ],
)
def test_a_head_at_an_end_of_its_grid_is_not_judged(versus: tuple[float, float], edges: list[str], place: str) -> None:
    verdict = verdict_of((0.1, 0.2), versus, edges=edges)
    assert (verdict.call, verdict.recommend) == ("helps", "unresolved")
    assert verdict.advice.startswith("No recommendation on student - baseline (")
    assert place in verdict.advice
    assert "Set `student_alpha`, or use `scale` standard." in verdict.advice
    assert DEFAULT not in verdict.advice
    scaled = verdict_of((0.1, 0.2), versus, edges=edges, scaled=True).advice
    assert "Set `student_alpha`." in scaled
    assert "`scale`" not in scaled


def combination(
    strategy: str = "average", vanilla: tuple[float, float] = (0.02, 0.04), baseline: tuple[float, float] = (0.01, 0.03)
) -> Combination:
    return Combination(strategy=strategy, versus_vanilla=between(*vanilla), versus_baseline=between(*baseline))


@pytest.mark.parametrize("versus", [(0.01, 0.02), (-0.03, -0.01), (-0.03, 0.01), (-0.01, 0.03)])
@pytest.mark.parametrize("call", GAINS)
def test_labels_and_pseudolabels_together_come_before_either_of_them(call: str, versus: tuple[float, float]) -> None:
    verdict = verdict_of(GAINS[call], versus, combinations=[combination()], resolution="More seeds.")
    assert (verdict.call, verdict.recommend) == (call, "combine")
    assert verdict.advice.startswith(
        "Use your labels and the pseudolabels together to train the strong model: train it on your 400 labels, train "
        "it again on the pseudolabels, and average the scores of both models (`strategies` average)."
    )
    low, high = GAINS[call]
    assert NUMBERS.findall(verdict.advice) == [
        "+0.030 [+0.020, +0.040]",
        "+0.020 [+0.010, +0.030]",
        f"{(low + high) / 2:+.3f} [{low:+.3f}, {high:+.3f}]",
    ]
    assert DEFAULT not in verdict.advice
    assert "More seeds." not in verdict.advice


@pytest.mark.parametrize(
    ("versus", "more", "first"),
    [
        ((0.01, 0.02), {"alike": EQUAL_SPACES}, "No recommendation: teacher and student have the same features"),
        ((0.01, 0.02), {"edges": ["student"]}, "No recommendation on student - baseline"),
        ((0.01, 0.02), {"edges": ["baseline"]}, "No recommendation on student - baseline"),
        ((0.0, 0.0), {}, "No recommendation: the student is as good as"),
    ],
)
def test_systems_alike_or_at_an_end_of_the_grid_come_before_labels_and_pseudolabels_together(
    versus: tuple[float, float], more: dict[str, object], first: str
) -> None:
    verdict = verdict_of((0.01, 0.02), versus, combinations=[combination()], **more)
    assert verdict.recommend == "unresolved"
    assert verdict.advice.startswith(first)


@pytest.mark.parametrize("versus", [(0.01, 0.02), (-0.03, -0.01), (-0.03, 0.01), (-0.01, 0.03)])
@pytest.mark.parametrize(
    ("vanilla", "baseline"),
    [
        ((0.01, 0.02), (0.0, 0.02)),
        ((0.0, 0.02), (0.01, 0.02)),
        ((0.01, 0.02), (-0.02, -0.01)),
        ((-0.02, -0.01), (0.01, 0.02)),
        ((0.01, 0.02), (1e-6, 1e-4)),  # a negligible difference
        ((math.nan, math.nan), (0.01, 0.02)),
    ],
)
def test_both_together_are_recommended_only_if_they_are_better_than_each(
    versus: tuple[float, float], vanilla: tuple[float, float], baseline: tuple[float, float]
) -> None:
    other = combination(vanilla=vanilla, baseline=baseline)
    assert verdict_of((0.01, 0.02), versus, combinations=[other]) == verdict_of((0.01, 0.02), versus)


@pytest.mark.parametrize(
    ("anchored", "chosen"), [((0.012, 0.032), "anchored"), ((0.008, 0.028), "average"), ((0.01005, 0.03005), "average")]
)
@pytest.mark.parametrize("anchored_first", [True, False])
def test_of_two_ways_to_combine_the_better_is_named_and_the_simpler_where_they_are_equal(
    anchored: tuple[float, float], chosen: str, anchored_first: bool
) -> None:
    both = [combination("average"), combination("anchored", baseline=anchored)]
    verdict = verdict_of((0.01, 0.02), (-0.01, 0.02), combinations=both[::-1] if anchored_first else both)
    assert f"(`strategies` {chosen})" in verdict.advice
    how = {"average": "average the scores", "anchored": "a penalty that keeps it close to the first model"}
    assert [name for name, words in how.items() if words in verdict.advice] == [chosen]


def test_a_better_way_to_combine_that_does_not_beat_the_student_is_not_named() -> None:
    ways = [combination("average"), combination("anchored", vanilla=(-0.01, 0.09), baseline=(0.02, 0.06))]
    assert "(`strategies` average)" in verdict_of((0.01, 0.02), (-0.01, 0.02), combinations=ways).advice


@pytest.mark.parametrize(
    ("worst", "hides"),
    [
        ((-0.3, -0.1), "its teacher on average hides a loss in the worst group"),
        ((-0.3, 0.1), "its teacher on average may hide a loss in the worst group"),
        ((-0.1, 0.3), None),
        ((0.1, 0.3), None),
    ],
)
@pytest.mark.parametrize("score", ["accuracy", "squared_error"])
def test_the_worst_group_is_named_with_its_changes(worst: tuple[float, float], hides: str | None, score: str) -> None:
    low, high = worst if score == "accuracy" else (-worst[1], -worst[0])
    change = WorstGroupChange(
        gain=between(low, high), versus_baseline=between(0.01, 0.03), group="spam|no HTML", score=score
    )
    advice = verdict_of((0.01, 0.02), (-0.2, 0.1), worst_group=change).advice
    assert f"student - teacher {(low + high) / 2:+.3f} [{low:+.3f}, {high:+.3f}]" in advice
    assert "student - baseline +0.020 [+0.010, +0.030]; the student's worst group is spam|no HTML." in advice
    assert ("hide" in advice) == (hides is not None)
    assert hides is None or hides in advice


def test_an_advantage_over_the_labels_may_hide_a_loss_too() -> None:
    change = WorstGroupChange(gain=between(0.1, 0.2), versus_baseline=between(-0.2, -0.1), group="x")
    verdict = verdict_of((0.01, 0.02), (0.01, 0.02), worst_group=change)
    assert "The student's advantage over the baseline on average hides a loss in the worst group." in verdict.advice
    assert "over its teacher on average" not in verdict.advice


def test_a_forecast_speaks_of_what_is_expected() -> None:
    advice = verdict_of((0.01, 0.02), (-0.02, -0.01), outlook=True, resolution="Label 9 more.").advice
    assert "is expected to be worse than that model" in advice
    assert "is expected to be better than its teacher" in advice
    assert advice.endswith("Label 9 more.")


def test_control_characters_of_a_group_are_shown_as_escapes() -> None:
    change = WorstGroupChange(gain=between(0.1, 0.2), versus_baseline=between(0.1, 0.2), group="a\x1b[31m")
    assert "\x1b" not in verdict_of((0.01, 0.02), (0.01, 0.02), worst_group=change).advice


def test_nobody_is_told_to_train_a_teacher_that_is_predictions() -> None:
    verdict = verdict_of((0.1, 0.2), (0.1, 0.2), given=True)
    assert verdict.recommend == "weak_to_strong"
    assert verdict.advice.startswith("Use your old model's predictions: train the strong model on them. The student")
    assert "weak-to-strong training" not in verdict.advice
