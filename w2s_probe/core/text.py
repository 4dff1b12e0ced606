"""Users' text made safe for a terminal, JSON and Markdown.

The page's template escapes HTML, after `visible`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# characters that move the cursor, change the direction of writing or are invisible, and halves of surrogate pairs
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
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def shorten(text: str, cells: int) -> str:
    """Return the text, without its middle if a terminal needs more than `cells` cells to show it.

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
    """Return how many cells a terminal needs at most; East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def json_text(value: Any) -> str:
    """Return one line of JSON in which control and direction characters are escapes; numbers must be finite."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


def markdown_code(text: str) -> str:
    r"""Return user text as Markdown that shows the text unchanged, also in a table.

    Plain text becomes a code span. Other text becomes a ``code`` element whose punctuation is
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
    """Return one of our sentences as Markdown; names in it cannot become structure."""
    return _entities(_MARKS_IN_PROSE, visible(text))


def _entities(marks: re.Pattern[str], text: str) -> str:
    return marks.sub(lambda match: f"&#{ord(match[0])};", text)
