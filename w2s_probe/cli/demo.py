"""``w2s-probe demo``: the whole job on real data, with two real backbones."""

from __future__ import annotations

from typing import Any

import click

from w2s_probe.cli.options import json_option, runtime_options

DEMO = {
    "data": "builtin:vader-movie",
    "teacher": "packaged:wordllama",
    "student": "packaged:minilm-l6",
    "n_labeled": 400,
    "n_unlabeled": 3000,
}


@click.command()
@runtime_options
@click.option("--out", metavar="DIR", default="out/demo", show_default=True, help="Where the results go.")
@json_option
def demo(**values: Any) -> None:
    """Run weak-to-strong on 10,311 movie sentences that people have rated.

    The teacher is wordllama, a table of token vectors; the student is MiniLM-L6. It takes about a
    minute on two cores the first time and a few seconds afterwards, from the cache.

    \b
    Example:
      w2s-probe demo --out out/demo
    """
    from w2s_probe.cli.run import execute

    execute(**{"strategies": ("vanilla",), "settings": (), "curve": bool(values["out"]), **DEMO, **values})
