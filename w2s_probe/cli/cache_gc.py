"""``w2s-probe cache gc``: make space."""

from __future__ import annotations

import click

from w2s_probe.cli.options import cache_option, json_option
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.errors import CacheError
from w2s_probe.core.serialize import to_json

WORDS = {
    "temporary": ("abandoned temporary file", "abandoned temporary files"),
    "damaged": ("damaged shard", "damaged shards"),
    "incomplete": ("shard that was never finished", "shards that were never finished"),
    "duplicate": ("shard whose rows are all in others", "shards whose rows are all in others"),
    "unused": ("shard not used for so long", "shards not used for so long"),
    "requested": ("shard as requested", "shards as requested"),
    "quarantined": ("damaged shard or name", "damaged shards or names"),
    "emptied": ("folder of quarantine/", "folders of quarantine/"),
}


@click.command()
@click.option(
    "--older-than",
    metavar="DAYS",
    type=click.FloatRange(min=0),
    help="Also remove features that were not used for DAYS.",
)
@click.option(
    "--keep", multiple=True, metavar="FINGERPRINT", help="Keep these features in spite of --older-than; repeat."
)
@click.option(
    "--remove", multiple=True, metavar="FINGERPRINT", help="Remove all features of a fingerprint or NAME; repeat."
)
@click.option("--force", is_flag=True, help="Also delete what earlier calls moved to quarantine/.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@cache_option
@json_option
def gc(
    *,
    older_than: float | None,
    keep: tuple[str, ...],
    remove: tuple[str, ...],
    force: bool,
    dry_run: bool,
    cache: str | None,
    as_json: bool,
) -> None:
    """Remove temporary files, damaged shards and duplicates.

    Other processes may use the cache at the same time. Imports are removed only with --remove, since no
    backbone can compute them again; if they are damaged, they are moved to quarantine/ in the cache. What
    cannot be read, or is of a newer version, stays.

    \b
    Example:
      w2s-probe cache gc --older-than 90 --dry-run
    """
    from w2s_probe.cache import REASONS, FaultyFileError, clean
    from w2s_probe.cli.outputs import Cleaned
    from w2s_probe.cli.runtime import open_existing
    from w2s_probe.pipeline.exchange import resolve

    store = open_existing(cache)
    entries = [resolve(store, name) for name in remove]
    for name, entry in zip(remove, entries, strict=True):
        if entry.shipped:
            msg = f"--remove must name features of the cache: {name} came with the package and stays. Leave it out."
            raise CacheError(msg)
    removed = [entry.spec.fingerprint() for entry in entries]
    spared = [resolve(store, name).spec.fingerprint() for name in keep]
    left: list[FaultyFileError] = []
    files = clean(
        store.root,
        remove=removed,
        keep=spared,
        older_than=older_than,
        force=force,
        dry_run=dry_run,
        on_left=left.append,
    )
    if left:
        files_left = "1 file stays, unreadable" if len(left) == 1 else f"{len(left):,} files stay, unreadable"
        say(f"note: {files_left} or of a newer version. {left[0]}", err=True)
    total = sum(file.bytes for file in files if file.reason != "quarantined")
    counts: dict[str, int] = {reason: sum(file.reason == reason for file in files) for reason in REASONS}
    if as_json:
        say_json(to_json(Cleaned(dry_run=dry_run, removed=counts, left=len(left), freed_bytes=total)))
        return
    for reason in REASONS:
        if counts[reason]:
            say(_line(reason, counts[reason], dry_run=dry_run))
    say(f"{'would free' if dry_run else 'freed'} {total / 1e6:.1f} MB")


def _line(reason: str, count: int, *, dry_run: bool) -> str:
    """Return what was done, or would be done, with some files."""
    words = WORDS[reason][count != 1]
    if reason != "quarantined":
        return f"{count:,} {words}"
    moved = "would be moved" if dry_run else "moved"
    them = "it" if count == 1 else "them"
    return f"{count:,} {words} {moved} to quarantine/, since no backbone may be able to compute {them}"
