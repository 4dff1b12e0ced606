"""``w2s-probe diagnose``: why a teacher-student pair works or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from w2s_probe.cli.options import config_option, diagnose_options, json_option, out_option, runtime_options
from w2s_probe.cli.runtime import Runtime, present, say_read
from w2s_probe.core.config import DataConfig, DiagnoseConfig

if TYPE_CHECKING:
    from w2s_probe.core.config import Task


@click.command()
@diagnose_options
@runtime_options
@click.option("--pool", metavar="DATA", help="A second table whose rows are used too; its labels are not read.")
@out_option
@config_option
@json_option
def diagnose(
    *,
    data: DataConfig,
    config: DiagnoseConfig,
    task: Task,
    teacher: str,
    student: str,
    runtime: Runtime,
    pool: str | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Compare the features of teacher and student.

    \b
    Example:
      w2s-probe diagnose builtin:vader-movie --teacher packaged:wordllama \\
          --student packaged:minilm-l6

    Prints intrinsic dimensions, overlap and similarity, each beside the value that unrelated features
    would give. DATA is a table, a folder of tables or images, hf:ORG/NAME or builtin:NAME. Labels are not
    needed; if there are some, they choose the strengths of ridge heads and add two measures.
    """
    from w2s_probe.pipeline.diagnose import diagnose as diagnose_table

    with runtime.working() as on_progress:
        done = diagnose_table(
            data,
            config,
            teacher=teacher,
            student=student,
            store=runtime.store(),
            options=runtime.options,
            task=task,
            pool=pool,
            on_progress=on_progress,
            on_read=say_read,
        )
    result = done.result
    present(
        result,
        fetched=done.fetched,
        notes=result.notes,
        out=out,
        as_json=as_json,
    )
