"""``w2s-probe demo``: the whole job on real data, with two real backbones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from w2s_probe.cli.options import json_option, runtime_options
from w2s_probe.cli.run import measure, show
from w2s_probe.cli.runtime import Runtime, check_out
from w2s_probe.cli.streams import say
from w2s_probe.core.config import DataConfig, W2SConfig

if TYPE_CHECKING:
    from w2s_probe.pipeline.run import Run

DATA = DataConfig(data="builtin:vader-movie")
CONFIG = W2SConfig(n_labeled=400, n_unlabeled=3000)
TEACHER, STUDENT = "packaged:wordllama", "packaged:minilm-l6"


@click.command()
@click.option("--embed", is_flag=True, help="Compute the features instead of using those of the package.")
@runtime_options
@click.option(
    "--out",
    metavar="DIR",
    default="out/demo",
    show_default=True,
    callback=check_out,
    help="Folder of the results.",
)
@json_option
def demo(*, embed: bool, runtime: Runtime, out: str, as_json: bool) -> None:
    """Run the whole job on real data.

    \b
    Example:
      w2s-probe demo --out out/demo

    The data are 10,311 movie sentences that people have rated. The teacher is wordllama, a table of
    token vectors; the student is MiniLM-L6. Their features of these sentences are part of the package, in
    float16, so that a few seconds are enough. With --embed both models compute them (about two minutes on two
    cores; install the extras text and demo), and the largest difference is printed.
    """
    done = measure(
        DATA,
        CONFIG,
        teacher=TEACHER,
        student=STUDENT,
        runtime=runtime if embed else replace(runtime, dtype=runtime.dtype or "float16"),
        curve=bool(out),
    )
    show(done, out=out, as_json=as_json)
    if embed:
        _say_differences(done, runtime, err=as_json)


def _say_differences(done: Run, runtime: Runtime, *, err: bool) -> None:
    from w2s_probe.pipeline.shipped import shipped_difference

    texts = done.table.items if done.table.items is not None else ()
    for name, features in ((TEACHER, done.teacher), (STUDENT, done.student)):
        difference = shipped_difference(features, texts, runtime.store())
        say(
            f"{name}: shipped rows differ from computed ones by at most {difference:.1e} of their norm",
            err=err,
        )
