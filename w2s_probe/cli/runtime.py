"""Cache, threads and progress of a verb, and the output of its result."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from w2s_probe.cli.progress import progress_display
from w2s_probe.cli.streams import say, say_json
from w2s_probe.core.errors import CacheError
from w2s_probe.core.result_files import ALWAYS
from w2s_probe.core.serialize import Printed

if TYPE_CHECKING:
    from w2s_probe.backbones import BackboneOptions
    from w2s_probe.cache import FeatureStore
    from w2s_probe.core.types import Progress
    from w2s_probe.core.writing import Content
    from w2s_probe.pipeline.embed import Fetched
    from w2s_probe.pipeline.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where features are kept, how backbones and linear algebra run, and how models read texts."""

    cache: str | None = None
    device: str = "auto"
    threads: int | None = None
    batch_size: int = 32
    dtype: Literal["float32", "float16"] | None = None
    quiet: bool = False
    max_length: int | None = None
    prefix: str = ""
    chat_template: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"

    def store(self, *, shard_rows: int | None = None) -> FeatureStore:
        """Return the feature cache."""
        return open_store(self.cache, shard_rows=shard_rows)

    @property
    def options(self) -> BackboneOptions:
        """What backbones are told."""
        from w2s_probe.backbones import BackboneOptions

        return BackboneOptions(
            device=self.device,
            threads=self.threads,
            batch_size=self.batch_size,
            dtype=self.dtype,
            models=Path(self.cache) / "models" if self.cache else None,
            on_note=_say_note,
            max_length=self.max_length,
            prefix=self.prefix,
            chat_template=self.chat_template,
            precision=self.precision,
        )

    @contextmanager
    def working(self) -> Iterator[Progress | None]:
        """Share the threads among tasks, one thread for BLAS, and yield a callback that shows progress."""
        from w2s_probe.linalg.threads import shared_threads

        with shared_threads(self.threads), progress_display(quiet=self.quiet) as on_progress:
            yield on_progress


def open_store(cache: str | None, *, shard_rows: int | None = None) -> FeatureStore:
    """Return the feature cache in a folder, or in the default folder; if a verb succeeds, its notes are printed."""
    from w2s_probe.cache import SHARD_ROWS, SHIPPED, FeatureStore, default_cache

    root = Path(cache) if cache else default_cache()
    store = FeatureStore(root, shard_rows=shard_rows or SHARD_ROWS, below=SHIPPED)
    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(partial(_say_notes, store))
    return store


def open_existing(cache: str | None) -> FeatureStore:
    """Return the feature cache in a folder, which must exist if the user has named it with ``--cache``."""
    if cache and not Path(cache).exists():
        msg = f"the feature cache must be a folder: there is no {cache}. Name another folder with --cache."
        raise CacheError(msg)
    return open_store(cache)


def _say_note(note: str) -> None:
    """Print a note on stderr if the verb succeeds, at its end: progress may be on the terminal until then."""
    from w2s_probe.pipeline.flags import with_flags

    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(partial(_say_now, *with_flags([note])))


def _say_notes(store: FeatureStore) -> None:
    for note in store.notes:
        _say_now(note)


def _say_now(note: str) -> None:
    if sys.exc_info()[0] is None:  # an error is one line
        say(f"note: {note}", err=True)


def check_out(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the folder of ``--out``, or raise `ConfigError` before anything is computed for it in vain."""
    if value and not context.resilient_parsing:  # else the shell completes a line
        from w2s_probe.core.writing import check_folder

        check_folder(Path(value), ALWAYS, flag="--out")
    return value


def say_read(reading: Reading) -> None:
    """Print the line on what was read, also with ``--quiet``; choices without a flag are marked as guesses."""
    from w2s_probe.report.read import read_line

    context = click.get_current_context()
    source = click.core.ParameterSource.DEFAULT
    given = {name for name in context.params if context.get_parameter_source(name) is not source}
    say(read_line(reading, given=given), err=True)


def present(
    result: Printed,
    *,
    fetched: Sequence[Fetched] = (),
    notes: Sequence[str] = (),
    more_files: Mapping[str, Content] | None = None,
    out: str | None,
    as_json: bool,
) -> None:
    """Write the files of a result into `out`, and print one JSON object, or the text for a person."""
    if out:
        from w2s_probe.report import save

        save(result, Path(out), more_files=more_files)
    if as_json:
        say_json(result.to_json())
        for note in notes:
            say(f"note: {note}", err=True)
        return
    for features in fetched:
        say(fetched_line(features))
    say(str(result))
    if out:
        say(f"wrote {out}/result.json, results.parquet, report.html and report.md")


def fetched_line(fetched: Fetched) -> str:
    """Return one line: rows encoded, rows from the cache, dimensions."""
    rate = f" at {fetched.encoded / fetched.seconds:,.0f} items/s" if fetched.encoded and fetched.seconds else ""
    return (
        f"{fetched.backbone}: encoded {fetched.encoded:,} rows{rate}, {fetched.cached:,} from the cache, "
        f"{fetched.dim} dimensions"
    )
