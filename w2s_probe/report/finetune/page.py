"""The page of a fine-tune: frozen and fine-tuned systems side by side, then the sections of the frozen run."""

from __future__ import annotations

from dataclasses import replace

from w2s_probe.report.finetune.grids import difference_grid, epoch_grid, side_grid
from w2s_probe.report.finetune.text import training_lines, tuned_headline
from w2s_probe.report.numbers import config_rows
from w2s_probe.report.page import Page, Section
from w2s_probe.report.run.page import run_page
from w2s_probe.results.finetune import FinetuneResult


def finetune_page(result: FinetuneResult) -> Page:
    """Return the report of a fine-tune."""
    frozen = run_page(result.frozen)
    tuning = [
        Section(name="Frozen and fine-tuned", grids=[side_grid(result), difference_grid(result)], lead=True),
        Section(
            name="Epochs",
            grids=[epoch_grid(result)],
            text=["Accuracy on the test rows after each epoch. No choice uses these numbers."],
        ),
    ]
    sections = [replace(section, name=f"{section.name}, frozen", lead=False) for section in frozen.sections]
    return replace(
        frozen,
        kind="Fine-tuned weak-to-strong",
        headline=[*frozen.headline, *training_lines(result)],
        advice=result.finetuning.verdict.advice,
        call=tuned_headline(result),
        notes=result.notes,
        sections=[*tuning, *sections],
        settings=config_rows({**result.config, **result.finetuning.settings}, result.fingerprint),
    )
