"""``w2s-probe cache import`` and ``cache export``: features in and out of the cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from w2s_probe.cli.options import cache_option, dtype_option, json_option, matched_options
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.serialize import to_json

if TYPE_CHECKING:
    from w2s_probe.core.config import DataConfig


@click.command(name="import")
@click.argument("file")
@click.option("--name", required=True, help="NAME of the backbone cached:NAME: letters, digits, . _ -")
@matched_options
@dtype_option
@click.option("--replace", is_flag=True, help="Give NAME to these features even if others have it.")
@cache_option
@json_option
def import_(
    *,
    file: str,
    name: str,
    data: DataConfig | None,
    dtype: str | None,
    replace: bool,
    cache: str | None,
    as_json: bool,
) -> None:
    """Import features as the backbone cached:NAME.

    FILE is .npy, .npz, .safetensors or .parquet, as features:FILE takes it, or a folder or a quoted pattern of
    numbered shards; FILE#COLUMN or FILE#a,b,c names the columns of a Parquet file, FILE#NAME an array of the
    other files. With --data its rows belong to the items of DATA, in DATA's order or by
    ids, and serve every table of these items. Without --data, rows are matched by the ids in FILE, or by
    their order if FILE has no ids.

    \b
    Example:
      w2s-probe cache import clip.npz --name clip --data table.csv --text text --id id
    """
    from w2s_probe.cli.runtime import open_store, say_read
    from w2s_probe.pipeline import exchange

    done = exchange.import_features(
        Path(file),
        name=name,
        store=open_store(cache),
        data=data,
        dtype=dtype,
        replace=replace,
        on_read=say_read,
    )
    for note in done.notes:
        say(f"note: {note}", err=True)
    if as_json:
        say_json(to_json(done))
        return
    say(f"cached:{name}: {done.rows:,} rows, {done.dim} dimensions, matched by {done.matched_by}")
    if done.replaced:
        say(f"the features it named before stay: w2s-probe cache gc --remove {done.replaced[:12]}")


@click.command(name="export")
@click.argument("name")
@click.argument("file")
@matched_options
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@cache_option
@json_option
def export_(
    *,
    name: str,
    file: str,
    data: DataConfig | None,
    force: bool,
    cache: str | None,
    as_json: bool,
) -> None:
    """Export cached features to FILE, for features:FILE.

    NAME is the name of an import, or the beginning of a fingerprint of `cache ls`. With --data, FILE holds
    the rows of DATA in its order, with its ids. Without --data, it holds all rows in the order of the items'
    SHA-256, which are then the ids; imports by id keep their ids, imports by row their order.

    \b
    Example:
      w2s-probe cache export 547ef6dd minilm.parquet --data table.csv --text text --id id
    """
    from w2s_probe.cli.runtime import open_store, say_read
    from w2s_probe.pipeline import exchange

    done = exchange.export_features(name, Path(file), store=open_store(cache), data=data, force=force, on_read=say_read)
    for note in done.notes:
        say(f"note: {note}", err=True)
    if as_json:
        say_json(to_json(done))
        return
    origin = ", shipped with the package," if done.shipped else ""
    say(f"wrote {done.rows:,} rows, {done.dim} dimensions{origin} to {file}")
