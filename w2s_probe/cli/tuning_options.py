"""Options of the training of ``finetune``; every default is read from `FinetuneConfig`."""

from __future__ import annotations

from functools import partial

import click

from w2s_probe.cli.decorators import into, setting
from w2s_probe.cli.lists import EPOCHS
from w2s_probe.cli.values import filled
from w2s_probe.core.finetune_config import RATE, FinetuneConfig

_tuning = partial(setting, FinetuneConfig)
tuning_options = into(
    lambda values: {"tuning": filled(FinetuneConfig, values)},
    click.option(
        "--epochs",
        type=EPOCHS,
        metavar="NUMBER",
        default="auto",
        show_default=True,
        help="Passes over the training rows; auto is the best of 1 to 3 on a tenth of them, held out.",
    ),
    _tuning("lr", "--lr", type=float, help=f"Largest learning rate (default: {RATE:g})."),
    _tuning("layers", "--layers", type=int, help="Train this number of blocks from the top (default: all)."),
    click.option("--lora", is_flag=True, help="Train adapters of low rank instead of the weights (needs peft)."),
    click.option("--finetune-teacher", is_flag=True, help="Also train the teacher, and a student of its pseudolabels."),
    _tuning("checkpoint_steps", "--checkpoint-steps", type=int, help="Training steps between two checkpoints."),
)
