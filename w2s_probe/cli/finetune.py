"""``w2s-probe finetune``: the protocol of ``run`` with the weights of the student trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from w2s_probe.cli.options import (
    config_option,
    finetune_options,
    json_option,
    out_option,
    pair_options,
    runtime_options,
)
from w2s_probe.cli.runtime import Runtime, present, say_read
from w2s_probe.cli.tuning_options import tuning_options
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.finetune_config import FinetuneConfig


@click.command()
@pair_options
@finetune_options
@tuning_options
@runtime_options
@out_option
@click.option("--save-weights", is_flag=True, help="Also write finetuned-NAME.safetensors of each system into --out.")
@config_option
@json_option
def finetune(
    *,
    data: DataConfig,
    config: W2SConfig,
    tuning: FinetuneConfig,
    teacher: Sequence[str],
    student: str,
    runtime: Runtime,
    split_file: str | None,
    out: str | None,
    save_weights: bool,
    as_json: bool,
) -> None:
    """Train the student's weights, beside frozen features.

    \b
    Example:
      w2s-probe finetune builtin:vader-movie --teacher packaged:wordllama \\
          --student packaged:minilm-l6 -n 400 -N 1000 --n-test 1000 --seeds 3 --epochs 2

    Does what run does with softmax heads. Then it trains student, baseline and ceiling from there on, on
    the same rows and pseudolabels. With --out, checkpoints and finished systems are kept in DIR/fits: a
    stopped call goes on there. --batch-size is also the number of rows of a training step.
    """
    from w2s_probe.backbones.base import require

    for package in ("torch", "transformers"):
        require(package, extra="finetune", backbone="finetune")
    if save_weights and not out:
        msg = "--save-weights needs a folder to write to: got no --out. Add --out DIR."
        raise ConfigError(msg)
    from w2s_probe.core.writing import check_folder
    from w2s_probe.finetune.run import run_finetune
    from w2s_probe.report.files.weights import weight_files

    fits = Path(out) / "fits" if out else None
    if fits:
        check_folder(fits, (), flag="--out")
    with runtime.working() as on_progress:
        done = run_finetune(
            data,
            config,
            tuning.with_batch_size(runtime.batch_size),
            teacher=teacher,
            student=student,
            store=runtime.store(),
            options=runtime.options,
            split_file=Path(split_file) if split_file else None,
            folder=fits,
            save_weights=save_weights,
            on_progress=on_progress,
            on_read=say_read,
        )
    result = done.result
    files = weight_files(done)
    present(result, fetched=done.frozen.fetched, notes=result.notes, more_files=files, out=out, as_json=as_json)
