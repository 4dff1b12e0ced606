"""Forecast the gain of a student from 150 labels, then measure it.

The teacher sees digits as 4 x 4 averages and labels 1,000 images for a student that sees 8 x 8 pixels. The
forecast reads the 150 labels of the teacher and no other label. The measurement then reads the labels of
500 test images. Needs the core install only:

    python examples/forecast_before_labels.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from w2s_probe import BackboneOptions, DataConfig, Estimate, FeatureStore, W2SConfig, forecast, run

CONFIG = W2SConfig(n_labeled=150, n_unlabeled=1000, n_test=500, seeds=1, pseudolabels="hard")
DATA = DataConfig(data="builtin:digits")
TEACHER, STUDENT = "classic:pixels-4x4", "classic:pixels-8x8"


def main() -> None:
    """Print the forecast and the measurement of the same split."""
    with tempfile.TemporaryDirectory() as folder:
        store, options = FeatureStore(Path(folder)), BackboneOptions()
        predicted = forecast(DATA, CONFIG, teachers=[TEACHER], students=[STUDENT], store=store, options=options)
        measured = run(DATA, CONFIG, teacher=TEACHER, student=STUDENT, store=store, options=options).result
    best, student = predicted.result.best, measured.students["vanilla"]
    print("accuracy  forecast              measured")
    for name, accuracy in {
        "teacher": measured.systems["teacher"].scores["accuracy"],
        "student": student.scores["accuracy"],
        "baseline": measured.systems["baseline"].scores["accuracy"],
        "ceiling": measured.systems["ceiling"].scores["accuracy"],
    }.items():
        print(f"{name:8}  {interval(getattr(best, name))}  {interval(accuracy)}")
    low, high = best.gain.low_observed, best.gain.high_observed
    print(f"\nForecast: a gain between {low:+.3f} and {high:+.3f} on {best.n_test} test rows.")
    print(f"Measured: {student.gain.value:+.3f}.")
    print(f"Recommendation of the forecast: {best.verdict.recommend}; of the run: {measured.verdict.recommend}.")


def interval(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main()
