"""Names of imported features: a small file for each name, which holds a fingerprint and ends with a seal."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from w2s_probe.cache.faults import DamagedFileError, FaultyFileError, damaged, read_file, unreadable
from w2s_probe.cache.marks import mark
from w2s_probe.cache.seals import FORMAT, sealed, unsealed
from w2s_probe.cache.temporary import disk_errors
from w2s_probe.core.errors import CacheError
from w2s_probe.core.writing import sync_folder, write_file

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", flags=re.IGNORECASE)  # no file name on Windows
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
ADVICE = "Import the features again with --name, or use their fingerprint: w2s-probe cache ls"
FIELDS = frozenset({"format", "name", "fingerprint"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name in the cache.

    Parameters
    ----------
    name : str
        The name.
    fingerprint : str
        Fingerprint of the features that it names.
    is_sealed : bool
        Whether its file ends with a seal: names written by version 0.1 have none.
    """

    name: str
    fingerprint: str
    is_sealed: bool


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
    if DEVICE.fullmatch(name):
        msg = f"a name in the cache must be no device of Windows: got {name}. Choose a name such as movies-large."
        raise CacheError(msg)
    return name


def check_case(name: str, others: Collection[str]) -> None:
    """Raise `CacheError` if one of the other names is this one in other letters: some systems have one file for both.

    Parameters
    ----------
    name : str
        Name of features in the cache.
    others : collection of str
        Names in the cache; `name` itself may be one of them.
    """
    alike = [other for other in others if other != name and other.lower() == name.lower()]
    if alike:
        msg = (
            f"a name in the cache must differ from the others not only in upper and lower case: got {name}, and there "
            f"is {alike[0]}. Choose another name."
        )
        raise CacheError(msg)


def fingerprints_by_name(root: Path, *, needed: str = "") -> dict[str, str]:
    """Return the fingerprint of each name; files that cannot be trusted are left out.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    needed : str
        A name whose file must be trusted if it is there.

    Raises
    ------
    CacheError
        If the file of the needed name is damaged, unreadable or of a newer version.
    """
    entries = list(names_in(root))
    for entry in entries:
        if isinstance(entry, FaultyFileError) and entry.path.stem == needed:
            raise entry
    return {entry.name: entry.fingerprint for entry in entries if isinstance(entry, Name)}


def names_in(root: Path) -> Iterator[Name | FaultyFileError]:
    """Yield each name, or what is wrong with its file.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    """
    folder = root / "names"
    try:
        paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    except OSError as error:
        yield unreadable(folder, "folder", error)
        return
    for path in paths:
        if PLAIN.fullmatch(path.stem):
            try:
                yield _read(path)
            except FaultyFileError as error:
                yield error
            except FileNotFoundError:  # deleted since the listing
                continue


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
        If the file cannot be written, or the one that is there is unreadable or of a newer version; the name keeps
        its earlier fingerprint.
    """
    path = _path(root, check_name(name))
    mark(root)
    with suppress(FileNotFoundError, DamagedFileError):
        _read(path)
    with disk_errors(root):
        write_file(path, sealed({"format": FORMAT, "name": name, "fingerprint": fingerprint}), root / "tmp")


def forget_name(root: Path, name: str) -> None:
    """Delete a name, but not its features."""
    path = _path(root, name)
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read(path: Path) -> Name:
    """Return the name in a file; raises `FileNotFoundError` or `FaultyFileError`."""
    raw = read_file(path, "name")
    fields = _without_seal(raw)
    is_sealed = fields is None
    if fields is None:
        fields = unsealed(raw, path, kind="name", known=FIELDS, advice=ADVICE)
    name, fingerprint = fields.get("name"), fields.get("fingerprint")
    if name != path.stem or not isinstance(fingerprint, str) or not FINGERPRINT.fullmatch(fingerprint):
        raise damaged(path, "name", advice=ADVICE)
    entry = Name(name=path.stem, fingerprint=fingerprint, is_sealed=is_sealed)
    if raw != (sealed(fields) if is_sealed else _bytes_without_seal(entry)):
        raise damaged(path, "name", advice=ADVICE)
    return entry


def _without_seal(raw: bytes) -> dict[str, object] | None:
    """Return the fields of a name that version 0.1 wrote; None for any other file."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields.keys() == FIELDS else None


def _bytes_without_seal(entry: Name) -> bytes:
    fields = {"format": 1, "name": entry.name, "fingerprint": entry.fingerprint}
    return json.dumps(fields).encode() + b"\n"


def _path(root: Path, name: str) -> Path:
    return root / "names" / f"{name}.json"
