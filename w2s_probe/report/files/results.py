"""Files of a result: JSON, Parquet, HTML and Markdown; the pages can be rebuilt from the JSON."""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from w2s_probe import __version__
from w2s_probe.core.errors import ConfigError, DataError, W2SProbeError
from w2s_probe.core.serialize import SCHEMA, from_plain, plain
from w2s_probe.core.writing import replacing
from w2s_probe.report.kinds import kind_in, kind_of
from w2s_probe.report.render.html import page_html
from w2s_probe.report.render.markdown import page_markdown

RESULT = "result.json"
PACKAGES = ("numpy", "scipy", "scikit-learn", "polars", "torch", "sentence-transformers", "open_clip_torch", "timm")


def save(result: Any, folder: Path) -> None:
    """Write ``result.json``, ``results.parquet``, ``report.html`` and ``report.md``: all files or none.

    Parameters
    ----------
    result : W2SResult, ForecastResult, SweepResult, Diagnosis, VarianceOutput or SpuriousOutput
        A finished result.
    folder : Path
        Made if it does not exist.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    kind, versions = kind_of(result), installed_versions()
    rows = kind.rows(result)
    content = {"schema": SCHEMA, **plain(result), "versions": versions}
    # a file name that is not UTF-8 holds half characters, which JSON can write as escapes
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")
    table = io.BytesIO()
    pl.DataFrame(rows if isinstance(rows, Mapping) else list(rows), schema=kind.columns).write_parquet(table)
    _write(folder, {RESULT: text + b"\n", "results.parquet": table.getvalue(), **_pages(result, versions)})


def write_report(result: Any, versions: Mapping[str, str], folder: Path) -> None:
    """Write ``report.html`` and ``report.md``: the same bytes for the same result and versions.

    Parameters
    ----------
    result : W2SResult, ForecastResult, SweepResult, Diagnosis, VarianceOutput or SpuriousOutput
        A finished result.
    versions : mapping of package to version
        Packages that made it.
    folder : Path
        Made if it does not exist.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    _write(folder, _pages(result, versions))


def load_results(folder: Path) -> tuple[Any, dict[str, str]]:
    """Return the result in a folder that `save` wrote, and the versions of the packages that made it.

    Parameters
    ----------
    folder : Path
        Folder of an earlier ``--out``.

    Raises
    ------
    DataError
        If ``result.json`` does not exist or is not as it was written.
    """
    path, verb = folder / RESULT, "run"
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        kind = kind_in(content)
        verb = kind.verb
        result = kind.result.from_dict(content)
        versions: dict[str, str] = from_plain(Mapping[str, str], content.get("versions"), "versions")
    except FileNotFoundError as error:
        msg = f"DIR must be a folder that --out wrote: {folder} has no {RESULT}. Name the folder given to --out."
        raise DataError(msg) from error
    except OSError as error:
        msg = f"{path} must be a file to read: got {error.strerror or error}. Write it again with --out."
        raise DataError(msg) from error
    except W2SProbeError as error:
        msg = f"{path} must be as {verb} --out wrote it: {error} Write it again with {verb} --out."
        raise DataError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} must be JSON as --out wrote it: got {error}. Write it again with --out."
        raise DataError(msg) from error
    return result, versions


def installed_versions() -> dict[str, str]:
    """Return the versions of Python, of w2s_probe and of the packages that can change a number."""
    versions = {"w2s_probe": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _pages(result: Any, versions: Mapping[str, str]) -> dict[str, bytes]:
    page = kind_of(result).page(result)
    return {
        "report.html": page_html(page, versions).encode(),
        "report.md": page_markdown(page, versions).encode(),
    }


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files or none; raise ConfigError if the folder cannot be written to."""
    try:
        with ExitStack() as stack:
            for name, content in files.items():
                stack.enter_context(replacing(folder / name)).write(content)
    except OSError as error:
        msg = f"--out must be a folder to write to: got {folder}, {error.strerror or error}. Choose another folder."
        raise ConfigError(msg) from error


def _refuse(constant: str) -> float:
    msg = f"the number {constant}"
    raise ValueError(msg)
