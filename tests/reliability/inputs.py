"""Malformed inputs, absurd arguments and hostile plug-ins: one line, soon, and in little memory."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tests.reliability.forks import Ended, run_forked
from tests.reliability.tally import Tally
from tests.reliability.world import World

SECONDS, MEGABYTES = 20, 1024
EMBED = ("embed", "t.csv", "--text", "text", "--shard-rows", "3", "--backbone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A command, and the files, by name, that it should refuse."""

    name: str
    arguments: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)


def campaign(world: World, *, share: float, seed: int) -> Tally:
    """Give `share` of the inputs to the verbs that read them."""
    tally, rng = Tally("malformed inputs and plug-ins"), np.random.default_rng(seed)
    package = world.root / "plug-ins"
    package.mkdir()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        inputs = pool.submit(_inputs, package).result()
    sys.path.insert(0, str(package))
    for one in inputs:
        if rng.random() < share:
            tally.add(one.name, _faults(_given(one, world.root / "trial")))
    sys.path.remove(str(package))
    return tally


def _inputs(package: Path) -> list[Input]:
    """Return all inputs, and write the plug-ins; in a process of its own, since polars starts threads for it."""
    from tests import hostile, malformed, malformed_layouts

    hostile.install(package)
    run = (*malformed.RUN, *malformed.SIZES, "--strategy")
    return [
        *(
            Input(name=name, arguments=arguments, files={file: content})
            for name, (file, content, arguments) in malformed.FILES.items()
        ),
        *(
            Input(name=name, arguments=arguments, files=files)
            for name, (files, arguments) in malformed_layouts.LAYOUTS.items()
        ),
        *(Input(name=name, arguments=arguments) for name, arguments in malformed.ARGUMENTS.items()),
        *(
            Input(name=f"backbone {name}", arguments=(*EMBED, f"evil:{name}"))
            for name in (*hostile.BACKBONES, *hostile.FACTORIES)
        ),
        *(Input(name=f"strategy {name}", arguments=(*run, f"vanilla,{name}")) for name in hostile.STRATEGIES),
    ]


def _given(one: Input, folder: Path) -> Ended:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def prepare() -> None:
        from tests import malformed

        os.environ["W2S_PROBE_CACHE"] = str(folder / "cache")
        malformed.prepare(folder)
        malformed.write(folder, one.files)

    return run_forked(one.arguments, folder, prepare=prepare)


def _faults(ended: Ended) -> Iterator[str]:
    """Yield what is wrong with the end of a verb that should have refused its input."""
    if ended.code == 0:
        yield "exit 0"
    yield from filter(None, [ended.fault()])
    if "fault of ours" in ended.err:
        yield ended.err[-300:]
    if ended.seconds > SECONDS:
        yield f"{ended.seconds:.0f} s"
    if ended.megabytes > MEGABYTES:
        yield f"{ended.megabytes:,.0f} MB"
