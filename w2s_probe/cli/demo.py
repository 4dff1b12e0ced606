"""``w2s-probe demo``: the whole job on real data, with two real backbones."""

from __future__ import annotations

import click

from w2s_probe.cli.options import json_option, runtime_options
from w2s_probe.cli.run import measure, show
from w2s_probe.cli.runtime import Runtime, check_out
from w2s_probe.core.config import DataConfig, W2SConfig


@click.command()
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
def demo(*, runtime: Runtime, out: str, as_json: bool) -> None:
    """Run the whole job on real data.

    \b
    Example:
      w2s-probe demo --out out/demo

    The data are 10,311 movie sentences that people have rated. The teacher is wordllama, a table of
    token vectors; the student is MiniLM-L6. The first run takes about a minute on two cores, later runs
    take a few seconds, from the cache.
    """
    done = measure(
        DataConfig(data="builtin:vader-movie"),
        W2SConfig(n_labeled=400, n_unlabeled=3000),
        teacher="packaged:wordllama",
        student="packaged:minilm-l6",
        runtime=runtime,
        curve=bool(out),
    )
    show(done, out=out, as_json=as_json)
