"""``w2s-probe forecast``: will weak-to-strong help, before anything is labeled or trained?"""

from __future__ import annotations

from pathlib import Path

import click

from w2s_probe.cli.options import (
    config_option,
    experiment_options,
    json_option,
    out_option,
    pairs_options,
    runtime_options,
    suspects_option,
)
from w2s_probe.cli.runtime import Runtime, present, say_read
from w2s_probe.core.config import DataConfig, W2SConfig


@click.command()
@pairs_options
@experiment_options
@runtime_options
@click.option("--pool", metavar="DATA", help="A second table whose rows belong to the pool; its labels are not read.")
@suspects_option
@out_option
@config_option
@json_option
def forecast(
    *,
    data: DataConfig,
    config: W2SConfig,
    teacher: str,
    student: str,
    runtime: Runtime,
    split_file: str | None,
    pool: str | None,
    suspects: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Predict weak-to-strong from the labels you have.

    \b
    Example:
      w2s-probe forecast builtin:vader-movie --teacher packaged:wordllama \\
          --student packaged:minilm-l6 -n 400 -N 3000

    Rows without a label are the pool. If every row of DATA has a label, parts are drawn as `run` draws
    them, and labels of the pool and of test rows are not read. Several teachers or students, separated
    by commas, are ranked by the expected score of the better of student and baseline. Teachers joined
    by + are a committee: the student learns the mean of their scores.
    """
    from w2s_probe.pipeline.forecast import forecast as forecast_table

    with runtime.working() as on_progress:
        done = forecast_table(
            data,
            config,
            teachers=_names(teacher, "--teacher"),
            students=_names(student, "--student"),
            pool=pool,
            suspects=suspects,
            store=runtime.store(),
            options=runtime.options,
            split_file=Path(split_file) if split_file else None,
            on_progress=on_progress,
            on_read=say_read,
        )
    result = done.result
    present(
        result,
        fetched=done.fetched,
        notes=result.best.notes,
        out=out,
        as_json=as_json,
    )


def _names(text: str, flag: str) -> list[str]:
    from w2s_probe.backbones.names import alternatives

    return list(dict.fromkeys(alternatives(text, flag)))
