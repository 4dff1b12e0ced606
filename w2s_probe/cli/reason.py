"""``w2s-probe reason``: weak-to-strong reasoning of small decoders on generated arithmetic."""

from __future__ import annotations

import click

from w2s_probe.cli.options import json_option, out_option, quiet_option
from w2s_probe.cli.reason_options import reason_options, torch_options
from w2s_probe.cli.runtime import present
from w2s_probe.core.reason_config import ReasonConfig


@click.command()
@reason_options
@torch_options
@quiet_option
@out_option
@json_option
def reason(
    *, config: ReasonConfig, device: str, threads: int | None, quiet: bool, out: str | None, as_json: bool
) -> None:
    """Teach a small decoder to reason from weak traces.

    \b
    Example:
      w2s-probe reason -n 200 -N 800 --seeds 5 --out out/reason

    Problems are chains of modular arithmetic, generated from the seed. Decoders of characters are pre-trained on
    facts and on copying. The teacher stops early; it learns from -n true traces and writes traces of -N problems,
    from which the student learns. With --method mutual, teachers and student then prefer each other's traces to
    their own in --rounds rounds.
    """
    from w2s_probe.backbones.base import require
    from w2s_probe.cli.progress import progress_display

    for package in ("torch", "transformers"):
        require(package, extra="finetune", backbone="reason")
    from w2s_probe.finetune.reasoning.run import run_reason

    with progress_display(quiet=quiet) as on_progress:
        result = run_reason(config, device=device, threads=threads, on_progress=on_progress)
    present(result, notes=result.notes, out=out, as_json=as_json)
