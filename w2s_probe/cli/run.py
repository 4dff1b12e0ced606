"""``w2s-probe run``: measure weak-to-strong where ground truth exists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from w2s_probe.cli.options import (
    config_from,
    config_option,
    data_from,
    data_options,
    experiment_options,
    json_option,
    runtime_options,
)
from w2s_probe.core.errors import ConfigError

if TYPE_CHECKING:
    from w2s_probe.pipeline.run import Run


@click.command()
@data_options
@experiment_options
@runtime_options
@click.option("--curve", is_flag=True, help="Also measure an eighth, a quarter and half of n, and of N.")
@click.option(
    "--suspects", is_flag=True, help="Also rank the pool by calibrated error and show the likely minority, label-free."
)
@click.option("--out", metavar="DIR", help="Write result.json, results.parquet, report.html and report.md there.")
@click.option("--save-predictions", is_flag=True, help="Also write predictions.parquet into --out.")
@click.option("--save-heads", is_flag=True, help="Also write heads.safetensors into --out.")
@click.option("--save-split", metavar="FILE", help="Write the parts of all seeds: seed, id, part.")
@config_option
@json_option
def run(**values: Any) -> None:
    """Measure weak-to-strong on labeled DATA: teacher, student, baseline and ceiling.

    DATA is a CSV, Parquet or NDJSON table, or builtin:NAME. Features that the cache lacks are
    computed first. What is covered by the intervals: the expected score over training draws of
    these sizes and test rows from the population; one seed covers the test rows only. The interval of a
    single accuracy (not of gain and PGR) is too narrow when n is small, and when n + N + n-test
    nearly exhausts DATA.

    \b
    Example:
      w2s-probe run builtin:vader-movie --teacher packaged:wordllama \\
          --student packaged:minilm-l6 -n 400 -N 3000
    """
    execute(**values)


def execute(
    *,
    teacher: str,
    student: str,
    cache_root: str | None,
    device: str,
    threads: int | None,
    batch_size: int,
    dtype: Literal["float32", "float16"] | None,
    quiet: bool,
    out: str | None,
    as_json: bool,
    split_file: str | None = None,
    save_split: str | None = None,
    save_predictions: bool = False,
    save_heads: bool = False,
    curve: bool = False,
    suspects: bool = False,
    **values: Any,
) -> None:
    """Run one experiment and print or save what came of it."""
    from w2s_probe.backbones import BackboneOptions
    from w2s_probe.cli.runtime import fetched_line, limited_threads, open_store, progress_bars, say
    from w2s_probe.pipeline import run as pipeline
    from w2s_probe.report.run.text import run_text

    if (save_predictions or save_heads) and not out:
        flag = "--save-predictions" if save_predictions else "--save-heads"
        msg = f"{flag} needs a folder to write to: got no --out. Add --out DIR."
        raise ConfigError(msg)
    with limited_threads(threads), progress_bars(quiet=quiet) as on_progress:
        done = pipeline.run(
            data_from(values),
            config_from(values),
            teacher=teacher,
            student=student,
            store=open_store(cache_root),
            options=BackboneOptions(device=device, threads=threads, batch_size=batch_size, dtype=dtype),
            split_file=Path(split_file) if split_file else None,
            curve=curve,
            suspects=suspects,
            on_progress=on_progress,
        )
    _save(done, out=out, save_split=save_split, save_predictions=save_predictions, save_heads=save_heads)
    if as_json:
        click.echo(done.result.to_json())
        for note in done.result.notes:
            say(f"note: {note}", err=True)
        return
    for fetched in done.fetched:
        say(fetched_line(fetched))
    say(run_text(done.result))
    if out:
        say(f"wrote {out}/result.json, results.parquet, report.html and report.md")


def _save(done: Run, *, out: str | None, save_split: str | None, save_predictions: bool, save_heads: bool) -> None:
    from w2s_probe.datasets import write_split_file
    from w2s_probe.report import save
    from w2s_probe.report import save_heads as write_heads
    from w2s_probe.report import save_predictions as write_predictions

    if save_split:
        splits = [outcome.split for outcome in done.outcomes]
        write_split_file(Path(save_split), splits, done.table.ids)
    if out:
        save(done.result, Path(out))
    if out and save_predictions:
        write_predictions(done, Path(out))
    if out and save_heads:
        write_heads(done, Path(out))
