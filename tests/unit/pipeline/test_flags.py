"""Flags in notes and advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import pair_of_views
from w2s_probe.cli.finetune import finetune
from w2s_probe.cli.forecast import forecast
from w2s_probe.cli.run import run
from w2s_probe.cli.sweep import sweep
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.pipeline.flags import SETTINGS, TRAINING, result_with_flags, with_flags


@pytest.mark.parametrize("verb", [run, forecast, sweep, finetune], ids=lambda verb: str(verb.name))
def test_every_flag_in_notes_and_advice_is_a_flag_of_the_verb(verb: object) -> None:
    flags = {flag for option in verb.params for flag in option.opts}  # type: ignore[attr-defined]
    settings = (*SETTINGS, *TRAINING) if verb is finetune else SETTINGS
    assert set(with_flags(f"`{setting}`" for setting in settings)) <= flags


def test_advice_names_flags_and_other_text_stays() -> None:
    teacher, student, labels = pair_of_views(200)
    splits = draw_splits(labels, seeds=[0], n_labeled=40, n_test=60)
    result = run_w2s(teacher, student, labels, splits=splits, config=W2SConfig())[0]
    verdict = replace(result.verdict, advice="Set `student_alpha`; `x` stays.")
    flagged = result_with_flags(replace(result, verdict=verdict, notes=("Use `scale` standard.",)), ["First."])
    assert flagged.verdict.advice == "Set --student-alpha; `x` stays."
    assert flagged.notes == ("First.", "Use --scale standard.")


def test_reasons_of_skipped_strategies_name_flags() -> None:
    teacher, student, labels = pair_of_views(200)
    splits = draw_splits(labels, seeds=[0], n_labeled=40, n_test=60)
    result = run_w2s(teacher, student, labels, splits=splits, config=W2SConfig())[0]
    reasons = {"a": "it needs teachers: `teacher` A+B.", "a/b=1": "set `head` ridge, `settings` a.b=2; `x` stays."}
    flagged = result_with_flags(replace(result, skipped=reasons))
    assert flagged.skipped == {
        "a": "it needs teachers: --teacher A+B.",
        "a/b=1": "set --head ridge, --set a.b=2; `x` stays.",
    }
