"""Characters in ASCII for those that a stream's encoding lacks: cp1252, for example, has no lines of tables."""

from __future__ import annotations

import codecs

HANDLER = "w2s_probe.look_alike"  # for the argument `errors` of streams
LOOK_ALIKES = {"─": "-", "━": "-", "│": "|", "…": ".", "·": ".", "–": "-", "−": "-", "±": "+-", "→": "->"}


def encodable(text: str, encoding: str | None) -> str:
    r"""Return the text with a look-alike for each sign, and an escape for each other character, that `encoding` lacks.

    Examples
    --------
    >>> encodable("a → 漢", "cp1252")
    'a -> \\u6f22'
    """
    encoding = encoding or "utf-8"
    return text.encode(encoding, HANDLER).decode(encoding)


def _look_alike(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    escaped = (LOOK_ALIKES.get(char) or char.encode("ascii", "backslashreplace").decode() for char in characters)
    return "".join(escaped), error.end


codecs.register_error(HANDLER, _look_alike)
