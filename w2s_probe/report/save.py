"""Files a colleague can open: JSON, Parquet, HTML."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import __version__
from w2s_probe.errors import ConfigError
from w2s_probe.results import W2SResult

if TYPE_CHECKING:
    from w2s_probe.diagnostics import Diagnosis
    from w2s_probe.outcomes import SeedOutcome
    from w2s_probe.pipeline import Run
    from w2s_probe.strategies import Scorer

__all__ = ["installed_versions", "save_diagnosis", "save_predictions", "save_results"]

PACKAGES = ("numpy", "scipy", "scikit-learn", "polars", "torch", "sentence-transformers")


def save_results(result: W2SResult, folder: Path) -> None:
    """Write ``result.json``, ``results.parquet`` and ``report.html`` into `folder`.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    from w2s_probe.report.html import report_html

    versions = installed_versions()
    whole = {**result.to_dict(), "versions": versions}
    schema = {
        "seed": pl.Int64,
        "part": pl.String,
        "system": pl.String,
        "strategy": pl.String,
        "metric": pl.String,
        "group": pl.String,
        "value": pl.Float64,
        "n": pl.Int64,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        pl.DataFrame(list(result.to_record()), schema=schema).write_parquet(folder / "results.parquet")
        (folder / "report.html").write_text(report_html(result, versions), encoding="utf-8")
    except OSError as error:
        raise ConfigError(_unwritable(folder, error)) from error


def save_diagnosis(diagnosis: Diagnosis, folder: Path) -> None:
    """Write ``result.json`` and ``results.parquet`` (of, measure, value, rows, sample) into `folder`.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    whole = {**diagnosis.to_dict(), "versions": installed_versions()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        pl.DataFrame(list(diagnosis.to_record())).write_parquet(folder / "results.parquet")
    except OSError as error:
        raise ConfigError(_unwritable(folder, error)) from error


def save_predictions(run: Run, folder: Path) -> None:
    """Write ``predictions.parquet``: what every system says of every test and pool row.

    Columns: seed, part, id, label, group; for each system its class and top probability (its
    value in regression); pseudolabel; and for each strategy whether it kept the row.
    """
    import polars as pl

    frames = [pl.DataFrame(columns) for outcome in run.outcomes for columns in _predictions(run, outcome)]
    pl.concat(frames).write_parquet(folder / "predictions.parquet")


def installed_versions() -> dict[str, str]:
    """Return the versions of what can change a number."""
    found = {"w2s_probe": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _predictions(run: Run, outcome: SeedOutcome) -> Iterator[Mapping[str, Any]]:
    for part in ("unlabeled", "test"):
        rows = outcome.split.parts()[part]
        columns: dict[str, Any] = {
            "seed": np.full(len(rows), outcome.split.seed),
            "part": [part] * len(rows),
            "id": run.table.ids[rows],
            "label": run.labels.names(rows),
            "group": [None if run.table.group is None else str(run.table.group[i]) for i in rows],
        }
        for name, head in {**outcome.heads, **{n: s.head for n, s in outcome.students.items()}}.items():
            features = run.teacher if name == "teacher" else run.student
            columns |= _said(name, head, head.scores(features.X[rows]), run.labels.classes)
        of_pool = part == "unlabeled"
        columns["pseudolabel"] = _decided(outcome.pseudolabels, run.labels.classes) if of_pool else [None] * len(rows)
        for name, student in outcome.students.items():
            columns[f"{name}_kept"] = student.kept.tolist() if of_pool else [None] * len(rows)
        yield columns


def _said(name: str, head: Scorer, scores: NDArray[np.float64], classes: tuple[str, ...] | None) -> dict[str, Any]:
    if classes is None:
        return {f"{name}_value": scores[:, 0]}
    return {
        f"{name}_class": _decided(scores, classes),
        f"{name}_probability": head.probabilities(scores).max(axis=1),
    }


def _decided(scores: NDArray[np.float64], classes: tuple[str, ...] | None) -> list[Any]:
    if classes is None:
        return [float(value) for value in scores[:, 0]]
    return [classes[code] for code in scores.argmax(axis=1)]


def _unwritable(folder: Path, error: OSError) -> str:
    return f"--out must be a folder to write to: {folder} said {error.strerror or error}. Choose another folder."
