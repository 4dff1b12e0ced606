"""Small JSON files that end with a hash of all bytes before it: sidecars of shards, and names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2s_probe.cache.faults import damaged, newer

FORMAT = 1  # of these files and of a cache as a whole
SEAL_BYTES = len(', "checksum": ""}\n') + 64
OTHER_FORMAT = re.compile(rb'\A\{"format": ([0-9]{1,9})')


def sealed(fields: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file with these fields."""
    text = json.dumps(fields, ensure_ascii=True).encode()
    return text[:-1] + _seal(text)


def unsealed(raw: bytes, path: Path, *, kind: str, known: frozenset[str], advice: str) -> dict[str, Any]:
    """Return the fields of a file.

    Parameters
    ----------
    raw : bytes
        Content of the file.
    path : Path
        The file.
    kind : str
        What the file is.
    known : frozenset of str
        The fields of its format.
    advice : str
        What to do if it is damaged.

    Raises
    ------
    DamagedFileError
        If a byte was changed.
    NewerFileError
        If the format or a field is not known.
    """
    text = raw[:-SEAL_BYTES] + b"}"
    if raw[-SEAL_BYTES:] != _seal(text):
        if _has_other_format(raw):
            raise newer(path, kind)
        raise damaged(path, kind, advice=advice)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(path, kind, advice=advice) from error
    if not isinstance(fields, dict):
        raise damaged(path, kind, advice=advice)
    version = fields.get("format")
    if isinstance(version, bool) or version != FORMAT or not fields.keys() <= known:
        raise newer(path, kind)
    return fields


def _has_other_format(raw: bytes) -> bool:
    """Return whether a file without our seal begins as one of another format, and is not ours but for that number."""
    match = OTHER_FORMAT.match(raw)
    if match is None or int(match[1]) == FORMAT:
        return False
    ours = raw[: match.start(1)] + b"%d" % FORMAT + raw[match.end(1) :]
    return raw[-SEAL_BYTES:] != _seal(ours[:-SEAL_BYTES] + b"}")


def _seal(text: bytes) -> bytes:
    """Return the last bytes of a file, from its last comma; `text` is the JSON without them."""
    return f', "checksum": "{hashlib.sha256(text).hexdigest()}"}}\n'.encode()
