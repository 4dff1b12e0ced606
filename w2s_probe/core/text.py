"""Text that users wrote, made safe to show on a terminal, in JSON and in Markdown.

HTML is escaped by the page's template, which also passes every text through `visible`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# what moves the cursor, turns the direction of writing, hides, or is half a character
_HIDDEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\ud800-\\udfff\\U000e0000-\\U000e007f]"
)
_MARKS = re.compile(r"[!-/:-@\[-`{-~]")
_MARKS_IN_PROSE = re.compile(r"[\\`*_<>&|#@~$]|\](?=[\[(:])")
_PLAIN = re.compile(r"[\w.:/+=,()-]+(?: [\w.:/+=,()-]+)*", flags=re.ASCII)


def visible(text: str) -> str:
    r"""Return the text with control and direction characters written as escapes.

    Examples
    --------
    >>> visible("red: \x1b[31m, two\nlines, turned \u202e")
    'red: \\x1b[31m, two\\nlines, turned \\u202e'
    """
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shorten(text: str, cells: int) -> str:
    """Return the text cut in the middle so that a terminal shows it in at most `cells` cells.

    Examples
    --------
    >>> shorten("features:a-rather-long-name.npy", 16)
    'features…ame.npy'
    """
    if width(text) <= cells:
        return text
    head, tail = "", ""
    for left, right in zip(text, reversed(text), strict=True):
        if width(head + left + tail) >= cells:
            break
        head += left
        if width(head + right + tail) >= cells:
            break
        tail = right + tail
    return f"{head}…{tail}"


def width(text: str) -> int:
    """Return the cells a terminal needs at most; East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def json_text(value: Any) -> str:
    """Return one line of JSON that no terminal obeys: hidden characters are written as escapes.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def markdown_code(text: str) -> str:
    r"""Return user text as Markdown that shows exactly it, also in a table.

    Plain text becomes a code span. Anything else becomes a ``code`` element whose punctuation is
    written as entities, which Markdown never reads as structure; ``dir="auto"`` isolates
    right-to-left text.

    Examples
    --------
    >>> markdown_code("packaged:minilm-l6")
    '`packaged:minilm-l6`'
    >>> markdown_code("a|b\n")
    '<code dir="auto">a&#124;b&#92;n</code>'
    """
    if _PLAIN.fullmatch(text):
        return f"`{text}`"
    return f'<code dir="auto">{_entities(_MARKS, visible(text))}</code>'


def markdown_text(text: str) -> str:
    """Return a sentence of ours as Markdown, whatever names it holds."""
    return _entities(_MARKS_IN_PROSE, visible(text))


def _entities(marks: re.Pattern[str], text: str) -> str:
    return marks.sub(lambda found: f"&#{ord(found[0])};", text)
