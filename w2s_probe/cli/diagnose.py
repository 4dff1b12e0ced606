"""``w2s-probe diagnose``: why a teacher-student pair works or does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from w2s_probe.cli.options import (
    config_option,
    data_from,
    data_options,
    diagnose_config_from,
    diagnose_options,
    json_option,
    runtime_options,
)


@click.command()
@data_options
@diagnose_options
@runtime_options
@click.option("--pool", metavar="DATA", help="A second table of rows without labels; its labels are not read.")
@click.option("--out", metavar="DIR", help="Write result.json, results.parquet, report.html and report.md there.")
@config_option
@json_option
def diagnose(
    *,
    teacher: str,
    student: str,
    cache_root: str | None,
    device: str,
    threads: int | None,
    batch_size: int,
    quiet: bool,
    pool: str | None,
    out: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Compare the feature spaces of teacher and student: dimensions, overlap, similarity.

    DATA is a CSV, Parquet or NDJSON table, or builtin:NAME. Labels are not needed; where there
    are some, they choose the strengths of ridge heads and add two measures. Every number comes
    with what unrelated features would show.

    \b
    Example:
      w2s-probe diagnose builtin:vader-movie --teacher packaged:wordllama \\
          --student packaged:minilm-l6
    """
    import faiss  # noqa: F401  # the limit on threads reaches only the libraries that are loaded

    from w2s_probe.backbones import BackboneOptions
    from w2s_probe.cli.runtime import fetched_line, limited_threads, open_store, progress_bars, say
    from w2s_probe.pipeline import diagnose as diagnosing
    from w2s_probe.report import save
    from w2s_probe.report.diagnosis.text import diagnosis_text

    with limited_threads(threads), progress_bars(quiet=quiet) as on_progress:
        done = diagnosing.diagnose(
            data_from(values),
            diagnose_config_from(values),
            teacher=teacher,
            student=student,
            store=open_store(cache_root),
            options=BackboneOptions(device=device, threads=threads, batch_size=batch_size),
            task=values["task"],
            pool=pool,
            on_progress=on_progress,
        )
    if out:
        save(done.result, Path(out))
    if as_json:
        click.echo(done.result.to_json())
        for note in done.result.notes:
            say(f"note: {note}", err=True)
        return
    for fetched in done.fetched:
        say(fetched_line(fetched))
    say(diagnosis_text(done.result))
    if out:
        say(f"wrote {out}/result.json, results.parquet, report.html and report.md")
