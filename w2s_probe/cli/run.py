"""``w2s-probe run``: measure weak-to-strong where ground truth exists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from w2s_probe.cli.options import (
    config_option,
    experiment_options,
    json_option,
    out_option,
    pair_options,
    runtime_options,
    suspects_option,
)
from w2s_probe.cli.runtime import Runtime, present, say_read
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.result_files import HEADS, PREDICTIONS

if TYPE_CHECKING:
    from w2s_probe.pipeline.run import Run


@click.command()
@pair_options
@experiment_options
@runtime_options
@click.option("--curve", is_flag=True, help="Also measure an eighth, a quarter and half of n, and of N.")
@suspects_option
@out_option
@click.option("--save-predictions", is_flag=True, help="Also write predictions.parquet into --out.")
@click.option("--save-heads", is_flag=True, help="Also write heads.safetensors into --out.")
@click.option("--save-split", metavar="FILE", help="Write the parts of all seeds: seed, id, part.")
@config_option
@json_option
def run(
    *,
    data: DataConfig,
    config: W2SConfig,
    teacher: Sequence[str],
    student: str,
    runtime: Runtime,
    split_file: str | None,
    curve: bool,
    suspects: bool,
    out: str | None,
    save_predictions: bool,
    save_heads: bool,
    save_split: str | None,
    as_json: bool,
) -> None:
    """Measure weak-to-strong on labeled DATA.

    \b
    Example:
      w2s-probe run builtin:vader-movie --teacher packaged:wordllama \\
          --student packaged:minilm-l6 -n 400 -N 3000

    Fits teacher, student, baseline and ceiling on every seed's parts, and prints their scores with
    confidence intervals, the gain and PGR. DATA is a table, a folder of tables or images, hf:ORG/NAME or
    builtin:NAME. Features that the cache lacks are computed first. With several teachers, joined by +,
    gain and PGR speak of the first one; strategies say what they do with the others.
    """
    if (save_predictions or save_heads) and not out:
        flag = "--save-predictions" if save_predictions else "--save-heads"
        msg = f"{flag} needs a folder to write to: got no --out. Add --out DIR."
        raise ConfigError(msg)
    more_files = [name for name, chosen in ((PREDICTIONS, save_predictions), (HEADS, save_heads)) if chosen]
    _check_places(out, more_files, save_split)
    done = measure(
        data,
        config,
        teacher=teacher,
        student=student,
        runtime=runtime,
        split_file=split_file,
        curve=curve,
        suspects=suspects,
    )
    show(done, out=out, as_json=as_json, save_split=save_split, predictions=save_predictions, heads=save_heads)


def _check_places(out: str | None, more_files: Sequence[str], save_split: str | None) -> None:
    """Raise an error before anything is computed for files that cannot be written; `check_out` checks the others."""
    from w2s_probe.core.writing import check_folder
    from w2s_probe.datasets.splitfile import check_split_path

    if out and more_files:
        check_folder(Path(out), more_files, flag="--out")
    if save_split:
        check_split_path(Path(save_split))


def measure(
    data: DataConfig,
    config: W2SConfig,
    *,
    teacher: str | Sequence[str],
    student: str,
    runtime: Runtime,
    split_file: str | None = None,
    curve: bool = False,
    suspects: bool = False,
) -> Run:
    """Return one finished run."""
    from w2s_probe.pipeline.run import run as run_table

    with runtime.working() as on_progress:
        return run_table(
            data,
            config,
            teacher=teacher,
            student=student,
            store=runtime.store(),
            options=runtime.options,
            split_file=Path(split_file) if split_file else None,
            curve=curve,
            suspects=suspects,
            on_progress=on_progress,
            on_read=say_read,
        )


def show(
    done: Run,
    *,
    out: str | None,
    as_json: bool,
    save_split: str | None = None,
    predictions: bool = False,
    heads: bool = False,
) -> None:
    """Write the files of a run, and print it."""
    from w2s_probe.datasets import write_split_file
    from w2s_probe.report import heads_file, predictions_file

    if save_split:
        write_split_file(Path(save_split), [outcome.split for outcome in done.outcomes], done.table.ids)

    more_files = {
        **({PREDICTIONS: predictions_file(done)} if predictions else {}),
        **({HEADS: heads_file(done)} if heads else {}),
    }
    result = done.result
    present(result, fetched=done.fetched, notes=result.notes, more_files=more_files, out=out, as_json=as_json)
