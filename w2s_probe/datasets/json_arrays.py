"""Arrays of JSON objects as lines of JSON, so that both are read by one reader."""

from __future__ import annotations

import json
from collections.abc import Iterator

from w2s_probe.core.errors import DataError

BLANKS = b" \t\r\n"
MARK = b"\xef\xbb\xbf"  # which Windows writes before UTF-8


def json_lines(content: bytes, *, name: str) -> bytes:
    r"""Return the objects of a JSON array, one on each line; a file of JSON lines is returned as it is.

    Parameters
    ----------
    content : bytes
        Content of a .json file, in UTF-8.
    name : str
        Name of the file, for messages.

    Raises
    ------
    DataError
        If the content is one object, or an element of the array is none.
    ValueError
        If it is no JSON.

    Examples
    --------
    >>> json_lines(b'[{"a": 1},\n {"a": 2}]', name="t.json")
    b'{"a": 1}\n{"a": 2}\n'
    """
    content = content.removeprefix(MARK)
    start = content.lstrip(BLANKS)
    if start[:1] != b"[":
        _check_lines(start, name)
        return content
    return "".join(_objects(content.decode(), name)).encode()


def _objects(text: str, name: str) -> Iterator[str]:
    decode, row = json.JSONDecoder().raw_decode, 0
    at = _after_blanks(text, text.index("[") + 1)
    closed = text[at : at + 1] == "]"
    at += closed
    while not closed:
        value, end = decode(text, at)
        if not isinstance(value, dict):
            msg = (
                f"{name} must be an array of objects, one for each row: element {row} is {_kind(value)}. Write "
                '[{"text": …, "label": …}, …].'
            )
            raise DataError(msg)
        yield text[at:end].replace("\n", " ").replace("\r", " ") + "\n"  # texts hold no line ends, only escapes
        at = _after_blanks(text, end)
        closed = text[at : at + 1] == "]"
        if not closed and text[at : at + 1] != ",":
            msg = f"a comma or ] is missing after element {row}"
            raise ValueError(msg)
        at, row = _after_blanks(text, at + 1), row + 1
    if text[at:].strip():
        msg = "more stands after the end of the array"
        raise ValueError(msg)


def _after_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def _check_lines(content: bytes, name: str) -> None:
    """Raise `DataError` unless the content is JSON lines: an object on the first of several lines."""
    first, _, rest = content.partition(b"\n")
    try:
        value = json.loads(first)
    except ValueError:
        value = None
    if isinstance(value, dict) and rest.strip():
        return
    got = "one object" if content[:1] == b"{" else "another value" if content else "nothing"
    msg = (
        f"{name} must be an array of objects, one for each row: got {got}. Write "
        '[{"text": …, "label": …}, …], or lines of JSON as .jsonl.'
    )
    raise DataError(msg)


def _kind(value: object) -> str:
    names = {list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
