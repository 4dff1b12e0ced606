"""``w2s-probe sweep``: weak-to-strong on a grid."""

from __future__ import annotations

from pathlib import Path

import click

from w2s_probe.cli.options import config_option, json_option, runtime_options, sweep_options
from w2s_probe.cli.runtime import Runtime, check_out, present, say_read
from w2s_probe.cli.streams import say
from w2s_probe.core.config import DataConfig
from w2s_probe.core.sweep_config import SweepConfig

MOST_JOBS = 1024


@click.command()
@sweep_options
@runtime_options
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    default=1,
    show_default=True,
    help="Processes; each takes one pair and one seed at a time.",
)
@click.option(
    "--out",
    metavar="DIR",
    callback=check_out,
    help="Write result.json, results.parquet, report.html and report.md into DIR, and finished cells into DIR/cells.",
)
@config_option
@json_option
def sweep(
    *,
    data: DataConfig,
    config: SweepConfig,
    teachers: list[str],
    students: list[str],
    runtime: Runtime,
    split_file: str | None,
    jobs: int,
    out: str | None,
    as_json: bool,
) -> None:
    """Measure weak-to-strong in every cell of a grid.

    \b
    Example:
      w2s-probe sweep builtin:digits --teacher classic:pixels-3x3 \\
          --student classic:pixels-8x8 -n 50,100,200 -N 400,800 --out out/sweep

    Each axis takes several values with commas between, or an array in --config: sizes, strengths,
    backbones, strategies, heads, seeds. A cell holds what `run` measures at the same sizes and seed;
    rows of a smaller size are part of the larger size. With --out, finished cells are kept in DIR/cells:
    a stopped sweep goes on there, and a larger grid fits only its new cells.
    """
    from w2s_probe.core.writing import check_folder
    from w2s_probe.pipeline.sweep import sweep as sweep_table

    unused: list[str] = []  # not in the result: a sweep that fits cells again has the same files
    cells = Path(out) / "cells" if out else None
    if cells:
        check_folder(cells, (), flag="--out")
    with runtime.working() as on_progress:
        done = sweep_table(
            data,
            config,
            teachers=teachers,
            students=students,
            store=runtime.store(),
            options=runtime.options,
            split_file=Path(split_file) if split_file else None,
            folder=cells,
            jobs=jobs,
            on_progress=on_progress,
            on_read=say_read,
            on_note=unused.append,
        )
    for note in unused:
        say(f"note: {note}", err=True)
    result = done.result
    present(
        result,
        fetched=done.fetched,
        notes=result.notes,
        out=out,
        as_json=as_json,
    )
