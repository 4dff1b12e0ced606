"""The k-th failing system call of every verb, for every k until none fails."""

from __future__ import annotations

import errno
from functools import partial
from itertools import count, product

from tests.reliability.checks import faults_after_next, faults_at_once
from tests.reliability.forks import Ended, run_forked
from tests.reliability.preload import arm, matching_calls
from tests.reliability.tally import Tally
from tests.reliability.world import VERBS, World

ERRORS = {
    "write": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO, errno.ENOSPC),
    "rename": (errno.EACCES, errno.EIO),
    "open": (errno.EMFILE, errno.EACCES),
    "read": (errno.EIO,),
    "mkdir": (errno.EROFS,),
    "unlink": (errno.EACCES,),
    "list": (errno.EIO,),
}


def campaign(world: World, *, share: float, seed: int) -> Tally:
    """Try a share of all verbs, calls and errors, each with every k."""
    tally = Tally("k-th failing call")
    kinds = [(verb, call, error) for verb, call in product(VERBS, ERRORS) for error in ERRORS[call]]
    step = max(1, round(1 / share))
    for verb, call, error in kinds[seed % step :: step]:
        for k in count(1):
            ended = _with_failure(world, verb, call, error=error, k=k)
            if ended is None:
                break
            trial = world.root / "trial"
            faults = [ended.fault(), *faults_at_once(world, verb, trial), *faults_after_next(world, verb, trial)]
            tally.add(f"{verb}, {call} {k}: {errno.errorcode[error]}", filter(None, faults))
    return tally


def _with_failure(world: World, verb: str, call: str, *, error: int, k: int) -> Ended | None:
    """Return how a verb ended in which the k-th call failed; None if there were fewer calls."""
    calls = world.root / "calls"

    def finish() -> None:
        number = matching_calls()
        arm("", k=0, error=0, part="")
        calls.write_text(str(number), encoding="utf-8")

    world.reference(verb)
    calls.write_text(str(k), encoding="utf-8")  # of a verb that hangs
    ended = run_forked(
        VERBS[verb],
        world.trial(),
        prepare=partial(arm, call, k=k, error=error, part="/trial"),
        finish=finish,
    )
    return ended if int(calls.read_text(encoding="utf-8")) >= k else None
