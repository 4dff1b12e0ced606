"""A forecast on frozen features, then the fine-tune that it speaks of, on the same rows.

The student is the embedding layer and the first layer of MiniLM-L6, which two CPU cores train in seconds. On a GPU
the same code trains whole models: BackboneOptions(device="cuda") and student="packaged:minilm-l6". Needs the extras
text, demo and finetune:

    python examples/forecast_then_finetune.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from w2s_probe import (
    BackboneOptions,
    DataConfig,
    Estimate,
    FeatureStore,
    FinetuneConfig,
    W2SConfig,
    forecast,
    open_data,
    run_finetune,
)

TEACHER, STUDENT = "packaged:wordllama", "packaged:minilm-l6@1"
SIZES = W2SConfig(head="softmax", n_labeled=100, n_unlabeled=200, n_test=200, seeds=3)


def main() -> None:
    """Print the forecast, then frozen and fine-tuned differences."""
    with tempfile.TemporaryDirectory() as folder:
        data = DataConfig(data=str(small_table(Path(folder))), text="text", label="label", id="id")
        store, options = FeatureStore(Path(folder) / "cache"), BackboneOptions()
        predicted = forecast(
            data, W2SConfig(n_labeled=100), teachers=[TEACHER], students=[STUDENT], store=store, options=options
        )
        tuning = FinetuneConfig(epochs=2, lr=1e-4)
        done = run_finetune(data, SIZES, tuning, teacher=TEACHER, student=STUDENT, store=store, options=options)
    best, students = predicted.result.best, done.result.students
    print("            student - teacher        student - baseline")
    rows = {"forecast": best, "frozen": students["vanilla"], "fine-tuned": students["finetuned"]}
    for name, row in rows.items():
        print(f"{name:10}  {signed(row.gain)}  {signed(row.versus_baseline)}")


def small_table(folder: Path) -> Path:
    """Write every 20th sentence of the built-in movie reviews into a table."""
    table = open_data(DataConfig(data="builtin:vader-movie"))
    columns = {"id": table.ids, "text": table.items, "label": table.label}
    frame = pl.DataFrame({name: [] if column is None else list(column) for name, column in columns.items()})
    frame.gather_every(20).write_csv(folder / "movie.csv")
    return folder / "movie.csv"


def signed(estimate: Estimate) -> str:
    """Return a difference with its interval."""
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


if __name__ == "__main__":
    main()
