"""Checks of a file before it is read: a pipe would block or be empty at the second look, a compressed file unpack."""

from __future__ import annotations

import glob
import re
import stat
from pathlib import Path

from w2s_probe.core.errors import DataError

KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
PACKED = {
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
}
UNPACK = {"gzip": "gunzip", "zstd": "unzstd", "bzip2": "bunzip2", "xz": "unxz", "lz4": "unlz4", "zip": "unzip"}
SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a frame that decoders of zstd and lz4 skip, the first of pzstd
HEAD = 64  # bytes that tell a compression


def check_no_pipe(path: Path, name: str) -> None:
    """Raise `DataError` if a path that was given as `name` leads to a pipe, a socket or a device."""
    try:
        kind = KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):  # there is no such file, which the readers say
        return
    if kind is not None:
        msg = (
            f"{name} must be a file that can be read twice: {path} is {kind}. Write it to a file first, as in: "
            "COMMAND > FILE, and name FILE."
        )
        raise DataError(msg)


def pattern_advice(pattern: str) -> str:
    """Return what helps where a pattern fits no file: the brackets of a name that is there are part of the name.

    Parameters
    ----------
    pattern : str
        A pattern such as ``b[1]/*.csv``.
    """
    written: list[str] = []
    named = ""
    for piece in Path(pattern).parts:
        literal = piece.replace("[", "[[]")
        is_name = literal != piece and bool(glob.glob(str(Path(*written, literal))))  # noqa: PTH207  # of any kind of path
        named = named or (piece if is_name else "")
        written.append(literal if is_name else piece)
    if not named:
        return "Check the pattern, and put it in quotes."
    return f"There is {named!r:.60}: write [ as [[] in a pattern, '{Path(*written).as_posix():.240}'."


def check_not_packed(path: Path, name: str) -> None:
    """Raise `DataError` if a file called `name` is compressed, unless its suffix says so."""
    with path.open("rb") as handle:
        packing = packing_of(handle.read(HEAD))
    if packing is None or (packing == "zip" and path.suffix.lower() == ".npz"):
        return
    command = f" with {UNPACK[packing]}" if packing in UNPACK else ""
    msg = (
        f"{name} must be {path.suffix or 'a file'} as its name says: its content is compressed ({packing}). Unpack it "
        f"first{command}, which also shows its size."
    )
    raise DataError(msg)


def packing_of(head: bytes) -> str | None:
    """Return the compression of a file from its first bytes; None if it has none.

    Examples
    --------
    >>> import gzip
    >>> packing_of(gzip.compress(b"text"))
    'gzip'
    >>> packing_of(b"x^2,BZh")
    """
    if SKIPPED.match(head) and len(head) >= 8:
        rest = head[8 + int.from_bytes(head[4:8], "little") :]
        return (packing_of(rest) if len(rest) >= 4 else None) or "zstd"
    if head[8:9] == b"{":  # a safetensors file: its first bytes are a length
        return None
    for magic, packing in PACKED.items():
        if head.startswith(magic):
            return packing
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return "bzip2"
    is_zlib = head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0
    return "zlib" if is_zlib and any(byte < 32 and byte not in b"\t\n\r" for byte in head) else None
