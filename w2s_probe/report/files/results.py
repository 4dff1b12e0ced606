"""Files of a result: JSON, Parquet, HTML and Markdown; the pages can be rebuilt from the JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from w2s_probe.core.errors import DataError, W2SProbeError
from w2s_probe.core.input_files import check_no_pipe
from w2s_probe.core.result_files import FILES, HTML, MARKDOWN, RESULT, TABLE
from w2s_probe.core.serialize import SCHEMA, from_plain, plain
from w2s_probe.core.writing import Content, check_folder, folder_errors, write_together
from w2s_probe.report.files.fingerprints import (
    KEY,
    check_one_result,
    checked,
    files_of_others,
    parquet_bytes,
)
from w2s_probe.report.kinds import kind_in, kind_of
from w2s_probe.report.render.html import page_html
from w2s_probe.report.render.markdown import page_markdown
from w2s_probe.report.versions import installed_versions
from w2s_probe.report.views import tidy_rows
from w2s_probe.results.finetune import FinetuneResult


class SavedResult(NamedTuple):
    """A result that was read back.

    Parameters
    ----------
    result : W2SResult, ForecastResult, SweepResult, Diagnosis, VarianceOutput or SpuriousOutput
        The result.
    versions : mapping of package to version
        Packages that made it.
    fingerprint : str or None
        Fingerprint that its files carry; None in files of older versions.
    """

    result: Any
    versions: Mapping[str, str]
    fingerprint: str | None


def save(result: Any, folder: Path, *, more_files: Mapping[str, Content] | None = None) -> None:
    """Write ``result.json``, ``results.parquet``, ``report.html`` and ``report.md``: all files or none.

    The old ``result.json`` is deleted before any file is replaced, and the new one comes last: a folder without it
    holds no result. Files that an earlier result has in this folder, and this one has not, are deleted. Every file
    carries the fingerprint of the result: the hash of settings and data, or of all numbers where the result has none.

    Parameters
    ----------
    result : W2SResult, ForecastResult, SweepResult, Diagnosis, VarianceOutput or SpuriousOutput
        A finished result.
    folder : Path
        Made if it does not exist.
    more_files : mapping of name to bytes or to a function that writes them, optional
        Further files of the result, with its fingerprint: predictions, heads, weights.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    content, versions = {"schema": SCHEMA, **plain(result)}, installed_versions()
    fingerprint = str(content.get(KEY)) if KEY in content else hashlib.sha256(_json(content)).hexdigest()
    saved = SavedResult(result, versions, fingerprint)
    files = {
        RESULT: _json({**content, KEY: fingerprint, "versions": versions}),
        TABLE: parquet_bytes(tidy_rows(result), fingerprint),
        **_pages(saved),
        **(more_files or {}),
    }
    with folder_errors(folder, flag="--out"):
        check_folder(folder, files, flag="--out")
        write_together(folder, files, last=RESULT, stale=lambda: _stale(folder, files, fingerprint))


def write_report(saved: SavedResult, folder: Path) -> None:
    """Write ``report.html`` and ``report.md``: the same bytes for the same result and versions.

    Parameters
    ----------
    saved : SavedResult
        A result that `load_results` read.
    folder : Path
        Folder of its ``result.json``.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    pages = _pages(saved)
    with folder_errors(folder, flag="DIR"):
        check_folder(folder, pages, flag="DIR")
        write_together(folder, pages)


def load_results(folder: Path) -> SavedResult:
    """Return the result in a folder that `save` wrote.

    Parameters
    ----------
    folder : Path
        Folder of an earlier ``--out``.

    Raises
    ------
    DataError
        If ``result.json`` does not exist or is not as it was written, or if another file belongs to another result.
    """
    path, verb = folder / RESULT, "run"
    check_no_pipe(path, RESULT)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        kind = kind_in(content)
        verb = kind.verb
        result = kind.result.from_dict(content).as_printed()  # older versions wrote more digits
        versions: dict[str, str] = from_plain(Mapping[str, str], content.get("versions"), "versions")
    except FileNotFoundError as error:
        raise DataError(_without_result(folder)) from error
    except OSError as error:
        msg = f"{path} must be a file to read: got {error.strerror or error}. Write it again with --out."
        raise DataError(msg) from error
    except W2SProbeError as error:
        msg = f"{path} must be as {verb} --out wrote it: {error} Write it again with {verb} --out."
        raise DataError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} must be JSON as --out wrote it: got {error}. Write it again with --out."
        raise DataError(msg) from error
    fingerprint = checked(content.get(KEY))
    check_one_result(folder, fingerprint, verb=verb, weights=_weights_of(result))
    return SavedResult(result, versions, fingerprint)


def _weights_of(result: Any) -> Mapping[str, str] | None:
    return result.finetuning.weights if isinstance(result, FinetuneResult) else None


def _json(content: Mapping[str, Any]) -> bytes:
    # a file name that is not UTF-8 holds half characters, which JSON can write as escapes
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace") + b"\n"


def _pages(saved: SavedResult) -> dict[str, bytes]:
    page = kind_of(saved.result).page(saved.result.as_printed())  # so that the pages can be rebuilt from the JSON
    return {
        HTML: page_html(page, saved.versions, fingerprint=saved.fingerprint).encode(),
        MARKDOWN: page_markdown(page, saved.versions, fingerprint=saved.fingerprint).encode(),
    }


def _stale(folder: Path, files: Mapping[str, Content], fingerprint: str) -> list[Path]:
    """Return the files of an earlier result that would stay beside the new files."""
    return [path for path, _ in files_of_others(folder, fingerprint) if path.name not in files]


def _without_result(folder: Path) -> str:
    if any((folder / name).is_file() for name in FILES):
        return (
            f"{folder} must hold a result: it has no {RESULT}, since a verb was stopped while it wrote its files. "
            f"Run the verb again with --out {folder}."
        )
    return f"DIR must be a folder that --out wrote: {folder} has no {RESULT}. Name the folder given to --out."


def _refuse(constant: str) -> float:
    msg = f"the number {constant}"
    raise ValueError(msg)
