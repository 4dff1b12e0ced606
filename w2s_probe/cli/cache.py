"""``w2s-probe cache``: look after the feature cache."""

from __future__ import annotations

import sys

import click

from w2s_probe.cli.cache_exchange import export_, import_
from w2s_probe.cli.cache_gc import gc
from w2s_probe.cli.options import cache_option, json_option
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.serialize import plain, to_json


@click.group()
def cache() -> None:
    """Look after the feature cache.

    \b
    Example:
      w2s-probe cache ls
    """


@cache.command()
@cache_option
@json_option
def ls(*, cache: str | None, as_json: bool) -> None:
    """List the cached features, one line for each backbone.

    \b
    Example:
      w2s-probe cache ls
    """
    from w2s_probe.cache import fingerprints_by_name
    from w2s_probe.cli.outputs import CacheListing, Listed
    from w2s_probe.cli.runtime import open_store
    from w2s_probe.report.render.terminal import columns

    store = open_store(cache)
    contents = store.contents()
    names = {fingerprint: name for name, fingerprint in fingerprints_by_name(store.root).items()}
    if as_json:
        entries = (Listed(contents=entry, name=names.get(entry.fingerprint)) for entry in contents)
        say_json(to_json(CacheListing(features=tuple(entries))))
        return
    if not contents:
        say(f"nothing is cached in {store.root}")
        return
    rows = [
        (
            entry.fingerprint[:12],
            names.get(entry.fingerprint, ""),
            entry.spec.backbone,
            entry.spec.pooling,
            entry.spec.dtype,
            f"{entry.rows:,}",
            str(entry.dim),
            f"{entry.bytes / 1e6:.1f}",
        )
        for entry in contents
    ]
    say(columns(("fingerprint", "name", "backbone", "pooling", "type", "rows", "dim", "MB"), rows, right=(5, 6, 7)))


@cache.command()
@click.argument("fingerprint")
@cache_option
@json_option
def info(*, fingerprint: str, cache: str | None, as_json: bool) -> None:
    """Show the embedding spec of cached features.

    The spec holds everything that decided the numbers. FINGERPRINT is the first column of `cache ls`, or its
    beginning, or the name of an import.

    \b
    Example:
      w2s-probe cache info 547ef6dd
    """
    from w2s_probe.cli.runtime import open_store
    from w2s_probe.pipeline.exchange import resolve

    contents = resolve(open_store(cache), fingerprint)
    if as_json:
        say_json(to_json(contents))
        return
    entry = plain(contents)
    for key, value in {**entry.pop("spec"), **entry}.items():
        if value != "":  # empty: the model's own files decide it, and the revision covers them
            say(f"{key:14} {value}")


@cache.command()
@cache_option
@json_option
def verify(*, cache: str | None, as_json: bool) -> None:
    """Check every byte of the cache.

    The exit code is 1 if a shard is damaged. Damaged shards are never read: embed the data again to replace
    them.

    \b
    Example:
      w2s-probe cache verify
    """
    from w2s_probe.cli.outputs import Verified
    from w2s_probe.cli.runtime import open_store

    intact, problems = open_store(cache).verify()
    if as_json:
        say_json(to_json(Verified(intact=intact, damaged=len(problems))))
    else:
        say(f"{intact} shards intact, {len(problems)} damaged")
    for problem in problems:
        say(problem, err=True)
    sys.exit(1 if problems else 0)


for verb in (import_, export_, gc):
    cache.add_command(verb)
