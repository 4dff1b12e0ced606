"""``w2s-probe cache``: look after the feature cache."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from w2s_probe.cli.cache_exchange import export_, import_
from w2s_probe.cli.cache_gc import gc
from w2s_probe.cli.options import cache_option, json_option
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.errors import listed
from w2s_probe.core.serialize import plain, to_json
from w2s_probe.core.text import shortest_beginnings, visible

if TYPE_CHECKING:
    from w2s_probe.cache import Contents
    from w2s_probe.core.features import EmbeddingSpec


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

    Lines that look alike, as those of one model with another --prefix or --max-length, are told apart below the table.
    Features called (shipped) are those of the demo: they are part of the package, and nothing changes them.

    \b
    Example:
      w2s-probe cache ls
    """
    from w2s_probe.cache import FaultyFileError, fingerprints_by_name, names_in, quarantined
    from w2s_probe.cli.outputs import CacheListing, Listed
    from w2s_probe.cli.runtime import open_existing

    store = open_existing(cache)
    contents = store.contents()
    names = {fingerprint: name for name, fingerprint in fingerprints_by_name(store.root).items()}
    unusable = [entry.path.stem for entry in names_in(store.root) if isinstance(entry, FaultyFileError)]
    if unusable:
        say(f"note: names that cannot be used: {listed(unusable)}. See: w2s-probe cache verify", err=True)
    aside = sum(size for _, size in quarantined(store.root))
    if as_json:
        entries = [Listed(contents=entry, name=names.get(entry.fingerprint)) for entry in contents]
        own, shipped = (tuple(e for e in entries if e.contents.shipped is kind) for kind in (False, True))
        say_json(to_json(CacheListing(features=own, quarantine_bytes=aside, shipped=shipped)))
        return
    if all(entry.shipped for entry in contents):
        say(f"nothing is cached in {store.root}")
    if contents:
        say(_table(contents, names))
    if aside:
        say(f"quarantine: {aside / 1e6:.3g} MB, which w2s-probe cache gc --force deletes")


def _table(contents: Sequence[Contents], names: Mapping[str, str]) -> str:
    from w2s_probe.report.render.terminal import columns, wrapped

    short = shortest_beginnings([entry.fingerprint for entry in contents], taken=names.values())
    rows = [
        (
            short[entry.fingerprint],
            "(shipped)" if entry.shipped else names.get(entry.fingerprint, ""),
            entry.spec.backbone,
            entry.spec.shown_pooling,
            entry.spec.dtype,
            f"{entry.rows:,}",
            str(entry.dim),
            f"{entry.bytes / 1e6:.1f}",
        )
        for entry in contents
    ]
    header = ("fingerprint", "name", "backbone", "pooling", "type", "rows", "dim", "MB")
    table = columns(header, rows, right=(5, 6, 7), whole=True)
    alike: dict[tuple[str, ...], list[Contents]] = {}
    for row, entry in zip(rows, contents, strict=True):
        alike.setdefault(row[2:5], []).append(entry)
    lines = [
        wrapped(f"  {short[entry.fingerprint]}: {settings}")
        for entries in alike.values()
        for entry, settings in zip(entries, _differences([entry.spec for entry in entries]), strict=True)
        if settings
    ]
    return "\n".join([table, *(["", "settings that differ:", *lines] if lines else [])])


def _differences(specs: Sequence[EmbeddingSpec]) -> list[str]:
    """Return the settings of each of some specs that are not those of all of them."""
    columns: list[list[str]] = []
    if len({spec.prompt for spec in specs}) > 1:
        columns.append([f"prompt {spec.prompt!r:.40}" if spec.prompt else "no prompt" for spec in specs])
    for name in ("preprocessing", "normalization"):
        values: list[str] = [getattr(spec, name) for spec in specs]
        if len(set(values)) > 1:
            columns.append([value or f"{name} unknown" for value in values])
    revisions = [spec.revision.removeprefix("sha256:") for spec in specs]
    if len(set(revisions)) > 1:
        shown = [revision[:8] for revision in revisions]
        if len(set(shown)) < len(set(revisions)):
            shown = [f"…{revision[-8:]}" for revision in revisions]
        columns.append([f"files {text}" for text in shown])
    return [", ".join(parts) for parts in zip(*columns, strict=True)] or [""] * len(specs)


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
    spec = {**entry.pop("spec"), "pooling": contents.spec.shown_pooling}
    for key, value in {**spec, **entry}.items():
        if value != "":  # empty: the model's own files decide it, and the revision covers them
            say(f"{key:14} {visible(str(value))}")


@cache.command()
@cache_option
@json_option
def verify(*, cache: str | None, as_json: bool) -> None:
    """Check every byte of the cache.

    The exit code is 1 if a file is damaged, unreadable or of a newer version; such files are never used. Embed
    or import the data again to replace what is damaged.

    \b
    Example:
      w2s-probe cache verify
    """
    from w2s_probe.cache import SHIPPED
    from w2s_probe.cache import verify as verify_cache
    from w2s_probe.cli.outputs import Verified
    from w2s_probe.cli.runtime import open_existing

    outcome, shipped = verify_cache(open_existing(cache).root), verify_cache(SHIPPED)
    counts = outcome.counts()
    if as_json:
        numbers = {fault: counts[fault] for fault in ("damaged", "unreadable", "newer")}
        verified = Verified(
            intact=outcome.intact,
            **numbers,
            unsealed=outcome.unsealed,
            shipped=shipped.intact,
            shipped_damaged=len(shipped.faults),
        )
        say_json(to_json(verified))
    else:
        unreadable = f", {counts['unreadable']} unreadable" if counts["unreadable"] else ""
        newer = f", {counts['newer']} of a newer version" if counts["newer"] else ""
        unsealed = f", {outcome.unsealed} names unsealed" if outcome.unsealed else ""
        say(f"{outcome.intact} shards intact, {counts['damaged']} damaged{unreadable}{newer}{unsealed}")
        say(f"shipped with the package: {shipped.intact} shards intact, {len(shipped.faults)} damaged")
    for error in (*outcome.faults, *shipped.faults):
        say(str(error), err=True)
    if shipped.faults:
        say("what came with the package is repaired by installing w2s-probe again", err=True)
    sys.exit(1 if outcome.faults or shipped.faults else 0)


for verb in (import_, export_, gc):
    cache.add_command(verb)
