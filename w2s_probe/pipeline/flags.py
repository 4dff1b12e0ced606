"""Settings in notes and advice, written as the flags of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from w2s_probe.results.finetune import FinetuneResult
from w2s_probe.results.forecast import Forecast
from w2s_probe.results.run import W2SResult

Result = TypeVar("Result", FinetuneResult, W2SResult, Forecast)
SETTINGS = (
    *("teacher", "student", "label", "task", "group", "head", "pseudolabels", "scale"),
    *("teacher_alpha", "student_alpha", "n_labeled", "n_unlabeled", "n_test", "strategies", "settings", "prefix"),
)
TRAINING = ("epochs", "lr", "layers", "lora", "batch_size")  # of weights
# flags that are not called like their setting
OTHER_NAMES = {"strategies": "--strategy", "settings": "--set", "n_labeled": "-n", "n_unlabeled": "-N"}


def with_flags(notes: Iterable[str]) -> tuple[str, ...]:
    """Return notes in which these settings, in backticks, are replaced by their flags.

    Examples
    --------
    >>> with_flags(["Use `scale` standard."])
    ('Use --scale standard.',)
    """
    return tuple(map(_translated, notes))


def result_with_flags(result: Result, notes: Iterable[str] = ()) -> Result:
    """Return a result whose notes, advice and reasons name flags; `notes`, in which flags stand already, come first."""
    verdict = replace(result.verdict, advice=_translated(result.verdict.advice))
    changed = replace(result, verdict=verdict, notes=(*notes, *with_flags(result.notes)))
    return replace(changed, skipped=reasons_with_flags(changed.skipped)) if isinstance(changed, W2SResult) else changed


def reasons_with_flags(skipped: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return why strategies did not apply, with flags for settings; None stays."""
    return None if skipped is None else {name: _translated(reason) for name, reason in skipped.items()}


def _translated(text: str) -> str:
    return re.sub(rf"`({'|'.join((*SETTINGS, *TRAINING))})`", _flag, text)


def _flag(match: re.Match[str]) -> str:
    return OTHER_NAMES.get(match[1], "--" + match[1].replace("_", "-"))
