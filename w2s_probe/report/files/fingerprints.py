"""The fingerprint of a result, which every file of ``--out`` carries: it tells the files of one result from others."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.core.errors import DataError
from w2s_probe.core.files import is_regular_file, native_reader
from w2s_probe.core.result_files import FILES, RESULT, WEIGHTS

if TYPE_CHECKING:
    import polars as pl

KEY = "fingerprint"  # in JSON, and in the metadata of Parquet and safetensors files
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
IN_PAGE = re.compile(rb'<meta name="w2s-probe-fingerprint" content="([0-9a-f]{64})">')
IN_MARKDOWN = re.compile(rb"<!-- w2s_probe fingerprint: ([0-9a-f]{64}) -->\n\Z")
HEAD = 2000  # bytes of a page within which its fingerprint stands


def files_of_others(
    folder: Path, fingerprint: str | None, weights: Mapping[str, str] | None = None
) -> Iterator[tuple[Path, str]]:
    """Yield the files of a folder that carry the fingerprint of another result, and that fingerprint.

    `weights` are the fingerprints of the result's own files of weights, by name: what decides weights is not all that
    decides a result.
    """
    own = {**dict.fromkeys(FILES[1:], fingerprint), **dict.fromkeys(_weights_in(folder), ""), **(weights or {})}
    for name, expected in own.items():
        other = fingerprint_in(folder / name)
        if other is not None and other != expected:
            yield folder / name, other


def check_one_result(
    folder: Path, fingerprint: str | None, *, verb: str, weights: Mapping[str, str] | None = None
) -> None:
    """Raise `DataError` if a file of the folder belongs to another result than its ``result.json``."""
    for path, other in files_of_others(folder, fingerprint, weights):
        msg = (
            f"DIR must hold the files of one result: in {folder}, {RESULT} has the fingerprint "
            f"{(fingerprint or 'none')[:12]} and {path.name} has {other[:12]}. Write them again with {verb} --out, or "
            "delete the files of the other result."
        )
        raise DataError(msg)


def _weights_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(WEIGHTS))


def parquet_bytes(frame: pl.DataFrame, fingerprint: str | None) -> bytes:
    """Return a table as a Parquet file that carries the fingerprint."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata={KEY: fingerprint} if fingerprint else None)
    return buffer.getvalue()


def fingerprint_in(path: Path) -> str | None:
    """Return the fingerprint that a file of ``--out`` carries; None if it has none or cannot be read."""
    if not is_regular_file(path):
        return None
    with suppress(Exception):  # readers raise many kinds of errors on damaged bytes
        if path.suffix == ".parquet":
            return checked(_parquet_metadata(path).get(KEY))
        if path.suffix == ".safetensors":
            return checked(_safetensors_metadata(path).get(KEY))
        with path.open("rb") as handle:
            if path.suffix == ".html":
                match = IN_PAGE.search(handle.read(HEAD))
            else:
                handle.seek(max(0, path.stat().st_size - HEAD))
                match = IN_MARKDOWN.search(handle.read(HEAD))
        return match[1].decode() if match else None
    return None


def checked(fingerprint: Any) -> str | None:
    """Return a fingerprint that was read, or None if it is none."""
    return fingerprint if isinstance(fingerprint, str) and FINGERPRINT.fullmatch(fingerprint) else None


def _parquet_metadata(path: Path) -> dict[str, str]:
    import polars as pl

    with path.open("rb") as handle, native_reader():
        return pl.read_parquet_metadata(handle)


def _safetensors_metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as arrays:
        return arrays.metadata() or {}
