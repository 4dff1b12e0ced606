"""Forecast, then measure: what 150 labels and a pool say before anything else is labeled.

A teacher that sees digits as 4 x 4 averages is to label 1,000 images for a student of 8 x 8 pixels.
The forecast reads the teacher's 150 labels only; the measurement then uses the labels of 500 test
images that it said something about. Needs the core install only:

    python examples/forecast_before_labels.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from w2s_probe import BackboneOptions, DataConfig, FeatureStore, W2SConfig, run
from w2s_probe.pipeline.forecast import forecast
from w2s_probe.report.numbers import estimate_text
from w2s_probe.report.render.terminal import columns

CONFIG = W2SConfig(n_labeled=150, n_unlabeled=1000, n_test=500, seeds=1, pseudolabels="hard")
DATA = DataConfig(data="builtin:digits")
TEACHER, STUDENT = "classic:pixels-4x4", "classic:pixels-8x8"


def main() -> None:
    """Print expectation and measurement of the same split side by side."""
    with tempfile.TemporaryDirectory() as folder:
        store, options = FeatureStore(Path(folder)), BackboneOptions()
        expected = forecast(DATA, CONFIG, teachers=[TEACHER], students=[STUDENT], store=store, options=options)
        measured = run(DATA, CONFIG, teacher=TEACHER, student=STUDENT, store=store, options=options)
    said, seen = expected.result.best, measured.result
    student = seen.students["vanilla"]
    rows = [
        ("teacher", estimate_text(said.teacher), estimate_text(seen.systems["teacher"].scores["accuracy"])),
        ("student", estimate_text(said.student), estimate_text(student.scores["accuracy"])),
        ("baseline", estimate_text(said.baseline), estimate_text(seen.systems["baseline"].scores["accuracy"])),
        ("ceiling", estimate_text(said.ceiling), estimate_text(seen.systems["ceiling"].scores["accuracy"])),
    ]
    print(columns(("accuracy", "forecast", "measured"), rows))
    low, high = said.gain.low_observed, said.gain.high_observed
    print(f"\nForecast: a gain between {low:+.3f} and {high:+.3f} on {said.n_test} rows.")
    print(f"Measured: {student.gain.value:+.3f}.")
    print(f"Advice before any further label: {said.verdict.recommend}; after: {seen.verdict.recommend}.")


if __name__ == "__main__":
    main()
