"""Largest counts that a setting may have: a typing mistake is refused before it costs hours or memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from w2s_probe.core.errors import ConfigError, require_setting

MOST_SEEDS = 100_000
LARGEST_SEED = 10**15  # below 2**53: JSON readers keep it exactly
MOST_ROWS = 10**9
MOST_CELLS = 1_000_000  # of a grid
MOST_TRIALS = 1_000_000  # of a simulation
MOST_STRENGTHS = 10_000
LARGEST_SIZE = 10**12  # in a formula
LARGEST_FILE = 10**15  # bytes
MOST_BATCH = 2**20  # items
MOST_SHARD_ROWS = 1_000_000
MOST_TOKENS = 2**24  # of a text
COUNTS = {  # the least and the most of each setting of a run
    **dict.fromkeys(("n_labeled", "n_unlabeled", "n_test"), (2, MOST_ROWS)),
    "seeds": (1, MOST_SEEDS),
    "seed": (0, LARGEST_SEED),
    "alphas": (1, MOST_STRENGTHS),
}
ADVICE = {
    "seeds": "Use fewer: intervals hardly change beyond a few hundred seeds.",
    "seed": "Use a smaller number: each one gives other draws.",
}


def require_count(value: int | None, field: str, *, least: int, most: int) -> None:
    """Raise `ConfigError` unless a setting is None or between two limits.

    Parameters
    ----------
    value : int or None
        Value of the setting.
    field : str
        The setting, as its config calls it.
    least, most : int
        The limits.
    """
    if value is None:
        return
    require_setting(value >= least, field, f"at least {least}", value, "Give a larger number.")
    advice = ADVICE.get(field, "Give a smaller number.")
    require_setting(value <= most, field, f"at most {most:,}", value, advice)


def check_axes(axes: Mapping[str, Sequence[object]]) -> None:
    """Raise `ConfigError` unless the values of each axis of a grid are distinct, and their combinations not too many.

    Parameters
    ----------
    axes : mapping of str to sequence
        The values of each axis, by the name of its setting.
    """
    for name, values in axes.items():
        distinct = bool(values) and len(set(values)) == len(values)
        require_setting(distinct, name, "distinct values, at least one", list(values), "Name each value once.")
    cells = math.prod(map(len, axes.values()))
    if cells > MOST_CELLS:
        msg = (
            f"a grid must have at most {MOST_CELLS:,} cells for each pair: got {cells:,}, the product of all axes. "
            "Give fewer values to an axis, or fewer `seeds`."
        )
        raise ConfigError(msg)
