"""A fine-tune as text of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_probe.report.finetune.grids import difference_grid, epoch_grid, side_grid
from w2s_probe.report.render.terminal import columns, wrapped
from w2s_probe.report.run.text import class_lines, run_headline, run_pair
from w2s_probe.report.verdict import verdict_headline
from w2s_probe.results.finetune import FinetuneResult


def finetune_text(result: FinetuneResult) -> str:
    """Return frozen and fine-tuned systems side by side, then the verdict on the fine-tuned student, and notes."""
    result = result.as_printed()
    pair = run_pair(result)
    side, differences, epochs = side_grid(result), difference_grid(result), epoch_grid(result)
    return "\n".join(
        [
            *([wrapped(pair)] if pair else []),
            *run_headline(result),
            *training_lines(result),
            *class_lines(result),
            "",
            columns(side.header, [_short_scores(row) for row in side.rows]),
            "",
            columns(differences.header, differences.rows),
            "",
            columns(epochs.header[:-1], [[cell.partition(" [")[0] for cell in row[:-1]] for row in epochs.rows]),
            "",
            f"Fine-tuned: {tuned_headline(result)}",
            wrapped(result.finetuning.verdict.advice),
            *(wrapped(f"Note: {note}") for note in result.notes),
        ]
    )


def _short_scores(row: Sequence[str]) -> list[str]:
    """Return a row with the two accuracies without their intervals; that of the difference stays."""
    return [cell.partition(" [")[0] if 0 < place < 3 else cell for place, cell in enumerate(row)]


def training_lines(result: FinetuneResult) -> list[str]:
    """Return how weights were trained, as one line."""
    settings, tuning = result.finetuning.settings, result.finetuning
    epochs = settings["epochs"]
    how = "best of 3 epochs by held-out labels" if epochs == "auto" else f"{epochs} epoch{'s' * (epochs != 1)}"
    adapters = " (LoRA)" if settings["lora"] else ""
    trained = f"{millions(tuning.trained_parameters)} of {millions(tuning.parameters)} parameters trained{adapters}"
    return [f"{trained}, {how}, learning rate {settings['lr']:g}"]


def tuned_headline(result: FinetuneResult) -> str:
    """Return the headline of the verdict on the fine-tuned student."""
    return verdict_headline(result.finetuning.verdict, result.finetuning.versus_baseline)


def millions(count: int) -> str:
    """Return a number of parameters in a few digits.

    Examples
    --------
    >>> millions(22_713_216), millions(25_000)
    ('22.7 M', '0.025 M')
    """
    return f"{count / 1e6:.3g} M"
