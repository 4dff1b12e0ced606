"""Files a colleague can open: JSON, Parquet, HTML, Markdown; and the last two again from the first."""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import __version__
from w2s_probe.atomic import replacing
from w2s_probe.errors import ConfigError, DataError
from w2s_probe.plain import from_plain
from w2s_probe.results import W2SResult

if TYPE_CHECKING:
    from w2s_probe.outcomes import SeedOutcome
    from w2s_probe.pipeline import Run
    from w2s_probe.strategies import Scorer

__all__ = ["installed_versions", "load_results", "save_predictions", "save_results", "write_files", "write_report"]

RESULT = "result.json"
PACKAGES = ("numpy", "scipy", "scikit-learn", "polars", "torch", "sentence-transformers")


def save_results(result: W2SResult, folder: Path) -> None:
    """Write ``result.json``, ``results.parquet``, ``report.html`` and ``report.md`` into `folder`.

    Parameters
    ----------
    result : W2SResult
        What was found.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    versions = installed_versions()
    whole = json.dumps({**result.to_dict(), "versions": versions}, indent=2, ensure_ascii=False, allow_nan=False)
    schema = {
        "seed": pl.Int64,
        "part": pl.String,
        "system": pl.String,
        "strategy": pl.String,
        "metric": pl.String,
        "group": pl.String,
        "value": pl.Float64,
        "n": pl.Int64,
        "n_labeled": pl.Int64,
        "n_unlabeled": pl.Int64,
    }
    # a file name that is not UTF-8 leaves half characters, which JSON can hold as escapes
    content = f"{whole}\n".encode(errors="backslashreplace")
    rows = io.BytesIO()
    pl.DataFrame(list(result.to_record()), schema=schema).write_parquet(rows)
    write_files(folder, {RESULT: content, "results.parquet": rows.getvalue(), **_pages(result, versions)})


def write_report(result: W2SResult, versions: Mapping[str, str], folder: Path) -> None:
    """Write ``report.html`` and ``report.md`` into `folder`: the same bytes for the same result.

    Parameters
    ----------
    result : W2SResult
        What was found.
    versions : mapping of package to version
        With which it was found.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    write_files(folder, _pages(result, versions))


def _pages(result: W2SResult, versions: Mapping[str, str]) -> dict[str, bytes]:
    from w2s_probe.report.html import report_html
    from w2s_probe.report.markdown import report_markdown

    return {
        "report.html": report_html(result, versions).encode(),
        "report.md": report_markdown(result, versions).encode(),
    }


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files or none, by their names in `folder`."""
    try:
        with ExitStack() as written:
            for name, content in files.items():
                written.enter_context(replacing(folder / name)).write_bytes(content)
    except OSError as error:
        raise ConfigError(_unwritable(folder, error)) from error


def load_results(folder: Path) -> tuple[W2SResult, dict[str, str]]:
    """Return the result in a folder that `save_results` wrote, and the versions it was made with.

    Parameters
    ----------
    folder : Path
        Given as ``--out``.

    Raises
    ------
    DataError
        If there is no ``result.json``, or it does not hold what `run` wrote.
    """
    path = folder / RESULT
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        result = W2SResult.from_dict(found)
        versions: dict[str, str] = from_plain(Mapping[str, str], found.get("versions"), "versions")
    except FileNotFoundError as error:
        msg = f"{folder} must be a folder that run --out wrote: it has no {RESULT}. Check the folder."
        raise DataError(msg) from error
    except OSError as error:
        msg = f"{path} must be a file to read: it said {error.strerror or error}. Check the folder."
        raise DataError(msg) from error
    except DataError as error:
        msg = f"{path} must be as run --out wrote it: {error} Run again with --out."
        raise DataError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} must be JSON as run --out wrote it: got {error}. Run again with --out."
        raise DataError(msg) from error
    return result, versions


def save_predictions(run: Run, folder: Path) -> None:
    """Write ``predictions.parquet``: what every system says of every test and pool row.

    Columns: seed, part, id, label, group; for each system its class and top probability (its
    value in regression); pseudolabel; and for each strategy whether it kept the row.

    Parameters
    ----------
    run : Run
        A finished run with its heads.
    folder : Path
        An existing folder.
    """
    import polars as pl

    frames = [pl.DataFrame(columns) for outcome in run.outcomes for columns in _predictions(run, outcome)]
    with replacing(folder / "predictions.parquet") as path:
        pl.concat(frames).write_parquet(path)


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


def _refuse(constant: str) -> float:
    msg = f"the number {constant}"
    raise ValueError(msg)
