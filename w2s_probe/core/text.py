"""Users' text made safe for a terminal, JSON and Markdown.

The page's template escapes HTML, after `visible`.
"""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

SHOWN = 12  # characters of a fingerprint, unless more are needed
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


def joined(names: Sequence[str]) -> str:
    """Return the distinct names as a list in a sentence.

    Examples
    --------
    >>> joined(["a", "b", "a", "c"]), joined(["a"])
    ('a, b and c', 'a')
    """
    own = list(dict.fromkeys(names))
    return " and ".join([", ".join(own[:-1]), own[-1]] if len(own) > 1 else own)


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


def shorten_names(names: Sequence[str], cells: int) -> list[str]:
    """Return the names, each of at most `cells` cells, so that names that differ still differ.

    The middle of a name is left out first. Names that would then look alike keep the part in which they differ. Where
    that part has no room, the names stay whole.

    Examples
    --------
    >>> shorten_names(["features:mean-of-layer-03-float16.npy", "features:mean-of-layer-17-float16.npy"], 22)
    ['feat…-of-layer-03….npy', 'feat…-of-layer-17….npy']
    """
    short = {name: shorten(name, cells) for name in names}
    alike: dict[str, list[str]] = {}
    for name, text in short.items():
        alike.setdefault(text, []).append(name)
    for group in alike.values():
        if len(group) > 1:
            short.update(zip(group, _around_difference(group, cells), strict=True))
    return list(names if len({*short.values()}) < len(short) else map(short.__getitem__, names))


def _around_difference(names: Sequence[str], cells: int) -> list[str]:
    """Return names with equal ends as head, differing part with the text before it, and tail; whole without room."""
    start = _shared(names)
    end = _shared([name[start:][::-1] for name in names])
    parts = shorten_names([name[start : len(name) - end] for name in names], cells - cells // 4)
    room = cells - 2 - max(map(width, parts))  # two ellipses
    if room < 0:
        return list(names)
    ends = room // 4
    return [
        f"{_without_middle(name[:start], ends, room - 2 * ends)}{part}"
        f"{_without_middle(name[len(name) - end :], 0, ends)}"
        for name, part in zip(names, parts, strict=True)
    ]


def _shared(names: Sequence[str]) -> int:
    """Return the number of first characters that all names share."""
    return sum(1 for _ in itertools.takewhile(lambda letters: len({*letters}) == 1, zip(*names, strict=False)))


def _without_middle(text: str, first: int, last: int) -> str:
    """Return the first and the last cells of a text with an ellipsis between them, or the text if it is no longer."""
    if width(text) <= first + last + 1:
        return text
    return f"{_beginning(text, first)}…{_beginning(text[::-1], last)[::-1]}"


def _beginning(text: str, cells: int) -> str:
    ends = itertools.accumulate(map(width, text))
    return text[: sum(end <= cells for end in ends)]


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


def shortest_beginnings(fingerprints: Sequence[str], *, taken: Collection[str] = ()) -> dict[str, str]:
    """Return a beginning of each fingerprint with which no other one begins, and which is no name in `taken`."""

    def unique(text: str) -> bool:
        return text not in taken and sum(other.startswith(text) for other in fingerprints) == 1

    lengths = range(SHOWN, 64)
    return {one: next((one[:n] for n in lengths if unique(one[:n])), one) for one in fingerprints}
