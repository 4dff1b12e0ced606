"""A forecast as people read it: on a terminal and in files."""

from __future__ import annotations

import io
import json
import textwrap
from pathlib import Path
from typing import Any

from w2s_probe.report.save import installed_versions, write_files
from w2s_probe.report.tables import METRIC_NAMES, estimate_text
from w2s_probe.report.terminal import WIDTH, columns
from w2s_probe.results import Estimate, Forecast, ForecastResult, Outlook
from w2s_probe.text import shorten, visible

__all__ = ["forecast_text", "save_forecast"]

NAME = 24


def forecast_text(result: ForecastResult) -> str:
    """Return the forecast as lines of at most 80 cells.

    Parameters
    ----------
    result : ForecastResult
        What is expected.
    """
    best = result.best
    parts = [_headline(result)]
    if result.pairs is not None:
        parts.append(_ranking(result.pairs))
    parts += [_systems(best), _comparisons(best), _curve(best)]
    parts.append(textwrap.fill(best.verdict.advice, WIDTH))
    parts += [textwrap.fill(visible(f"Note: {note}"), WIDTH) for note in best.notes]
    return "\n\n".join(part for part in parts if part)


def save_forecast(result: ForecastResult, folder: Path) -> None:
    """Write ``result.json`` and ``results.parquet`` into `folder`.

    Parameters
    ----------
    result : ForecastResult
        What is expected.
    folder : Path
        Made if it is not there.
    """
    import polars as pl

    whole = {**json.loads(result.to_json()), "versions": installed_versions()}
    rows = io.BytesIO()
    pl.DataFrame([row for pair in result.pairs or (result.best,) for row in _tidy(pair)]).write_parquet(rows)
    content = f"{json.dumps(whole, indent=2, ensure_ascii=False)}\n".encode(errors="backslashreplace")
    write_files(folder, {"result.json": content, "results.parquet": rows.getvalue()})


def _tidy(pair: Forecast) -> list[dict[str, Any]]:
    here = {"teacher": pair.teacher_backbone, "student": pair.student_backbone, "metric": pair.score}
    rows = []
    for point in pair.curve:
        sizes = {"n": point.n, "N": point.N, "measured": point.measured}
        for name in ("gain", "teacher", "student", "baseline"):
            found: Estimate = getattr(point, name)
            rows.append({**here, **sizes, "what": name, "value": found.value, "low": found.low, "high": found.high})
    return rows


def _headline(result: ForecastResult) -> str:
    best = result.best
    names = [visible(str(name)) for name in (result.config["data"], best.teacher_backbone, best.student_backbone)]
    if sum(map(len, names)) > 3 * NAME:
        names = [shorten(name, NAME) for name in names]
    return (
        f"{names[0]}: {names[1]} -> {names[2]}\n"
        f"Forecast from n = {best.n:,} labels and a pool of N = {best.N:,}; no other label was read.\n"
        f"{result.level:.0%} intervals; a test of {best.n_test:,} rows will show what is in the last column."
    )


def _ranking(pairs: tuple[Forecast, ...]) -> str:
    rows = [
        (
            shorten(visible(pair.teacher_backbone), 20),
            shorten(visible(pair.student_backbone), 20),
            _text(pair.gain, signed=True),
            pair.verdict.call,
        )
        for pair in pairs
    ]
    return columns(("teacher", "student", "expected gain", ""), rows, right=())


def _systems(best: Forecast) -> str:
    other = next(iter(best.others))
    rows = [
        ("teacher", estimate_text(best.teacher), estimate_text(best.others[other].teacher)),
        ("student", estimate_text(best.student), estimate_text(best.others[other].student)),
        ("baseline", estimate_text(best.baseline), estimate_text(best.others[other].baseline)),
        ("ceiling", estimate_text(best.ceiling), "extrapolated"),
    ]
    return columns(("system", METRIC_NAMES[best.score], METRIC_NAMES[other]), rows, right=())


def _comparisons(best: Forecast) -> str:
    rows = [
        ("gain: student - teacher", _text(best.gain, signed=True), _observed(best.gain)),
        ("student - baseline", _text(best.versus_baseline, signed=True), _observed(best.versus_baseline)),
        ("PGR: share of the gap", estimate_text(best.pgr), ""),
        ("OPR: baseline's error / its", estimate_text(best.opr), ""),
    ]
    needed = [
        f"{count:,} {what}" for count, what in ((best.needed.n, "labels"), (best.needed.N, "pseudolabels")) if count
    ]
    said = f"\n\nThe answer would resolve or change at about {' or '.join(needed)}." if needed else ""
    return columns(("", "expected", "on a test"), rows, right=()) + said


def _curve(best: Forecast) -> str:
    rows = [
        (
            f"{point.n:,}",
            f"{point.N:,}",
            *(f"{found.value:.3f}" for found in (point.teacher, point.student, point.baseline)),
            estimate_text(point.gain, signed=True),
            "" if point.measured else "extrapolated",
        )
        for point in best.curve
    ]
    return columns(("n", "N", "teacher", "student", "baseline", "gain", ""), rows, right=(0, 1, 2, 3, 4))


def _text(found: Outlook, *, signed: bool) -> str:
    return estimate_text(Estimate(value=found.value, low=found.low, high=found.high), signed=signed)


def _observed(found: Outlook) -> str:
    return f"[{found.low_observed:+.3f}, {found.high_observed:+.3f}]"
