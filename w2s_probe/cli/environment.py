"""Settings of the process that would make a library fail far from their cause: checked before a verb starts."""

from __future__ import annotations

import os

from w2s_probe.core.errors import ConfigError

MOST_THREADS = 1024
COUNTS = ("POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT")  # polars panics on 0, and starts as many threads as it is told
LEAST_MEMORY = 1_500_000_000  # bytes of address space; with less, libraries abort or wait for ever while they load


def check_environment() -> None:
    """Raise `ConfigError` if a variable or a limit of the shell would stop a library while it loads."""
    for name in COUNTS:
        value = os.environ.get(name)
        if value and not (value.isdecimal() and 1 <= int(value[:5]) <= MOST_THREADS):
            msg = (
                f"the variable {name} must be a whole number from 1 to {MOST_THREADS}: got {value!r:.60}. Correct it, "
                f"or remove it with: unset {name}"
            )
            raise ConfigError(msg)
    limit = _address_space()
    if limit is not None and limit < LEAST_MEMORY:
        msg = (
            f"the shell must allow at least {LEAST_MEMORY / 1e9:.1f} GB of address space: got {limit / 1e9:.2g} GB. "
            "Raise or remove the limit, with ulimit -v unlimited in bash."
        )
        raise ConfigError(msg)


def _address_space() -> int | None:
    """Return the limit of the address space in bytes; None without a limit, and on systems that have none."""
    try:
        import resource
    except ImportError:
        return None
    if not hasattr(resource, "RLIMIT_AS"):  # OpenBSD
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else int(limit)
