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

from w2s_probe import __version__
from w2s_probe.core.errors import ConfigError, DataError, W2SProbeError
from w2s_probe.core.files import replacing
from w2s_probe.core.serialize import SCHEMA, from_plain, plain
from w2s_probe.experiments.sweep import SweepResult
from w2s_probe.experiments.sweep.summary import COLUMNS
from w2s_probe.report.kinds import kind_in, kind_of
from w2s_probe.results.diagnosis import Diagnosis
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast, ForecastResult
from w2s_probe.results.run import W2SResult
from w2s_probe.theory.spurious.output import SpuriousOutput
from w2s_probe.theory.variance.output import VarianceOutput

if TYPE_CHECKING:
    import polars as pl

RESULT = "result.json"
PACKAGES = ("numpy", "scipy", "scikit-learn", "polars", "torch", "sentence-transformers", "open_clip_torch", "timm")


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
    _save(result, pl.DataFrame(list(result.to_record()), schema=schema), folder)


def save_forecast(result: ForecastResult, folder: Path) -> None:
    """Write the same files for a forecast; tidy rows are the points of its curves.

    Parameters
    ----------
    result : ForecastResult
        What is expected.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    _save(result, pl.DataFrame([row for pair in result.pairs or (result.best,) for row in _of_forecast(pair)]), folder)


def save_diagnosis(diagnosis: Diagnosis, folder: Path) -> None:
    """Write the same files for a diagnosis; tidy rows hold of, measure, value, rows and sample.

    Parameters
    ----------
    diagnosis : Diagnosis
        What was measured.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    _save(diagnosis, pl.DataFrame(list(diagnosis.to_record())), folder)


def save_variance(output: VarianceOutput, folder: Path) -> None:
    """Write the same files for the theory's errors; tidy rows are its sizes.

    Parameters
    ----------
    output : VarianceOutput
        What is expected.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    _save(
        output,
        pl.DataFrame(list(_of_variance(output)), schema_overrides=dict.fromkeys(("simulated", "se"), pl.Float64)),
        folder,
    )


def save_spurious(output: SpuriousOutput, folder: Path) -> None:
    """Write the same files for a spurious correlation; tidy rows are the risks over fractions.

    Parameters
    ----------
    output : SpuriousOutput
        What is expected.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    _save(output, pl.DataFrame(list(_of_spurious(output))), folder)


def save_sweep(result: SweepResult, folder: Path) -> None:
    """Write the same files for a sweep; tidy rows are those of a cell, head and score each.

    Parameters
    ----------
    result : SweepResult
        What was found.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    types = {str: pl.String, int: pl.Int64, float: pl.Float64}
    _save(result, pl.DataFrame(result.table, schema={name: types[kind] for name, kind in COLUMNS.items()}), folder)


def write_report(result: Any, versions: Mapping[str, str], folder: Path) -> None:
    """Write ``report.html`` and ``report.md`` into `folder`: the same bytes for the same result.

    Parameters
    ----------
    result : W2SResult, ForecastResult, SweepResult, Diagnosis, VarianceOutput or SpuriousOutput
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


def load_results(folder: Path) -> tuple[Any, dict[str, str]]:
    """Return the result in a folder that one of the functions above wrote, and the versions it was made with.

    Parameters
    ----------
    folder : Path
        Given as ``--out``.

    Raises
    ------
    DataError
        If there is no ``result.json``, or it does not hold what was written.
    """
    path, verb = folder / RESULT, "run"
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        kind = kind_in(found)
        verb = kind.verb
        result = kind.result.from_dict(found)
        versions: dict[str, str] = from_plain(Mapping[str, str], found.get("versions"), "versions")
    except FileNotFoundError as error:
        msg = f"{folder} must be a folder that run --out wrote: it has no {RESULT}. Check the folder."
        raise DataError(msg) from error
    except OSError as error:
        msg = f"{path} must be a file to read: it said {error.strerror or error}. Check the folder."
        raise DataError(msg) from error
    except W2SProbeError as error:
        msg = f"{path} must be as {verb} --out wrote it: {error} Run again with --out."
        raise DataError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} must be JSON as run --out wrote it: got {error}. Run again with --out."
        raise DataError(msg) from error
    return result, versions


def installed_versions() -> dict[str, str]:
    """Return the versions of what can change a number."""
    found = {"w2s_probe": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _save(result: Any, rows: pl.DataFrame, folder: Path) -> None:
    """Write result and pages; all files or none."""
    versions = installed_versions()
    whole = {"schema": SCHEMA, **plain(result), "versions": versions}
    # a file name that is not UTF-8 leaves half characters, which JSON can hold as escapes
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")
    table = io.BytesIO()
    rows.write_parquet(table)
    write_files(folder, {RESULT: text + b"\n", "results.parquet": table.getvalue(), **_pages(result, versions)})


def _pages(result: Any, versions: Mapping[str, str]) -> dict[str, bytes]:
    kind = kind_of(result)
    return {
        "report.html": kind.html(result, versions).encode(),
        "report.md": kind.markdown(result, versions).encode(),
    }


def _of_forecast(pair: Forecast) -> Iterator[dict[str, Any]]:
    here = {"teacher": pair.teacher_backbone, "student": pair.student_backbone, "metric": pair.score}
    for point in pair.curve:
        sizes = {"n": point.n, "N": point.N, "measured": point.measured}
        for name in ("gain", "teacher", "student", "baseline"):
            found: Estimate = getattr(point, name)
            yield {**here, **sizes, "what": name, "value": found.value, "low": found.low, "high": found.high}


def _of_variance(output: VarianceOutput) -> Iterator[dict[str, Any]]:
    for point in output.curve or ():
        for name, value in point.expected.to_dict().items():
            found = point.simulated[name] if point.simulated else None
            beside = {"simulated": found.value if found else None, "se": found.se if found else None}
            yield {"n": point.n, "N": point.N, "what": name, "expected": value, **beside}


def _of_spurious(output: SpuriousOutput) -> Iterator[dict[str, Any]]:
    for point in output.curve or ():
        here = {"eta_labeled": point.eta_labeled, "eta_unlabeled": point.eta_unlabeled}
        for form in ("published", "general", "fixed_point"):
            risks = getattr(point, form)
            yield {**here, "form": form, "teacher": risks.teacher, "student": risks.student}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files or none.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    files : mapping of name to bytes
        Their content.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    try:
        with ExitStack() as written:
            for name, content in files.items():
                written.enter_context(replacing(folder / name)).write_bytes(content)
    except OSError as error:
        msg = f"--out must be a folder to write to: {folder} said {error.strerror or error}. Choose another folder."
        raise ConfigError(msg) from error


def _refuse(constant: str) -> float:
    msg = f"the number {constant}"
    raise ValueError(msg)
