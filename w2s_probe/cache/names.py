"""Names of imported features: one small file each, which points at a fingerprint."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from w2s_probe.cache.temporary import write_file
from w2s_probe.core.errors import CacheError

FORMAT = 1
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def check_name(name: str) -> str:
    """Return `name` if it can be the name of a file everywhere, or raise `CacheError`.

    Parameters
    ----------
    name : str
        As the user wrote it.
    """
    if not PLAIN.fullmatch(name):
        msg = (
            "a name in the cache must be at most 100 letters, digits and . _ -, the first a letter or digit: "
            f"got {name[:120]!r}. Choose a plain name, such as movies-large."
        )
        raise CacheError(msg)
    return name


def fingerprints_by_name(root: Path) -> dict[str, str]:
    """Return the fingerprint that each name points at; a damaged file names nothing.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    """
    found = {}
    folder = root / "names"
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        with suppress(OSError, ValueError, KeyError, TypeError):
            raw = path.read_bytes()
            fields = json.loads(raw)
            name, fingerprint = fields["name"], fields["fingerprint"]
            if raw == _content(name, fingerprint) and path.stem == name and FINGERPRINT.fullmatch(fingerprint):
                found[name] = fingerprint
    return found


def point(root: Path, name: str, fingerprint: str) -> None:
    """Let `name` point at `fingerprint` from now on.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    name : str
        A plain name.
    fingerprint : str
        Of the spec it stands for.

    Raises
    ------
    CacheError
        If the disk refuses; the name keeps its old meaning.
    """
    path = _path(root, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, _content(name, fingerprint), root / "tmp")
    except OSError as error:
        msg = (
            f"the feature cache must be writable: {root} said {error.strerror or error}. "
            "Free some space or choose another place with --cache; what is cached stays valid."
        )
        raise CacheError(msg) from error


def forget_name(root: Path, name: str) -> None:
    """Delete a name; what it pointed at stays."""
    _path(root, name).unlink(missing_ok=True)


def _path(root: Path, name: str) -> Path:
    return root / "names" / f"{check_name(name)}.json"


def _content(name: str, fingerprint: str) -> bytes:
    return json.dumps({"format": FORMAT, "name": name, "fingerprint": fingerprint}).encode() + b"\n"
