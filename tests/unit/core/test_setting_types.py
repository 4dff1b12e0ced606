"""Types of settings: what has another type is refused with its field, what is alike becomes plain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2s_probe import BackboneOptions, DataConfig, DiagnoseConfig, FinetuneConfig, ReasonConfig, SweepConfig, W2SConfig
from w2s_probe.core.errors import ConfigError


@pytest.mark.parametrize(
    ("config", "field", "value", "said"),
    [
        (W2SConfig, "seeds", [0, 1], "must be a whole number: got [0, 1]. It counts the seeds"),
        (W2SConfig, "seeds", True, "must be a whole number: got True."),
        (W2SConfig, "n_test", 90.0, "must be a whole number or None: got 90.0. Convert it first."),
        (W2SConfig, "level", "0.9", "must be a number: got '0.9'. Convert it first."),
        (W2SConfig, "strategies", "trust", "must be a tuple of texts: got 'trust'. Use ('trust',) for one value."),
        (W2SConfig, "head", "svm", "must be ridge or softmax or None: got 'svm'. Use one of these."),
        (W2SConfig, "settings", [("a", 1)], "must be a mapping: got [('a', 1)]. Give one value."),
        (W2SConfig, "balance_classes", 1, "must be true or false: got 1."),
        (SweepConfig, "seeds", 3, "must be a tuple of whole numbers: got 3. Name each seed: range(5) are the seeds"),
        (SweepConfig, "teacher_alpha", 0.5, "must be a tuple of numbers or None: got 0.5. Use (0.5,) for one value."),
        (SweepConfig, "n_labeled", (40, "60"), "must be a tuple of whole numbers or None: got (40, '60'). Give every"),
        (DataConfig, "data", object(), "must be a text: got object. Name a file, or call the verb with features"),
        (DataConfig, "label", 3, "must be a text: got 3."),
        (DiagnoseConfig, "neighbors", [9], "must be a whole number: got [9]. Give one value."),
        (FinetuneConfig, "epochs", 1.5, "must be a whole number or None: got 1.5."),
        (ReasonConfig, "teacher_size", 9000, "must be a tuple of whole numbers: got 9000. Use (9000,) for one value."),
        (BackboneOptions, "batch_size", "8", "must be a whole number: got '8'."),
    ],
)
def test_another_type_is_refused_with_its_field(config: Any, field: str, value: Any, said: str) -> None:
    needed = {"data": "table.csv"} if config is DataConfig else {}
    with pytest.raises(ConfigError) as raised:
        config(**{**needed, field: value})
    assert str(raised.value).startswith(f"`{field}` {said}")
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("config", "field", "value", "plain"),
    [
        (W2SConfig, "seeds", np.int64(3), 3),
        (W2SConfig, "student_alpha", 1, 1.0),
        (W2SConfig, "teacher_alpha", np.float32(0.5), 0.5),
        (W2SConfig, "strategies", ["vanilla"], ("vanilla",)),
        (SweepConfig, "seeds", range(4, 6), (4, 5)),
        (SweepConfig, "n_labeled", np.array([40, 60]), (40, 60)),
        (SweepConfig, "n_unlabeled", [None, 90], (None, 90)),
        (DataConfig, "data", Path("folder") / "table.csv", str(Path("folder") / "table.csv")),
    ],
)
def test_what_is_alike_becomes_plain(config: Any, field: str, value: Any, plain: Any) -> None:
    found = getattr(config(**{field: value}), field)
    assert found == plain
    assert type(found) is type(plain)


def test_a_whole_number_is_a_strength() -> None:
    assert W2SConfig(student_alpha=2).fit_options("student").alpha == 2.0
