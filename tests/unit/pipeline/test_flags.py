from __future__ import annotations

import pytest

from w2s_probe.cli.forecast import forecast
from w2s_probe.cli.run import run
from w2s_probe.cli.sweep import sweep
from w2s_probe.pipeline.flags import SETTINGS, verdict_with_flags, with_flags
from w2s_probe.results.run import Verdict


@pytest.mark.parametrize("verb", [run, forecast, sweep], ids=lambda verb: str(verb.name))
def test_every_flag_in_notes_and_advice_is_a_flag_of_the_verb(verb: object) -> None:
    flags = {flag for option in verb.params for flag in option.opts}  # type: ignore[attr-defined]
    assert set(with_flags(f"`{setting}`" for setting in SETTINGS)) <= flags


def test_advice_names_flags_and_other_text_stays() -> None:
    verdict = Verdict(call="helps", recommend="unresolved", advice="Set `student_alpha`; `x` stays.")
    assert verdict_with_flags(verdict).advice == "Set --student-alpha; `x` stays."
