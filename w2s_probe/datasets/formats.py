"""Formats of data files by their suffix, and compressions of those that are texts."""

from __future__ import annotations

from pathlib import PurePath

KINDS = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".parquet": "Parquet",
    ".ndjson": "NDJSON",
    ".jsonl": "NDJSON",
    ".json": "JSON",
    ".arrow": "Arrow",
    ".tar": "tar",
}
PACKINGS = {".gz": "gzip", ".zst": "zstd"}
PACKED_KINDS = ("CSV", "TSV", "NDJSON", "JSON")
SUFFIXES = ", ".join(KINDS)


def kind_of(path: PurePath) -> str:
    """Return the format that a name tells; empty for another one.

    Parameters
    ----------
    path : PurePath
        Path of a file.

    Examples
    --------
    >>> kind_of(PurePath("a.csv.gz")), kind_of(PurePath("a.parquet.gz")), kind_of(PurePath("a.b.JSONL"))
    ('CSV', '', 'NDJSON')
    """
    if path.suffix.lower() not in PACKINGS:
        return KINDS.get(path.suffix.lower(), "")
    kind = KINDS.get(path.with_suffix("").suffix.lower(), "")
    return kind if kind in PACKED_KINDS else ""


def packing_by_name(path: PurePath) -> str:
    """Return the compression that a name tells; empty without one.

    Parameters
    ----------
    path : PurePath
        Path of a file.
    """
    return PACKINGS.get(path.suffix.lower(), "")


def bare_name(path: PurePath) -> PurePath:
    """Return a path without the suffixes of format and compression.

    Parameters
    ----------
    path : PurePath
        Path of a file.
    """
    inner = path.with_suffix("") if path.suffix.lower() in PACKINGS else path
    return inner.with_suffix("")
