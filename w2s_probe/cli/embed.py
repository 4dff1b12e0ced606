"""``w2s-probe embed``: frozen features into the cache."""

from __future__ import annotations

import click

from w2s_probe.cli.options import config_option, data_options, json_option, runtime_options
from w2s_probe.cli.runtime import Runtime, fetched_line, say_read
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.config import DataConfig
from w2s_probe.core.limits import MOST_SHARD_ROWS
from w2s_probe.core.serialize import to_json


@click.command()
@data_options
@click.option(
    "--backbone",
    "backbones",
    required=True,
    multiple=True,
    metavar="BACKBONE",
    help="KIND:NAME; repeat for several. Exits of one model share its pass.",
)
@click.option(
    "--shard-rows",
    type=click.IntRange(1, MOST_SHARD_ROWS),
    help="Rows per file of the cache [512].",
)
@runtime_options
@config_option
@json_option
def embed(
    *,
    data: DataConfig,
    backbones: tuple[str, ...],
    shard_rows: int | None,
    runtime: Runtime,
    as_json: bool,
) -> None:
    """Compute features of DATA and keep them in the cache.

    \b
    Example:
      w2s-probe embed table.csv --text text --backbone packaged:minilm-l6

    It can be interrupted at any moment: the next call goes on where this one stopped. Ctrl-C loses at most
    the batch in work, kill -9 at most 30 seconds or one batch. Built-in DATA:
    builtin:vader, builtin:vader-DOMAIN (movie, product, news or tweets; several with + between),
    builtin:spam, builtin:digits, builtin:digits-tinted@STRENGTH and builtin:arithmetic@ROWS.
    """
    from w2s_probe.cli.outputs import Embedded
    from w2s_probe.pipeline.embed import embed as embed_table

    notes: list[str] = []
    with runtime.working() as on_progress:
        fetched = embed_table(
            data,
            backbones,
            store=runtime.store(shard_rows=shard_rows),
            options=runtime.options,
            on_progress=on_progress,
            on_note=notes.append,
            on_read=say_read,
        )
    for note in notes:
        say(f"note: {note}", err=True)
    if as_json:
        say_json(to_json(Embedded(backbones=tuple(fetched), notes=tuple(notes))))
        return
    for backbone in fetched:
        say(fetched_line(backbone))
