"""Names of imported features: a small file for each name, which holds a fingerprint."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from w2s_probe.cache.temporary import disk_errors
from w2s_probe.core.errors import CacheError
from w2s_probe.core.writing import write_file

FORMAT = 1
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def check_name(name: str) -> str:
    """Return `name` if every system accepts it as the name of a file, else raise `CacheError`.

    Parameters
    ----------
    name : str
        Name of features in the cache.
    """
    if not PLAIN.fullmatch(name):
        msg = (
            "a name in the cache must have at most 100 letters, digits and . _ -, the first a letter or digit: "
            f"got {name[:120]!r}. Choose a name such as movies-large."
        )
        raise CacheError(msg)
    return name


def fingerprints_by_name(root: Path) -> dict[str, str]:
    """Return the fingerprint of each name; damaged files are ignored.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    """
    fingerprints = {}
    folder = root / "names"
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        with suppress(OSError, ValueError, KeyError, TypeError):
            raw = path.read_bytes()
            fields = json.loads(raw)
            name, fingerprint = fields["name"], fields["fingerprint"]
            if raw == _content(name, fingerprint) and path.stem == name and FINGERPRINT.fullmatch(fingerprint):
                fingerprints[name] = fingerprint
    return fingerprints


def point(root: Path, name: str, fingerprint: str) -> None:
    """Write the fingerprint of a name, in place of an earlier one.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    name : str
        A name that `check_name` accepts.
    fingerprint : str
        Fingerprint of the features' spec.

    Raises
    ------
    CacheError
        If the file cannot be written; the name keeps its earlier fingerprint.
    """
    path = _path(root, name)
    with disk_errors(root):
        write_file(path, _content(name, fingerprint), root / "tmp")


def forget_name(root: Path, name: str) -> None:
    """Delete a name, but not its features."""
    _path(root, name).unlink(missing_ok=True)


def _path(root: Path, name: str) -> Path:
    return root / "names" / f"{check_name(name)}.json"


def _content(name: str, fingerprint: str) -> bytes:
    return json.dumps({"format": FORMAT, "name": name, "fingerprint": fingerprint}).encode() + b"\n"
