"""``w2s-probe forecast``: will weak-to-strong help, before anything is labeled or trained?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from w2s_probe.cli.options import (
    config_from,
    config_option,
    data_from,
    data_options,
    experiment_options,
    json_option,
    names_of,
    runtime_options,
)


@click.command()
@data_options
@experiment_options
@runtime_options
@click.option("--pool", metavar="DATA", help="A second table whose rows are the pool; its labels are not read.")
@click.option(
    "--suspects", is_flag=True, help="Also rank the pool by calibrated error and show the likely minority, label-free."
)
@click.option("--out", metavar="DIR", help="Write result.json, results.parquet, report.html and report.md there.")
@config_option
@json_option
def forecast(
    *,
    teacher: str,
    student: str,
    cache_root: str | None,
    device: str,
    threads: int | None,
    batch_size: int,
    dtype: Any,
    quiet: bool,
    pool: str | None,
    suspects: bool,
    out: str | None,
    as_json: bool,
    split_file: str | None,
    **values: Any,
) -> None:
    """Predict what weak-to-strong would do on DATA, from its labels alone.

    Rows without a label are the pool. In DATA that is labeled throughout, parts are drawn as `run`
    draws them, and the labels of pool and test rows are not read. Several teachers or students,
    separated by commas, are ranked by the expected gain.

    \b
    Example:
      w2s-probe forecast builtin:vader-movie --teacher packaged:wordllama \\
          --student packaged:minilm-l6 -n 400 -N 3000
    """
    from w2s_probe.backbones import BackboneOptions
    from w2s_probe.cli.runtime import fetched_line, limited_threads, open_store, progress_bars, say
    from w2s_probe.pipeline import forecast as forecasting
    from w2s_probe.report import save
    from w2s_probe.report.forecast.text import forecast_text

    with limited_threads(threads), progress_bars(quiet=quiet) as on_progress:
        done = forecasting.forecast(
            data_from(values),
            config_from(values),
            teachers=names_of(teacher, "--teacher"),
            students=names_of(student, "--student"),
            pool=pool,
            suspects=suspects,
            store=open_store(cache_root),
            options=BackboneOptions(device=device, threads=threads, batch_size=batch_size, dtype=dtype),
            split_file=Path(split_file) if split_file else None,
            on_progress=on_progress,
        )
    if out:
        save(done.result, Path(out))
    if as_json:
        click.echo(done.result.to_json())
        for note in done.result.best.notes:
            say(f"note: {note}", err=True)
        return
    for fetched in done.fetched:
        say(fetched_line(fetched))
    say(forecast_text(done.result))
    if out:
        say(f"wrote {out}/result.json, results.parquet, report.html and report.md")
