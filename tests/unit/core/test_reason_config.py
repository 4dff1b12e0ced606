"""Settings of ``reason`` that cannot be, each refused with the flag and an advice."""

from __future__ import annotations

from typing import Any

import pytest

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.reason_config import ReasonConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 9}, "`steps` must be at most 8: got 9."),
        ({"modulus": 1}, "`modulus` must be at least 2: got 1."),
        ({"modulus": 11}, "`modulus` must be at most 10: got 11."),
        ({"teacher_size": (100,)}, "`teacher_size` must be at least 4000"),
        ({"teacher_size": (25_000, 25_000)}, "`teacher_size` must be distinct values"),
        ({"teacher_accuracy": (0.0,)}, "`teacher_accuracy` must be above 0 and at most 1: got 0.0."),
        ({"teacher_accuracy": ()}, "`teacher_accuracy` must be distinct values, at least one"),
        ({"lr": float("nan")}, "`lr` must be above 0 and at most 1: got nan."),
        ({"level": 1.0}, "`level` must be a number between 0 and 1"),
        ({"temperature": 1e-300}, "`temperature` must be between 0.01 and 10: got 1e-300."),
        ({"temperature": 0.0}, "`temperature` must be between 0.01 and 10: got 0.0."),
        ({"temperature": 11.0}, "`temperature` must be between 0.01 and 10: got 11.0."),
        ({"temperature": float("nan")}, "`temperature` must be between 0.01 and 10: got nan."),
        (
            {"teacher_size": (100_000, 25_000, 110_000)},
            "`teacher_size` must be sizes of different decoders, but 100,000 and 110,000 both have 99,584 parameters: "
            "got [100000, 25000, 110000]. Sizes nearby are 56,448, 99,584 and 155,360.",
        ),
        ({"rounds": 7}, "`rounds` must be left out for w2sr, which has no rounds: got 7. Remove it, or use `method`"),
        ({"beta": 5.0}, "`beta` must be left out for w2sr, which has no pairs: got 5.0. Remove it, or use `method`"),
        ({"sft": 3.0}, "`sft` must be left out for w2sr, which has no pairs: got 3.0. Remove it, or use `method`"),
        ({"weak": 2}, "`weak` must be left out for w2sr, which has one teacher: got 2."),
        ({"weak": 4, "method": "mutual"}, "`weak` must be at most 3"),
        ({"method": "mutual", "n_unlabeled": 7}, "`n_unlabeled` must be at least 8 for 3 rounds"),
        (
            {"method": "mutual", "teacher_updates": (50, 100)},
            "`teacher_updates` must be one value with `method` mutual",
        ),
        ({"steps": 1}, "`n_unlabeled` must be small enough for 75 distinct problems"),
        ({"seeds": 0}, "`seeds` must be at least 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        ReasonConfig(**settings)
    assert str(error.value).startswith(message)


def test_settings_are_plain_values() -> None:
    config = ReasonConfig(seed=4, seeds=2, teacher_size=(25_000, 50_000))
    assert config.to_dict()["teacher_size"] == [25_000, 50_000]
    assert list(config.all_seeds) == [4, 5]
